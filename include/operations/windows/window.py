"""What one release answered in one window, and what is known about it: what every figure is measured on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from include.contracts.evaluation import PartGain
from include.contracts.operations import BlockLoss, Figure
from include.errors import EvaluationError
from include.evaluation.blocks import Blocks, blocks_of
from include.evaluation.counted import Counted
from include.evaluation.divergence import CHANCE, Divergence
from include.evaluation.means import mean_interval
from include.operations.windows.column_facts import Facts
from include.operations.windows.scope import Scope
from include.specification.usecase import UseCase

ANSWERS = ""
"""What figures of the answers have as their subject; no feature has this name."""


@dataclass(frozen=True)
class Drifts:
    """How far the features, a tensor being one, and the answers of a window are from the baseline.

    ``worst`` is the most drifted column of each tensor; ``constant`` are features, or
    the answers, that had and have one value.
    """

    features: Mapping[str, Divergence] = field(default_factory=dict)
    worst: Mapping[str, Divergence] = field(default_factory=dict)
    answers: Divergence | None = None
    constant: frozenset[str] = frozenset()

    @property
    def p_values(self) -> list[float]:
        """Of everything that may drift: without what is constant."""
        every = {**self.features, **({ANSWERS: self.answers} if self.answers else {})}
        return [found.p_value for name, found in every.items() if name not in self.constant]


def forget(losses: Sequence[BlockLoss]) -> None:
    """Keeps nothing."""


class Answering(NamedTuple):
    """How a model answers: raw feature rows to its matrix (rows, columns), and that to scores (rows,) or (rows, K)."""

    encode: Callable[[pd.DataFrame], np.ndarray]
    scores: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Reference:
    """Rows with feature columns that a window is compared with, and where they come from, in words.

    ``answered`` are those that the release of the window answered; None where nobody knows.
    """

    rows: pd.DataFrame
    source: str
    answered: pd.DataFrame | None = None


@dataclass(frozen=True)
class Whole:
    """The answers of a window of which ``asked`` is a sample: ``rows`` without their features, and those as counted."""

    rows: pd.DataFrame
    blocks: Blocks
    counts: Mapping[str, Counted]
    facts: Mapping[str, Facts]


@dataclass(frozen=True)
class Window:
    """Answers of a release in a window.

    ``asked`` (n rows) are the answers that can be judged, the last one of each event; ``known`` those of them whose
    label is known, with its code (without labels: all). ``rescored`` are scores of other releases on the rows of
    ``known``; ``offline`` what the offline store has for the events; ``history`` earlier figures; ``labels_due`` the
    share of the answers whose label is due by now. ``stated`` is, by replaced release, the gain over it in each part of
    the test set, as the verdict said. ``drifts`` is how far they are from the baseline, and ``level`` the
    level at which that is judged: of all that is asked about the window together. ``past`` are
    the losses of earlier windows by block, ``keep`` takes those of this one; ``model`` is that of the release.
    ``before`` is what was asked in the window before, ``last_season`` in the one that ended a year earlier.
    ``usually_known`` is the share of the labels that is usually known by now. In a large window
    ``asked`` and ``known`` are a sample, and ``whole`` says what is known of all its answers.
    """

    scope: Scope
    baseline: Mapping[str, Any]
    asked: pd.DataFrame
    known: pd.DataFrame
    rescored: Mapping[str, np.ndarray]
    offline: pd.DataFrame | None
    history: Sequence[Figure]
    labels_due: float = 1.0
    seed: int = 0
    stated: Mapping[str, Sequence[PartGain]] = field(default_factory=dict)
    drifts: Drifts = field(default_factory=Drifts)
    level: float = CHANCE
    past: Sequence[BlockLoss] = ()
    keep: Callable[[Sequence[BlockLoss]], None] = forget
    model: Answering | None = None
    before: Reference | None = None
    last_season: Reference | None = None
    usually_known: float | None = None
    whole: Whole | None = None

    @property
    def spec(self) -> UseCase:
        return self.scope.spec

    @cached_property
    def asked_blocks(self) -> Blocks:
        """The block of every row of ``asked``."""
        return blocks_or_times(self.spec, self.asked)

    @property
    def answered(self) -> pd.DataFrame:
        """All answers that can be judged; those of a large window without their features."""
        return self.whole.rows if self.whole else self.asked

    @property
    def answered_blocks(self) -> Blocks:
        """The block of every row of ``answered``."""
        return self.whole.blocks if self.whole else self.asked_blocks

    def absent(self, columns: Sequence[str]) -> np.ndarray:
        """The share of these feature columns that each of ``answered`` (n,) lacks."""
        if self.whole:
            return np.asarray(np.mean([self.whole.facts[name].absent for name in columns], axis=0))
        return np.asarray(self.asked[columns].isna().to_numpy().mean(axis=1))

    @cached_property
    def known_blocks(self) -> Blocks:
        """The block of every row of ``known``."""
        return blocks_or_times(self.spec, self.known)

    def mean(self, name: str, values: np.ndarray, blocks: Blocks, subject: str = ANSWERS) -> Figure:
        """The mean of values (n,), with its interval by blocks; of too few of them by rows."""
        by = blocks if blocks.enough else Blocks("row", np.arange(len(values)), len(values))
        return self.scope.interval(name, mean_interval(values, by, self.spec.comparison.confidence), subject)


def blocks_or_times(spec: UseCase, rows: pd.DataFrame) -> Blocks:
    """Those of the evaluation, or by time, where some answers are of no entity."""
    try:
        return blocks_of(spec, rows)
    except EvaluationError:
        by_time = spec.comparison.model_copy(update={"block": None})
        return blocks_of(spec.model_copy(update={"comparison": by_time}), rows)
