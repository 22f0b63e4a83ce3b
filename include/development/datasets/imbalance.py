"""Classes of unequal size: equal weight for each, or fewer rows of the larger ones; the training part only.

Source: He and Garcia 2009, Learning from Imbalanced Data, sections 3.1 (sampling) and 3.2 (cost weights).
"""

import numpy as np

from include.development.trainers.protocol import Matrix
from include.errors import TrainingError
from include.families.registry import family
from include.specification.usecase import UseCase


def balanced(spec: UseCase, train: Matrix, seed: int = 0) -> Matrix:
    """The training matrix as ``trainer.imbalance`` wants it.

    ``weights``: every class weighs the same in sum, the mean weight is 1; the model's probabilities are then those of a
    world with equal classes. ``undersample``: as many rows of every class as the smallest has, drawn once per ``seed``,
    in their order; each row left stands for those that were dropped, so probabilities keep their meaning. Raises
    TrainingError when the task has no classes.
    """
    kind = spec.trainer.imbalance
    if kind == "none":
        return train
    if not family(spec).facts.probabilities or train.y is None:
        raise TrainingError(f"{spec.name}: trainer.imbalance {kind!r} is for classes; a {spec.task} has none: drop it")
    classes, member, counts = np.unique(train.y, return_inverse=True, return_counts=True)
    if kind == "weights":
        weight = (len(train.y) / (len(classes) * counts))[member]
        return Matrix(train.X, train.y, weight.astype(np.float32))
    kept = _kept(member, counts, seed)
    return Matrix(train.X[kept], train.y[kept], (counts / counts.min())[member][kept].astype(np.float32))


def _kept(member: np.ndarray, counts: np.ndarray, seed: int) -> np.ndarray:
    """Row numbers, rising."""
    random, least = np.random.default_rng(seed), int(counts.min())
    chosen = [random.choice(np.flatnonzero(member == k), least, replace=False) for k in range(len(counts))]
    return np.sort(np.concatenate(chosen))
