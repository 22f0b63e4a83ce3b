"""How wrong a number will be, before its label is known: a small regression tree of the absolute error.

It is fitted on the test set of a release, on the numeric features and the answer, and kept as plain numbers. Source:
NannyML's direct loss estimation (https://nannyml.readthedocs.io, "How it works: DLE"), where the regression is a
boosted one; a single tree is small enough for a release, and can be read.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

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
    """

    feature: tuple[str, ...]
    threshold: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    missing_left: tuple[bool, ...]
    moments: tuple[tuple[float, float, float], ...]

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

    def expected(self, metric: str, frame: pd.DataFrame, answers: np.ndarray) -> Expected:
        """The ``mae`` or ``rmse`` of the answers (n,) to the rows, which has the features."""
        power = POWERS[metric]
        moments = np.array(self.moments)[self.leaves(_columns(frame, set(self.feature) - {ANSWER, ""}, answers))]
        losses, squares = moments[:, power - 1], moments[:, power]
        value, n = float(losses.mean()), len(losses)
        spread = np.maximum(squares - np.square(losses), 0.0)
        slope = 0.5 / np.sqrt(value) if metric in ROOTS and value > 0 else 1.0
        shown = float(np.sqrt(value)) if metric in ROOTS else value
        return Expected(shown, slope * (losses - value) / n, float(slope**2 * spread.sum() / n**2))


def loss_tree(frame: pd.DataFrame, features: Sequence[str], answers: np.ndarray, truth: np.ndarray) -> LossTree:
    """That of the answers (n,) to the rows, with their numeric ``features`` and the truth (n,)."""
    from sklearn.tree import DecisionTreeRegressor

    columns = _columns(frame, features, answers)
    names, errors = list(columns), np.abs(answers - truth)
    least = max(LEAST_ROWS, len(errors) // 20)
    grown = DecisionTreeRegressor(max_leaf_nodes=LEAVES, min_samples_leaf=least, random_state=0)
    tree = grown.fit(np.column_stack(list(columns.values())).astype(np.float32), errors).tree_
    missing = tree.missing_go_to_left.astype(bool)
    found = LossTree(
        feature=tuple(names[feature] if feature >= 0 else "" for feature in tree.feature),
        threshold=_rounded(tree.threshold), left=tuple(tree.children_left.tolist()),
        right=tuple(tree.children_right.tolist()), missing_left=tuple(missing.tolist()),
        moments=((0.0, 0.0, 0.0),) * tree.node_count,
    )  # fmt: skip
    leaf = found.leaves(columns)
    rows = np.maximum(np.bincount(leaf, minlength=tree.node_count), 1)
    sums = [np.bincount(leaf, weights=errors**power, minlength=tree.node_count) for power in (1, 2, 4)]
    moments = (_rounded(node) for node in np.column_stack(sums) / rows[:, None])
    return found.model_copy(update={"moments": tuple(moments)})


def _columns(frame: pd.DataFrame, features: Iterable[str], answers: np.ndarray) -> dict[str, np.ndarray]:
    """The features and the answer as float32 numbers (n,); what is no finite number is missing."""
    columns = {name: pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float32) for name in features}
    columns[ANSWER] = np.asarray(answers, dtype=np.float32)
    return {name: np.where(np.isfinite(values), values, np.nan) for name, values in columns.items()}


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{value:.9g}") for value in values)  # another CPU may round the last digits
