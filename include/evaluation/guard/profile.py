"""The profile of a period: what its features, labels and times look like, in some thousand numbers.

It is made once, from the rows; whether the period is faulty is judged from profiles alone. It hangs on the rows, not on
their order.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations

import numpy as np
import pandas as pd

from include.contracts.guard import PeriodProfile
from include.contracts.period import Period
from include.contracts.spelling import as_text
from include.evaluation.guard.shapes import category_shape, number_shape, row_shape
from include.families.registry import family
from include.specification.usecase import UseCase

LEVELS = 500
"""A number with no more different values is counted by value; of a category so many are."""
CROSSED = 12
"""Most common values of a category whose relation to the other columns is kept."""
WIDEST = 40
"""Numbers of one tensor, evenly spaced, whose relation to the other columns is kept; and numbers put in order."""
LABEL = "label"
HOUR, WEEKDAY = "hour of the event", "weekday of the event"
Categories = Mapping[str, tuple[np.ndarray, list[str]]]
"""Codes of the values, -1 where missing, and the values."""


def profile(
    spec: UseCase, period: Period, rows: pd.DataFrame, *, unlabelled: int | None = None, source: str = ""
) -> PeriodProfile:
    """Of the labelled rows of a period, with the columns of a dataset, and the time of the label where that is known.

    ``unlabelled`` is how many rows have no label; None: unknown.
    """
    ordered = rows.sort_values([spec.event.time, spec.event.id], kind="stable", ignore_index=True)
    local = pd.to_datetime(ordered[spec.event.time], utc=True, cache=False).dt.tz_convert(spec.calendar.timezone)
    numbers, categories = _numbers(spec, ordered), _categories(spec, ordered)
    clock = {HOUR: local.dt.hour.to_numpy(float), WEEKDAY: local.dt.dayofweek.to_numpy(float)}
    shapes = {name: number_shape(values) for name, values in numbers.items()}
    shapes |= {name: category_shape(codes, len(levels)) for name, (codes, levels) in categories.items()}
    shapes[""] = row_shape(ordered[spec.feature_names], local)
    shapes |= {f.name: {"missing": float(ordered[f.name].isna().mean())} for f in spec.features if f.kind == "text"}
    shapes[LABEL] = shapes.get(LABEL, {}) | _label_shape(spec, ordered, unlabelled)
    names, mean, covariance = _moments(_crossed(spec, numbers, categories, clock))
    return PeriodProfile(
        period=period,
        source=source,
        at=datetime.now(UTC),
        rows=len(rows),
        days=int(local.dt.date.nunique()),
        shapes=shapes,
        counts=_counts(numbers, categories, clock[HOUR]),
        orders=_orders(spec, numbers),
        columns=names,
        mean=mean,
        covariance=covariance,
    )


def _label_shape(spec: UseCase, rows: pd.DataFrame, unlabelled: int | None) -> dict[str, float]:
    """How many labels are missing, and how long they took."""
    shape = {} if unlabelled is None else {"missing": unlabelled / max(len(rows) + unlabelled, 1)}
    if spec.event.label_time not in rows or rows.empty:
        return shape
    known, happened = (
        pd.to_datetime(rows[name], utc=True, cache=False) for name in (spec.event.label_time, spec.event.time)
    )
    hours = (known - happened).median() / pd.Timedelta(hours=1)
    return shape | {"delay": float(np.log1p(max(hours, 0)))}


def _numbers(spec: UseCase, rows: pd.DataFrame) -> dict[str, np.ndarray]:
    names = {f.name: f.name for f in spec.features if f.kind == "numeric"}
    names |= {LABEL: spec.event.label} if spec.event.label and not _names_classes(spec) else {}
    read = {n: pd.to_numeric(rows[c], errors="coerce").to_numpy(float, na_value=np.nan) for n, c in names.items()}
    return {name: np.where(np.isfinite(values), values, np.nan) for name, values in read.items()}


def _names_classes(spec: UseCase) -> bool:
    return family(spec).facts.probabilities and len(spec.event.classes) > 2


def _categories(spec: UseCase, rows: pd.DataFrame) -> dict[str, tuple[np.ndarray, list[str]]]:
    names = {f.name: f.name for f in spec.features if f.kind == "categorical"}
    names |= {LABEL: spec.event.label} if spec.event.label and _names_classes(spec) else {}
    found = {}
    for name, column in names.items():
        codes, levels = pd.factorize(as_text(rows[column]), sort=True)
        rule = spec.privacy.columns.get(column)
        hidden = rule is not None and rule.level == "personal"
        found[name] = (codes, [_hidden(level) if hidden else str(level) for level in levels])
    return found


def _hidden(level: object) -> str:
    """What stands for a personal value: equal values are found again, and nobody reads it."""
    return hashlib.blake2b(str(level).encode(), digest_size=8).hexdigest()


def _counts(numbers: Mapping[str, np.ndarray], categories: Categories, hours: np.ndarray) -> dict[str, dict[str, int]]:
    counts = {name: _counted(codes, levels) for name, (codes, levels) in categories.items()}
    for name, values in numbers.items():
        distinct, codes = np.unique(values[~np.isnan(values)], return_inverse=True)
        if len(distinct) <= LEVELS:
            places, levels = pd.factorize(np.array([f"{value:.6g}" for value in distinct], dtype=object))
            counts[name] = _counted(places[codes], levels.tolist())
    return counts | {HOUR: _counted(hours.astype(int), [f"{hour:02d}" for hour in range(24)])}


def _counted(codes: np.ndarray, levels: Sequence[str]) -> dict[str, int]:
    """Rows by value, the commonest first."""
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    return {levels[place]: int(counts[place]) for place in np.argsort(-counts, kind="stable")[:LEVELS] if counts[place]}


def _orders(spec: UseCase, numbers: Mapping[str, np.ndarray]) -> dict[str, float]:
    """``a > b`` → share of the rows that have both; of numbers that are no part of a tensor."""
    alone = [f.name for f in spec.features if f.kind == "numeric" and not f.tensor][:WIDEST]
    shares = {}
    for one, other in combinations(alone, 2):
        both = ~np.isnan(numbers[one]) & ~np.isnan(numbers[other])
        if both.any():
            apart = numbers[one][both] - numbers[other][both]
            shares[f"{one} > {other}"] = float((apart > 0).mean())
            shares[f"{one} < {other}"] = float((apart < 0).mean())
    return shares


def _crossed(
    spec: UseCase, numbers: Mapping[str, np.ndarray], categories: Categories, clock: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """(n,) numbers without gaps by name: ``feature``, or ``feature: part`` for one of several that stand for it."""
    spaced = {name for names in tensors(spec).values() for name in names[:: -(-len(names) // WIDEST)]} | {LABEL}
    kept = {n: v for n, v in numbers.items() if n in spaced and not np.isnan(v).all()}
    columns = {name: np.where(np.isnan(values), np.nanmedian(values), values) for name, values in kept.items()}
    for name, (codes, levels) in categories.items():
        common = list(_counted(codes, levels))[:CROSSED]
        columns |= {f"{name}: {level}": (codes == levels.index(level)).astype(float) for level in sorted(common)}
    for name, values in clock.items():
        turn = 2 * np.pi * values / (24 if name == HOUR else 7)
        columns |= {name: values, f"{name}: sine": np.sin(turn), f"{name}: cosine": np.cos(turn)}
    return columns


def tensors(spec: UseCase) -> dict[str, list[str]]:
    """Tensor, or feature that is none → its columns."""
    found: dict[str, list[str]] = {}
    for feature in spec.features:
        found.setdefault(feature.tensor or feature.name, []).append(feature.name)
    return found


def _moments(columns: Mapping[str, np.ndarray]) -> tuple[list[str], list[float], list[float]]:
    """Names, means, and the upper triangle of the covariance; none without a row."""
    if not len(next(iter(columns.values()))):
        return [], [], []
    values = np.column_stack([*columns.values()])
    mean = values.mean(axis=0)
    covariance = (values - mean).T @ (values - mean) / max(len(values) - 1, 1)
    return list(columns), mean.tolist(), covariance[np.triu_indices(len(mean))].tolist()
