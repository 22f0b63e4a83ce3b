"""The loss of a release, day by day: sums over the rows of each block, which may be added and kept.

A block is a local day, or an hour where ``comparison.block`` says so. The loss of a row is the Brier score of a class,
the absolute error of a number; a clustering has none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from include.contracts.operations import BlockLoss
from include.evaluation import power
from include.evaluation.blocks import local_starts
from include.evaluation.metrics import brier_losses
from include.families.registry import family
from include.operations.windows.scope import Scope
from include.specification.usecase import UseCase

MOST = 120
"""Blocks that are looked at, the newest."""


@dataclass(frozen=True)
class BlockLosses:
    """Blocks in the order of time: begins ``starts`` (ISO 8601, local), ``rows``, sums of losses and of their squares,
    each (k,)."""

    starts: tuple[str, ...]
    rows: np.ndarray
    totals: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, spec: UseCase, frame: pd.DataFrame, y: np.ndarray, scores: np.ndarray) -> Self:
        """Of rows with the time of their event, their truth and the scores (n,) or (n, K)."""
        losses, unit = row_losses(spec, y, scores), unit_of(spec)
        known, codes = np.unique(local_starts(spec, frame, unit), return_inverse=True)
        written = np.datetime_as_string(known, unit="D" if unit == "day" else "m")
        totals, squares = (np.bincount(codes, weights=part, minlength=len(known)) for part in (losses, losses**2))
        return cls(tuple(map(str, written)), np.bincount(codes, minlength=len(known)), totals, squares)

    @classmethod
    def summed(cls, records: Iterable[Mapping[str, Any]]) -> Self:
        """Of what was kept; a block that several tell is the sum of their rows."""
        together: dict[str, np.ndarray] = {}
        for one in records:
            sums = np.array([one["rows"], one["total"], one["squares"]], dtype=float)
            together[one["block"]] = together.get(one["block"], np.zeros(3)) + sums
        starts = sorted(together)[-MOST:]
        sums = np.array([together[start] for start in starts]).reshape(-1, 3)
        return cls(tuple(starts), *sums.T)

    def kept(self) -> list[dict[str, Any]]:
        """As JSON, one entry per block."""
        sums = zip(self.starts, self.rows, self.totals, self.squares, strict=True)
        return [{"block": b, "rows": int(n), "total": float(t), "squares": float(s)} for b, n, t, s in sums]

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def means(self) -> np.ndarray:
        """(k,)"""
        return self.totals / self.rows

    def mean(self, part: slice) -> float:
        """Of all rows of these blocks."""
        return float(self.totals[part].sum() / self.rows[part].sum())

    @property
    def row_variance(self) -> float:
        """Of the rows within their blocks."""
        within = np.maximum(self.squares - self.totals**2 / self.rows, 0.0).sum()
        return float(within / max(self.rows.sum() - len(self), 1))

    @property
    def variances(self) -> np.ndarray:
        """(k,) of the mean of each block: what differs from block to block, and what its number of rows adds.

        From differences of neighbours (von Neumann, Annals of Mathematical Statistics 12, 1941), which one lasting
        change of the level hardly moves.
        """
        noise = self.row_variance / self.rows
        between = float(np.mean(np.diff(self.means) ** 2 - noise[1:] - noise[:-1]) / 2) if len(self) > 1 else 0.0
        return max(between, 0.0) + noise

    @property
    def standardised(self) -> np.ndarray:
        """(k,) distances from the mean of all rows in standard deviations of the block; 0 where nothing varies."""
        spread, away = np.sqrt(self.variances), self.means - self.mean(slice(None))
        return np.divide(away, spread, out=np.zeros(len(self)), where=spread > 0)

    @property
    def effective_rows(self) -> int:
        """So many independent rows would tell the mean loss as well."""
        n, share = int(self.rows.sum()), self.rows / self.rows.sum()
        return power.effective_rows(n, self.row_variance / n, float((share**2 * self.variances).sum()))


def unit_of(spec: UseCase) -> str:
    """``hour`` where the spec draws hours, else ``day``."""
    return "hour" if spec.comparison.block == "hour" else "day"


def row_losses(spec: UseCase, y: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(n,) the Brier score of each row, over all classes where there are more than two, or the absolute error."""
    if family(spec).facts.probabilities:
        return brier_losses(y.astype(int), scores)
    return np.abs(scores - y.astype(float))


def name_of(spec: UseCase) -> str:
    """What the loss is called."""
    return "Brier score" if family(spec).facts.probabilities else "absolute error"


def of_test_set(spec: UseCase, frame: pd.DataFrame, scores: np.ndarray) -> list[dict[str, Any]]:
    """What a release keeps of its own test set; [] without labels, or without the times of the events."""
    if spec.event.label is None or spec.event.time not in frame:
        return []
    return BlockLosses.of(spec, frame, family(spec).truth(spec, frame), scores).kept()


def records(scope: Scope, losses: BlockLosses) -> list[BlockLoss]:
    """The blocks of a window, to keep."""
    own = {"usecase": scope.spec.name, "release": scope.release, "period": scope.period}
    return [BlockLoss.model_validate(own | block) for block in losses.kept()]


def past_of(release: str, kept: Sequence[BlockLoss]) -> list[dict[str, Any]]:
    """Blocks of the release that earlier windows kept."""
    return [one.json_dict() for one in kept if one.release == release]
