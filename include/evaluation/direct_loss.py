"""How wrong a number will be, before its label is known: a small regression tree of the absolute error.

It is fitted on the test set of a release, on the numeric features and the answer, and kept as plain numbers. Source:
NannyML's direct loss estimation (https://nannyml.readthedocs.io, "How it works: DLE"), where the regression is a
boosted one; a single tree is small enough for a release, and can be read.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from pydantic import Field

from include.contracts.record import Record
from include.evaluation.expected import Expected

LEAVES = 16
LEAST_ROWS = 50
"""Of a leaf; nor less than a twentieth of the test set."""
ANSWER = "answer:"  # no column of a use case has a colon in its name
ROOTS = ("rmse",)
POWERS: Mapping[str, int] = {"mae": 1, "rmse": 2}
"""Metrics that are the mean of a power of the absolute error, or its root."""


class LossTree(Record):
    """Nodes of a tree, the root first.

    ``feature``: name, '' of a leaf; a row goes ``left`` when its value is at most ``threshold``, and with no value
    where ``missing_left`` says so. ``moments``: mean of the absolute error of a leaf, of its 2nd and of its 4th power.
    ``units``: centre and spread of a column, in which it is read: float32 would round a large offset and what varies
    together, and to scikit-learn values within 1e-7 are equal.
    """

    feature: tuple[str, ...]
    threshold: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    missing_left: tuple[bool, ...]
    moments: tuple[tuple[float, float, float], ...]
    units: dict[str, tuple[float, float]] = Field(default_factory=dict)

    def leaves(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """(n,) the leaf of each row, by the columns (n,) of its features and of the answer."""
        at = np.zeros(len(columns[ANSWER]), dtype=np.int64)
        for node, name in enumerate(self.feature):  # children come after their parent
            if name:
                here = np.flatnonzero(at == node)
                values = columns[name][here]
                goes_left = np.where(np.isnan(values), self.missing_left[node], values <= self.threshold[node])
                at[here] = np.where(goes_left, self.left[node], self.right[node])
        return at

    def _columns(self, frame: pd.DataFrame, answers: np.ndarray) -> dict[str, np.ndarray]:
        return _narrow(_columns(frame, set(self.feature) - {ANSWER, ""}, answers), self.units)

    def expected(self, metric: str, frame: pd.DataFrame, answers: np.ndarray) -> Expected:
        """The ``mae`` or ``rmse`` of the answers (n,) to the rows, which has the features."""
        power = POWERS[metric]
        moments = np.array(self.moments)[self.leaves(self._columns(frame, answers))]
        losses, squares = moments[:, power - 1], moments[:, power]
        value, n = float(losses.mean()), len(losses)
        spread = np.maximum(squares - np.square(losses), 0.0)
        slope = 0.5 / np.sqrt(value) if metric in ROOTS and value > 0 else 1.0
        shown = float(np.sqrt(value)) if metric in ROOTS else value
        return Expected(shown, slope * (losses - value) / n, float(slope**2 * spread.sum() / n**2))


def loss_tree(frame: pd.DataFrame, features: Sequence[str], answers: np.ndarray, truth: np.ndarray) -> LossTree:
    """That of the answers (n,) to the rows, with their numeric ``features`` and the truth (n,)."""
    from sklearn.tree import DecisionTreeRegressor

    wide = _columns(frame, features, answers)
    units = {name: _unit(values) for name, values in wide.items()}
    columns = _narrow(wide, units)
    names, errors = list(columns), np.abs(answers - truth)
    least = max(LEAST_ROWS, len(errors) // 20)
    grown = DecisionTreeRegressor(max_leaf_nodes=LEAVES, min_samples_leaf=least, random_state=0)
    scaled = errors / (errors.mean() or 1.0)  # to scikit-learn squares below 2e-16 are none, whatever their unit
    tree = grown.fit(np.column_stack(list(columns.values())).astype(np.float32), scaled).tree_
    missing = tree.missing_go_to_left.astype(bool)
    found = LossTree(
        feature=tuple(names[feature] if feature >= 0 else "" for feature in tree.feature),
        threshold=_rounded(tree.threshold), left=tuple(tree.children_left.tolist()),
        right=tuple(tree.children_right.tolist()), missing_left=tuple(missing.tolist()),
        moments=((0.0, 0.0, 0.0),) * tree.node_count, units=units,
    )  # fmt: skip
    leaf = found.leaves(columns)
    rows = np.maximum(np.bincount(leaf, minlength=tree.node_count), 1)
    sums = [np.bincount(leaf, weights=errors**power, minlength=tree.node_count) for power in (1, 2, 4)]
    moments = (_rounded(node) for node in np.column_stack(sums) / rows[:, None])
    return found.model_copy(update={"moments": tuple(moments)})


def _columns(frame: pd.DataFrame, features: Iterable[str], answers: np.ndarray) -> dict[str, np.ndarray]:
    """The features and the answer as float64 numbers (n,); what is no finite number is missing."""
    columns = {name: pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64) for name in features}
    columns[ANSWER] = np.asarray(answers, dtype=np.float64)
    return {name: np.where(np.isfinite(values), values, np.nan) for name, values in columns.items()}


def _unit(values: np.ndarray) -> tuple[float, float]:
    """The median of what is known, and the power of two next below its standard deviation, which rounds nothing."""
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0, 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        spread = float(known.std())
    return float(np.median(known)), 2.0 ** (math.frexp(spread)[1] - 1) if 0 < spread < np.inf else 1.0


def _narrow(columns: Mapping[str, np.ndarray], units: Mapping[str, tuple[float, float]]) -> dict[str, np.ndarray]:
    """In these units as float32; what that cannot hold is missing."""
    narrow = {}
    for name, values in columns.items():
        centre, spread = units.get(name, (0.0, 1.0))
        with np.errstate(over="ignore"):
            held = ((values - centre) / spread).astype(np.float32)
        narrow[name] = np.where(np.isfinite(held), held, np.nan)
    return narrow


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{value:.9g}") for value in values)  # another CPU may round the last digits
