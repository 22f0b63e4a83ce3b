"""Faults of single feature columns, each judged against what it was in the release's own test set.

A mean over all cells hides one column of many. Seasons move values and shares by a few percent every month (up to 11 %
missing more, 10 % more of one value on the flights of 2013), so a fault is a change that no season makes.
"""

from collections.abc import Mapping
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from include.contracts.operations import Figure
from include.operations.drift import drift
from include.operations.drift.limits import COLUMN_FAULTS
from include.operations.windows.column_facts import Facts
from include.operations.windows.release_history import History
from include.operations.windows.scope import Scope
from include.specification.usecase import UseCase

WORDS = {
    "missing_increase": "{name} is missing in {value:.1%} of the rows more than in the baseline",
    "stuck": "one value of {name} has {value:.1%} of the rows more than the commonest had in the baseline",
    "constant": "{name} has one value only; in the baseline it varied",
    "unseen": "{value:.1%} of the rows have a {name} that the baseline does not know",
    "outside": "{value:.1%} of the rows have a {name} far outside the range of the baseline (another unit?)",
    "missing_days": "{name} is missing on {value:.1%} of the days as a whole",
}
CHANCE = 3.0  # standard errors of a difference of two shares
VARIED = 0.95  # a value that had more of the baseline may be the only one of a period
FEWEST_ROWS = 20  # of a day or a period: fewer say nothing about the commonest value of a column


def facts(spec: UseCase, baseline: Mapping[str, Any], rows: pd.DataFrame) -> dict[str, Facts]:
    """What is judged of every feature column of served rows (n); days are those of the event time, where it is logged.

    What the baseline does not describe is left out.
    """
    days = days_of(spec, rows)
    found = {name: Facts(baseline["features"][name], days.number) for name in spec.feature_names}
    for name, column in found.items():
        column.add(rows[name])
        column.add_days(rows[name].isna().to_numpy(), days.codes)
    return found


class Days(NamedTuple):
    """The UTC day of every row, ``codes`` (n,) from 0, -1 without a time; and how many there are."""

    codes: np.ndarray
    number: int


def days_of(spec: UseCase, rows: pd.DataFrame) -> Days:
    """The days of the rows (n)."""
    if spec.event.time not in rows:
        return Days(np.full(len(rows), -1), 0)
    codes, distinct = pd.factorize(pd.to_datetime(rows[spec.event.time], utc=True, cache=False).dt.floor("D"))
    return Days(codes, len(distinct))


def figures(scope: Scope, baseline: Mapping[str, Any], found: Mapping[str, Facts], n: int) -> list[Figure]:
    """``COLUMN_FAULTS`` of every feature, of a tensor of its worst column; what the baseline cannot say is left out.

    What the spec calls a function of the ``clock`` can only be missing: a day has one weekday, and the season alone
    takes the day of the year out of the range of a baseline of some days.
    ``found`` are facts of n served rows by column. The interval of a share is three standard errors wide on both sides.
    """
    measured = []
    clock = {f.tensor or f.name for f in scope.spec.features if f.clock}
    for subject, columns in drift.columns_by_input(scope.spec).items():
        parts = [_column(found[name], baseline["rows"]) | _days(found[name]) for name in columns]
        for figure in COLUMN_FAULTS:
            worst = max((part[figure] for part in parts if figure in part), default=None)
            if worst is not None and (subject not in clock or figure.startswith("missing")):
                value, error = worst
                plain = scope.figure(figure, value, subject, n)
                measured.append(plain.model_copy(update={"low": value - error, "high": value + error}))
    return measured


def missing_increase(scope: Scope, baseline: Mapping[str, Any], share: float, n: int) -> Figure:
    """How many more of all feature cells are missing; cells of a row may be missing together, so rows are counted."""
    value, error = _increase(share, drift.missing_share(baseline), n, baseline["rows"])
    figure = scope.figure("missing_increase", value, n=n)
    return figure.model_copy(update={"low": value - error, "high": value + error})


def faults(history: History) -> tuple[list[str], list[str]]:
    """(sentences, features) of the columns whose change in the newest period no season and no chance explains."""
    sentences, subjects = [], []
    for figure, limit in COLUMN_FAULTS.items():
        for name in sorted(history.subjects(figure, history.period)):
            measured = history.by_key[history.period, figure, name]
            if name and measured.value > limit and (measured.low is None or measured.low > 0):
                sentences.append(WORDS[figure].format(name=name, value=measured.value))
                subjects.append(name)
    return sentences, subjects


def _column(facts: Facts, before: int) -> dict[str, tuple[float, float]]:
    """Figure → value and its error, of one column against its description of ``before`` rows."""
    described, n, known = facts.described, facts.rows, facts.known
    found = {"missing_increase": _increase(facts.missing_share, described["missing"] / before, n, before)}
    if not known or described["kind"] == "text":
        return found
    counts = _counts(described)
    top, usual = facts.commonest / known, counts.max(initial=0) / _rows(described, counts)
    if known >= FEWEST_ROWS:
        found["stuck"] = _increase(top, usual, known, before)
        found["constant"] = (float(top == 1 and 0 < usual < VARIED), 0.0)
    if described["kind"] == "categorical":
        rare = _new_ones(described, counts)
        found["unseen"] = _increase(facts.new / known, rare, known, before)
    elif facts.varied:
        found["outside"] = _increase(facts.outside / known, 0.0, known, before)
    return found


def _counts(described: Mapping[str, Any]) -> np.ndarray:
    counts = described["counts"]
    return np.array([*counts.values()] if isinstance(counts, Mapping) else counts, dtype=float)


def _rows(described: Mapping[str, Any], counts: np.ndarray) -> float:
    return float(max(counts.sum() + described.get("rest", 0), 1))


def _new_ones(described: Mapping[str, Any], counts: np.ndarray) -> float:
    """The share of rows whose category is expected to be new, or not to be named (Good and Turing).

    Those that would be new, or not named, if they themselves were not there.
    """
    least = described.get("least", 1)
    return float((counts[counts == least].sum() + described.get("rest", 0)) / _rows(described, counts))


def _increase(now: float, was: float, n: int, before: int) -> tuple[float, float]:
    """Difference of two shares, and three standard errors of it."""
    pooled = (now * n + was * before) / (n + before)
    return now - was, CHANCE * sqrt(pooled * (1 - pooled) * (1 / n + 1 / before))


def _days(facts: Facts) -> dict[str, tuple[float, float]]:
    """Share of the days that lack the column as a whole, where other days have it."""
    full = facts.counts >= FEWEST_ROWS
    without = facts.missing[full] == facts.counts[full]
    if not full.any() or without.all():
        return {}
    return {"missing_days": (float(without.mean()), 0.0)}
