"""What a trainer and the model it fits must do.

X is float32 of shape (rows, columns): numbers with NaN for missing, categories and words as codes (-1: unknown
category, 0: no word). A model's answer to a row are its *scores*, float64: (rows,) is the probability of the
positive class or the predicted value; (rows, K) are the probabilities of K classes or the nearness of K clusters
(the largest is the cluster it belongs to).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from include.specification.learning import Choices, Range
from include.specification.task import TASKS, Predicts, Task, TaskFacts

Parameters = Mapping[str, int | float | str]
Space = Mapping[str, Range | Choices]


Curve = Sequence[Mapping[str, float]]
"""A fit step by step: ``step``, ``train`` and ``validation`` loss."""


def best_step(curve: Curve) -> int:
    """Index of the step with the lowest validation loss, the first of equal ones."""
    return min(range(len(curve)), key=lambda i: curve[i]["validation"])


def kept_step(curve: Curve, patience: int) -> int:
    """Index of the step that a fit keeps: the best one; with ``patience`` 0 nothing is chosen, so the last."""
    return best_step(curve) if patience else len(curve) - 1


def stagnates(curve: Curve, patience: int) -> bool:
    """Whether the last ``patience`` steps (0: never) brought no better validation loss."""
    return patience > 0 and bool(curve) and len(curve) - 1 - best_step(curve) >= patience


class Input(NamedTuple):
    """One feature of the model: ``width`` columns of X; ``size`` is the number of codes (0: numbers).

    ``tensor`` and ``shape`` are those of the tensor that it is one number of; ``values`` what the codes stand for:
    categories from code 0, words from ``include.contracts.encoding.FIRST_WORD`` on. ``centre`` was subtracted from a
    number.
    """

    name: str
    kind: str
    width: int = 1
    size: int = 0
    tensor: str = ""
    shape: tuple[int, ...] = ()
    values: tuple[str, ...] = ()
    centre: float = 0.0


class Placed(NamedTuple):
    """An input and its first column in X."""

    input: Input
    at: int

    @property
    def columns(self) -> range:
        return range(self.at, self.at + self.input.width)


def placed(inputs: Sequence[Input]) -> list[Placed]:
    """Where every input stands in X."""
    ends = accumulate(one.width for one in inputs)
    return [Placed(one, end - one.width) for one, end in zip(inputs, ends, strict=True)]


@dataclass(frozen=True)
class Problem:
    """What is to be learned: the task, the inputs in the order of X, the number of classes (0: no classes)."""

    task: Task
    inputs: tuple[Input, ...]
    classes: int = 0

    @property
    def width(self) -> int:
        """Columns of X."""
        return sum(one.width for one in self.inputs)

    @property
    def facts(self) -> TaskFacts:
        return TASKS[self.task]

    @property
    def outputs(self) -> int:
        """Scores per row of classes and numbers."""
        return self.classes if self.facts.table else 1


class Matrix(NamedTuple):
    """Encoded rows; labels (codes of classes from 0, or numbers; None for clustering) and weights (None: equal)."""

    X: np.ndarray
    y: np.ndarray | None
    weight: np.ndarray | None = None


@dataclass(frozen=True)
class Run:
    """How a fit runs.

    ``checkpoint`` is a directory that a killed fit finds again, for the same fit only; ``start`` the weights to go on
    from; ``report`` takes (step, validation loss) and raises to give up (a pruned trial). ``spread`` is what the labels
    were divided by, in units of the label: a penalty that is in these units keeps its meaning.
    """

    threads: int = 1
    checkpoint: Path | None = None
    start: "Fitted | None" = None
    report: Callable[[int, float], None] | None = None
    spread: float = 1.0


class Fitted(Protocol):
    """A fitted model."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Scores, float64 of shape (rows,) or (rows, K)."""

    def save(self) -> bytes:
        """The same model always gives the same bytes."""

    def onnx(self) -> bytes:
        """ONNX with input ``input`` float32 (rows, columns); the last columns of its last output are the scores."""

    def describe(self) -> dict[str, Any]:
        """What it is and how big, for the model card: ``algorithm``, and figures by name."""

    def length(self) -> Parameters:
        """Parameters that make another fit take as many steps as this one, and keep the last; {} where none are taken.

        A refit learns from the validation rows too, so it must neither stop nor choose by them. Only of a model that
        was just fitted, not of a loaded one.
        """

    @property
    def curve(self) -> Curve:
        """Empty for a fit without steps, or once loaded."""


class Trainer(Protocol):
    """One learning algorithm; ``predicts`` is what it can learn."""

    name: str
    predicts: frozenset[Predicts]

    @property
    def defaults(self) -> Parameters: ...

    @property
    def space(self) -> Space: ...

    def fit(self, problem: Problem, train: Matrix, validation: Matrix, parameters: Parameters, run: Run) -> Fitted:
        """Fit, stopping early on ``validation`` where it can.

        Raises TrainingError when the parameters or the fit are unusable, or the trainer has no such task.
        """

    def load(self, problem: Problem, content: bytes) -> Fitted:
        """Inverse of ``Fitted.save``. Raises TrainingError when the bytes are no such model."""


def merged(trainer: Trainer, *layers: Parameters) -> dict[str, int | float | str]:
    """The trainer's defaults overlaid by ``layers`` in turn."""
    together = dict(trainer.defaults)
    for layer in layers:
        together |= layer
    return together
