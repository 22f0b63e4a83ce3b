"""Surrogate models: a shallow tree for all answers of a model, and a linear model around one row.

Sources: Craven and Shavlik, NeurIPS 1995 (a tree that imitates a model); Ribeiro, Singh, Guestrin 2016, "Why Should I
Trust You?" (LIME: weighted ridge regression on perturbations of a row).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from include.development.feature_groups import FeatureGroup, evenly, feature_groups, shown
from include.development.trainers.label_units import LabelUnits
from include.development.trainers.protocol import placed
from include.development.trainers.trained_model import TrainedModel
from include.families.registry import family
from include.specification.usecase import UseCase

DEPTH, TREE_ROWS = 3, 4000
CATEGORIES, WORDS = 10, 30  # the most frequent ones that a rule may ask for
PERTURBATIONS, SHOWN_EFFECTS = 1000, 6
SMALL = 0.001  # three decimals tell nothing of less
KERNEL_WIDTH = 0.75  # LIME's, times the root of the number of features


@dataclass(frozen=True)
class SurrogateTree:
    """``fidelity``: R² of its numbers, or the share of its classes, that are the model's, on rows it was not fitted on.

    ``rules``: one line a leaf.
    """

    fidelity: float
    measure: str
    rows: int
    rules: list[str]

    def describe(self) -> str:
        head = f"A tree of depth {DEPTH} that imitates the model; {self.measure} {self.fidelity:.3f} on other rows."
        return "\n".join([head, "", *self.rules]) + "\n"


class Question(NamedTuple):
    """What a rule asks of: a number, or whether something ``is_yes_or_no``; ``centre`` as in ``protocol.Input``."""

    name: str
    is_yes_or_no: bool
    centre: float = 0.0


def surrogate_tree(spec: UseCase, model: TrainedModel, frame: pd.DataFrame) -> SurrogateTree:
    """Fitted to the model's answers on half of at most ``TREE_ROWS`` rows of ``frame``, judged on the other half."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    X = model.encoder.transform(evenly(frame, TREE_ROWS))
    scores = model.scores(X)
    names, readable = _readable(model, X)
    numbers = scores.ndim == 1
    answers = scores if numbers else family(spec).predicted(scores)
    kind = DecisionTreeRegressor if numbers else DecisionTreeClassifier
    tree = kind(max_depth=DEPTH, min_samples_leaf=max(1, len(X) // 100), random_state=0)
    # a tree's squares would lose digits to a large offset, and vanish in a small unit
    units = LabelUnits.of(answers) if numbers else LabelUnits()
    targets = units.scaled(answers) if numbers else answers
    tree.fit(readable[::2], targets[::2])
    fidelity = float(tree.score(readable[1::2], targets[1::2])) if len(X) > 2 else 1.0
    measure = "R²" if numbers else "share of equal answers"
    return SurrogateTree(fidelity, measure, len(X), _rules(spec, tree, names, readable, units))


def _readable(model: TrainedModel, X: np.ndarray) -> tuple[list[Question], np.ndarray]:
    """Columns a rule can be about, and their values."""
    names: list[Question] = []
    columns: list[np.ndarray] = []
    for entry, (one, at) in zip(model.encoder.features, placed(model.encoder.inputs), strict=True):
        block = X[:, at : at + one.width]
        if one.kind == "numeric":
            names.append(Question(one.name, False, one.centre))
            columns.append(block[:, 0])
        elif one.kind == "categorical":
            for code in _frequent(block, CATEGORIES, least=0):
                names.append(Question(f"{one.name} is {entry['categories'][code]}", True))
                columns.append(block[:, 0] == code)
        else:
            for code in _frequent(block, WORDS, least=2):
                names.append(Question(f"{one.name} has the word {entry['vocabulary'][code - 2]!r}", True))
                columns.append((block == code).any(axis=1))
    return names, np.column_stack(columns).astype(np.float32)


def _frequent(block: np.ndarray, most: int, least: int) -> list[int]:
    """The most frequent codes from ``least`` on: below are the unknown ones."""
    codes, counts = np.unique(block[block >= least].astype(int), return_counts=True)
    return [int(code) for code in codes[np.argsort(-counts, kind="stable")][:most]]


def _rules(spec: UseCase, tree: Any, names: list[Question], X: np.ndarray, units: LabelUnits) -> list[str]:
    inner, lines = tree.tree_, []
    total = inner.weighted_n_node_samples[0]

    def walk(node: int, path: list[str]) -> None:
        if inner.children_left[node] < 0:
            share = inner.weighted_n_node_samples[node] / total
            lines.append(
                f"{' and '.join(path) or 'always'}: {_leaf(spec, tree, node, units)} ({share:.0%} of the rows)"
            )
            return
        low, high = _sides(inner, node, names, X)
        walk(inner.children_left[node], [*path, low])
        walk(inner.children_right[node], [*path, high])

    walk(0, [])
    return lines


def _sides(inner: Any, node: int, names: list[Question], X: np.ndarray) -> tuple[str, str]:
    column = inner.feature[node]
    name, yes_or_no, centre = names[column]
    if yes_or_no:
        return f"not ({name})", name
    missing = np.isnan(X[:, column]).any()
    left = " or missing" if missing and inner.missing_go_to_left[node] else ""
    right = " or missing" if missing and not inner.missing_go_to_left[node] else ""
    bound = f"{inner.threshold[node]:.4g}"
    bound = f"{centre + float(bound):.15g}" if centre else bound
    return f"{name} ≤ {bound}{left}", f"{name} > {bound}{right}"


def _leaf(spec: UseCase, tree: Any, node: int, units: LabelUnits) -> str:
    value = tree.tree_.value[node].ravel()
    if not hasattr(tree, "classes_"):
        answer = float(units.restored(value[0]))
        return f"{answer:.3f}" if abs(answer) >= SMALL or not answer else f"{answer:.3g}"
    code, share = int(tree.classes_[value.argmax()]), value.max() / value.sum()
    return f"{family(spec).answer_name(spec, code)} (here {share:.0%})"


def local_surrogate(
    spec: UseCase, model: TrainedModel, one: pd.DataFrame, others: np.ndarray, *, seed: int = 0
) -> dict[str, Any]:
    """What moves the answer around one row: ``answer, fidelity, effects``.

    ``answer`` is the score of what the model says of the row. An effect of a number is that of one standard deviation
    more, of anything else that of this value instead of another row's. ``fidelity``: weighted R² of the line.
    ``one`` is the row as a frame of one; from ``others``, two or more encoded rows, spreads and other values are taken.
    """
    from sklearn.linear_model import Ridge

    groups = feature_groups(model)
    X = model.encoder.transform(one)[0]
    around, design = _perturbed(groups, X, others, np.random.default_rng(seed))
    scores = model.scores(around)
    values = scores if scores.ndim == 1 else scores[:, scores[0].argmax()]
    distance = np.where(_are_numbers(groups, X, others), design, 1 - design)
    weights = np.exp(-0.5 * (distance**2).sum(axis=1) / (KERNEL_WIDTH**2 * len(groups)))
    line = Ridge(alpha=1.0).fit(design, values, sample_weight=weights)
    largest = np.argsort(-np.abs(line.coef_), kind="stable")[:SHOWN_EFFECTS]
    effects = [
        {"feature": groups[i].name, "value": shown(spec, groups[i], one.iloc[0]), "effect": float(line.coef_[i])}
        for i in largest
    ]
    fidelity = float(line.score(design, values, sample_weight=weights))
    return {"answer": float(values[0]), "fidelity": fidelity, "effects": effects}


def _are_numbers(groups: list[FeatureGroup], X: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which features can be a bit larger or smaller: known numbers that vary."""
    return np.array([g.is_number and np.isfinite(X[g.columns[0]]) and _spread(g, others) > 0 for g in groups])


def _spread(group: FeatureGroup, others: np.ndarray) -> float:
    known = others[:, group.columns[0]]
    known = known[np.isfinite(known)].astype(np.float64)
    return float(known.std()) if len(known) else 0.0


def _perturbed(
    groups: list[FeatureGroup], X: np.ndarray, others: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Rows around ``X`` (the first is ``X`` itself) and the line's design (rows, groups).

    Of a number the design holds standard deviations away, of anything else 1 for kept and 0 for another row's.
    """
    around = np.repeat(X[None], PERTURBATIONS, axis=0)
    numbers = _are_numbers(groups, X, others)
    design = np.where(numbers, random.normal(size=(PERTURBATIONS, len(groups))), 0.0)
    design += np.where(numbers, 0.0, random.random((PERTURBATIONS, len(groups))) < 0.5)
    design[0] = np.where(numbers, 0.0, 1.0)
    for i, group in enumerate(groups):
        columns = np.array(group.columns)
        if numbers[i]:
            around[:, columns[0]] += (design[:, i] * _spread(group, others)).astype(np.float32)
            continue
        replaced = np.flatnonzero(design[:, i] == 0)
        around[np.ix_(replaced, columns)] = others[random.integers(0, len(others), len(replaced))][:, columns]
    return around, design
