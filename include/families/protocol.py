"""What depends on the kind of learning problem, as one protocol. A family is a module with a ``FAMILY``.

Scores are (n,): the probability of class 1, or the predicted value; or (n, K): the probabilities of K classes, or the
nearness to K clusters (the largest is the cluster). The truth is (n,): bool, class codes or numbers. The truth of
clusters is the space (n, d) in which they are judged. A method holds for every kind whose module has no other one.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd

from include.families.labels import exactly, numbers, written
from include.specification.task import TASKS, TaskFacts
from include.specification.usecase import UseCase


class Picture(NamedTuple):
    """One picture of the model card: a function of ``development.card.plots``, its arguments, and the caption."""

    plot: str
    arguments: tuple
    caption: str


LabelFigures = list[tuple[str, float, str]]
"""Monitored figures of the labels: name, value, subject (a class, or '')."""


class Family(Protocol):
    """One kind of learning problem; ``name`` is its entry in ``TASKS``.

    ``code_type``, ``truth_type``, ``label_type``: of a label in a dataset, in the truth, and as a person gives it.
    ``every_class``: metrics that are resampled only where each class has enough rows. ``associations``: how a category
    and a number alone are measured against the label. ``unit``, ``margin_unit``: of a score, and of the margin of a
    tree model. ``summary_title``: what ``summary`` is, with ``{label}`` for the label's name.
    """

    name: str
    code_type: str = "float64"
    truth_type: str = "float64"
    label_type: type[int | str | float] = float
    every_class: Sequence[str] = ()
    associations: tuple[str, str] = ("eta squared", "rank correlation")
    unit: str = "units of the label"
    margin_unit: str = "units of the label"
    summary_title: str = "mean {label}"

    @property
    def facts(self) -> TaskFacts:
        """What a spec may say of it."""
        return TASKS[self.name]

    def truth(self, spec: UseCase, frame: pd.DataFrame) -> np.ndarray:
        """The truth of the rows, from the coded label. Raises DataError when a value is no code."""
        return self.checked_codes(spec, frame[spec.event.label]).to_numpy(dtype=self.truth_type)

    def label_codes(self, spec: UseCase, labels: pd.Series) -> pd.Series:
        """Labels as a dataset keeps them, in ``code_type``.

        Raises DataError, with count and first row, when a label is missing or is not exactly one of the task.
        """
        return self.checked_codes(spec, labels)

    def checked_codes(self, spec: UseCase, codes: pd.Series) -> pd.Series:
        """Labels that have their code already, in ``code_type``; errors as ``label_codes`` says."""
        whole = "whole" if np.dtype(self.code_type).kind in "iu" else "finite"
        return exactly(spec, codes, numbers(codes), self.code_type, f"a {whole} number that {self.code_type} holds")

    def predicted(self, scores: np.ndarray) -> np.ndarray:
        """Class code, cluster or value, (n,)."""
        if scores.ndim == 2:
            return scores.argmax(axis=1)
        return scores if self.facts.threshold is None else (scores >= self.facts.threshold).astype(np.int64)

    def prior(self, y: np.ndarray, classes: int) -> np.ndarray:
        """The scores, () or (K,), that a baseline gives every row when the training part has the labels ``y``."""
        return np.mean(y)

    def names(self, spec: UseCase, count: int = 0) -> list[str]:
        """What class codes, or the ``count`` clusters, are called in figures; [] for numbers."""
        return spec.event.classes or [str(code) for code in range(count if self.facts.threshold is None else 2)]

    def answer_name(self, spec: UseCase, code: int) -> str:
        """The class or cluster in words."""
        return self.names(spec)[code]

    def class_rows(self, spec: UseCase, y: np.ndarray | pd.Series) -> dict[str, int]:
        """Class → rows; {} without classes."""
        return {name: int((y == code).sum()) for code, name in enumerate(self.names(spec))}

    def label_figures(self, spec: UseCase, y: np.ndarray) -> LabelFigures:
        """What is monitored of the labels."""
        return [("label_mean", y.mean(), ""), ("label_std", y.std(), "")]

    def uncertainty(self, strategy: str, members: Sequence[np.ndarray]) -> np.ndarray:
        """How unsure each row is, (n,), from the scores of one release or several; in units of the label."""
        return np.std(members, axis=0)

    def answer(self, spec: UseCase, scores: np.ndarray) -> str:
        """One row's answer in words; ``scores`` are () or (K,)."""
        return written(float(scores))

    def outcome(self, spec: UseCase, truth: Any, scores: Any) -> str:
        """One row's truth in words, beside the answer where that is a class or cluster."""
        return f"it was {written(float(truth))}"

    def summary(self, spec: UseCase, y: np.ndarray) -> str:
        """The labels of a dataset's part in one figure."""
        return written(float(y.mean()))

    def pictures(self, spec: UseCase, frame: pd.DataFrame, y: np.ndarray, scores: np.ndarray) -> Mapping[str, Picture]:
        """Name → picture of the answers to the test part ``frame`` against the truth."""
