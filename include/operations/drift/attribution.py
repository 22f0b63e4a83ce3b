"""Attribution drift: what the answers of a release are attributed to, against its own test set.

A share of a feature is its mean absolute SHAP value over the sum of all. The values are those of one reference point
(baseline Shapley: Sundararajan and Najmi, ICML 2020), the median of each number and the most common code of each
category in the test set, by sampled permutations (``evaluation.shapley``) of what the packaged model answers: every
trainer has them, and no row of a person is kept. Source of the figure: Lundberg et al., Nature Machine Intelligence 2,
2020, section on monitoring with local explanations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from include.contracts.encoding import width
from include.contracts.operations import Figure, FigureState
from include.evaluation import power
from include.evaluation.blocks import LEAST, Blocks
from include.evaluation.divergence import CHANCE
from include.evaluation.shapley import permuted
from include.operations.windows import states
from include.operations.windows.window import Answering, Window, blocks_or_times
from include.specification.usecase import UseCase

NAME = "attribution_drift"
FEWEST, MOST = 50, 500  # rows that are explained
ANSWERS = 100_000  # budget: a row costs 2 features + 1 answers of the model
GROUPS = 100  # of blocks: more are put together
DRAWS = 10_000


@dataclass(frozen=True)
class Effects:
    """Absolute SHAP values of explained rows: ``sums`` (k blocks, F features), ``rows`` (k,).

    ``scatter`` is the variance (F,) that the shares had if rows were independent.
    """

    rows: np.ndarray
    sums: np.ndarray
    scatter: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, blocks: Blocks) -> Self:
        """Of values (n, F) of rows in these blocks."""
        codes, count = blocks.codes % GROUPS, min(blocks.count, GROUPS)
        sums = np.zeros((count, values.shape[1]))
        np.add.at(sums, codes, values)
        return cls(np.bincount(codes, minlength=count), sums, (_residuals(values) ** 2).sum(axis=0))

    @property
    def shares(self) -> np.ndarray:
        """(F,), which sum to 1; 0 where no answer moves."""
        return _shares(self.sums)

    @property
    def residuals(self) -> np.ndarray:
        """(k, F) what each block moves the shares by (a ratio of sums: Cochran, "Sampling Techniques", 1977, ch. 6)."""
        count = len(self.sums)
        return _residuals(self.sums) * np.sqrt(count / max(count - 1, 1))

    def kept(self) -> dict[str, Any]:
        """As JSON."""
        return {"rows": self.rows.tolist(), "sums": self.sums.tolist(), "scatter": self.scatter.tolist()}

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Self:
        return cls(*(np.asarray(kept[name], dtype=float) for name in ("rows", "sums", "scatter")))


def _shares(sums: np.ndarray) -> np.ndarray:
    total = sums.sum()
    return sums.sum(axis=0) / total if total > 0 else np.zeros(sums.shape[1])


def _residuals(sums: np.ndarray) -> np.ndarray:
    total = sums.sum()
    if not total > 0:
        return np.zeros(sums.shape)
    return (sums - _shares(sums) * sums.sum(axis=1, keepdims=True)) / total


def of_test_set(
    spec: UseCase, entries: Sequence[Mapping[str, Any]], model: Answering, frame: pd.DataFrame
) -> dict[str, Any]:
    """What a release keeps: reference point, columns by feature, and effects on rows of its own test set.

    ``entries`` are the features of the release's encoding.
    """
    columns = _columns(entries)
    rows = _sample(spec, frame, len(columns))
    X = model.encode(rows)
    reference = _reference(entries, X)
    effects = Effects.of(_values(model, X, reference, columns), blocks_or_times(spec, rows))
    known = [None if np.isnan(value) else float(value) for value in reference]
    return {"columns": columns, "reference": known, **effects.kept()}


def _columns(entries: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
    """Feature, or tensor, → its columns of the matrix."""
    columns: dict[str, list[int]] = {}
    at = 0
    for entry in entries:
        columns.setdefault(entry.get("tensor") or entry["name"], []).extend(range(at, at + width(dict(entry))))
        at += width(dict(entry))
    return columns


def _reference(entries: Sequence[Mapping[str, Any]], X: np.ndarray) -> np.ndarray:
    """(columns,) medians of numbers, NaN where all are missing; most common codes of the others."""
    numeric = np.repeat([e["kind"] == "numeric" for e in entries], [width(dict(e)) for e in entries])
    return np.array(
        [_middle(column) if is_number else _common(column) for column, is_number in zip(X.T, numeric, strict=True)]
    )


def _middle(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _common(codes: np.ndarray) -> float:
    known, counts = np.unique(codes, return_counts=True)
    return float(known[counts.argmax()])


def _sample(spec: UseCase, frame: pd.DataFrame, features: int) -> pd.DataFrame:
    """Rows evenly spaced in time, as many as the budget allows; always the same."""
    rows = int(np.clip(ANSWERS // (2 * features + 1), FEWEST, MOST))
    order = [column for column in (spec.event.time, spec.event.id) if column in frame]
    ordered = frame.sort_values(order, kind="stable") if order else frame
    places = np.unique(np.linspace(0, len(frame) - 1, min(rows, len(frame))).astype(int))
    return ordered.iloc[places].reset_index(drop=True)


def _values(model: Answering, X: np.ndarray, reference: np.ndarray, columns: Mapping[str, list[int]]) -> np.ndarray:
    """(n, F) absolute SHAP values, the mean over classes or clusters."""
    at = reference[None].astype(np.float32)
    return np.abs(permuted(model.scores, X, at, [*columns.values()])).mean(axis=2)


def figures(window: Window) -> list[Figure]:
    """``attribution_drift`` by feature: its share less that in the test set, with an interval by blocks; and the whole.

    The whole is the total variation between the shares (half the sum of the absolute differences), with the floor that
    chance reaches once in a thousand. None for a release that kept no attributions.
    """
    kept, model = window.baseline.get("attributions"), window.model
    if not kept or model is None or window.asked.empty:
        return []
    columns, was = kept["columns"], Effects.read(kept)
    rows = _sample(window.spec, window.asked, len(columns))
    reference = np.array([np.nan if value is None else value for value in kept["reference"]], dtype=float)
    blocks = blocks_or_times(window.spec, rows)
    now = Effects.of(_values(model, model.encode(rows), reference, columns), blocks)
    drift = _Drift(window, was, now)
    found = [drift.of_feature(name, place) for place, name in enumerate(columns)]
    return states.too_few([*found, drift.whole()], _lack(was, now, blocks))


def _lack(was: Effects, now: Effects, blocks: Blocks) -> str:
    if len(was.sums) < LEAST:
        return f"needs {LEAST} {blocks.unit}s of the test set, has {len(was.sums)}"
    return states.lack(blocks) or (f"needs {FEWEST} rows, has {now.rows.sum():.0f}" if now.rows.sum() < FEWEST else "")


@dataclass(frozen=True)
class _Drift:
    window: Window
    was: Effects
    now: Effects

    @property
    def moved(self) -> np.ndarray:
        return self.now.shares - self.was.shares

    @property
    def residuals(self) -> np.ndarray:
        """(k, F) of the blocks of both."""
        return np.concatenate([self.now.residuals, self.was.residuals])

    @property
    def freedom(self) -> int:
        return max(min(len(self.now.sums), len(self.was.sums)) - 1, 1)

    def of_feature(self, name: str, place: int) -> Figure:
        """The difference, with its interval by the t distribution of the fewer blocks."""
        value, error = self.moved[place], float(np.sqrt((self.residuals[:, place] ** 2).sum()))
        reach = error * float(stdtrit(self.freedom, (1 + self.window.spec.comparison.confidence) / 2))
        figure = self._figure(float(value), name, None)
        return figure.model_copy(update={"low": value - reach, "high": value + reach})

    def whole(self) -> Figure:
        """The total variation, and its noise floor: normal multipliers of the blocks, with the t distribution's width.

        Source: Cameron, Gelbach and Miller, Review of Economics and Statistics 90, 2008 (bootstraps of clusters).
        """
        random, residuals = np.random.default_rng(self.window.seed), self.residuals
        wide = np.sqrt(self.freedom / random.chisquare(self.freedom, (DRAWS, 1)))
        drawn = np.abs(random.normal(size=(DRAWS, len(residuals))) @ residuals * wide).sum(axis=1) / 2
        return self._figure(float(np.abs(self.moved).sum() / 2), "", float(np.quantile(drawn, 1 - CHANCE)))

    def _figure(self, value: float, name: str, floor: float | None) -> Figure:
        n, scatter = int(self.now.rows.sum()), float(self.now.scatter.sum())
        constant = not self.now.sums.any() and not self.was.sums.any()
        note = "no answer depends on a feature" if constant else ""
        state: FigureState = "constant" if constant else "judged"
        figure = self.window.scope.figure(NAME, value, name, n, floor, state, note)
        by_blocks = float((self.now.residuals**2).sum())
        return figure.model_copy(update={"effective_n": power.effective_rows(n, scatter, by_blocks)})
