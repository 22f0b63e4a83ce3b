"""How far whole blocks of rows, as days, put two samples apart without a change: by the counts of each block.

The PSI of samples of blocks is, without a change, a weighted sum of chi-squared variables; the weights are those of
the covariance of the shares over the cells' own one (Rao and Scott, Journal of the American Statistical Association 76,
1981). Its mean is known from so few blocks only, so it is compared with an F variable (Thomas and Rao, same journal 82,
1987).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from include.evaluation.blocks import LEAST, Blocks
from include.evaluation.chance import Chance
from include.evaluation.histograms import bins_of, width_of

MOST_GROUPS = 60
"""Neighbouring blocks are merged into as many groups at most."""


@dataclass(frozen=True)
class Sample:
    """Rows by group of neighbouring blocks and bin, ``counts`` (g, k), of ``blocks`` of a ``unit`` on ``days`` days."""

    unit: str
    blocks: int
    days: int
    counts: np.ndarray

    @property
    def enough(self) -> bool:
        return self.blocks >= LEAST

    def describes(self, other: "Sample") -> bool:
        """Whether its blocks say how different those of ``other`` are: hours of few days say nothing about days."""
        return self.enough and not (self.unit == "hour" and other.unit == "day")

    def covariance(self, pool: np.ndarray) -> np.ndarray:
        """(k, k) that of its shares over the pooled shares (k,); of one group as if rows were independent."""
        rows, groups = self.counts.sum(), len(self.counts)
        if groups < 2:
            return np.asarray((np.eye(len(pool)) - pool) / rows)
        apart = self.counts - self.counts.sum(axis=1, keepdims=True) * (self.counts.sum(axis=0) / rows)
        return np.asarray(apart.T @ apart * (groups / (groups - 1) / rows**2) / pool[:, None])

    def correlation(self, effect: float) -> float:
        """Within blocks, that makes this design ``effect``."""
        rows = self.counts.sum() / self.blocks
        return float(np.clip((effect - 1) / (rows - 1), 0, 1)) if rows > 1 else 0.0


@dataclass(frozen=True)
class Drawn:
    """Of which blocks the rows of a window are, and what its baseline has kept of its own: ``unit, count, days``."""

    blocks: Blocks
    days: int
    kept: Mapping[str, Any]

    def samples(self, described: Mapping[str, Any], values: pd.Series) -> tuple[Sample, Sample]:
        """The described rows and ``values`` (n,), by block."""
        return self.sides(described, by_block(described, values, self.blocks))

    def sides(self, described: Mapping[str, Any], counts: np.ndarray) -> tuple[Sample, Sample]:
        """The described rows, and those of the window by ``counts`` (g, k)."""
        was = [row.split(" ") for row in described["by_block"].split(";")]
        before = Sample(self.kept["unit"], self.kept["count"], self.kept["days"], np.array(was, dtype=np.int64))
        return before, Sample(self.blocks.unit, self.blocks.count, self.days, counts)


def by_block(described: Mapping[str, Any], values: pd.Series, blocks: Blocks, itself: bool = False) -> np.ndarray:
    """Values (n,) by group of blocks and bin of a description, (g, k); ``itself``: they are the described ones."""
    groups, width = groups_of(blocks), width_of(described)
    bins, rows = bins_of(described, values, itself)
    count = int(groups.max(initial=-1)) + 1
    return np.bincount(groups[rows] * width + bins, minlength=count * width).reshape(count, width)


def groups_of(blocks: Blocks) -> np.ndarray:
    """(n,) the group of neighbouring blocks of every row."""
    count = min(blocks.count, MOST_GROUPS)
    return np.asarray(blocks.codes * count // max(blocks.count, 1))


def packed(counts: np.ndarray) -> str:
    """Counts (g, k) as a text: numbers, ``;`` between groups."""
    return ";".join(" ".join(map(str, row)) for row in counts.tolist())


def by_blocks(before: Sample, now: Sample, of_rows: Chance) -> tuple[Chance, float]:
    """The PSI without a change where blocks are drawn, and the design effect of the window; ``of_rows`` if rows are."""
    sides = before, now
    totals = np.array([side.counts.sum(axis=0) for side in sides], dtype=float)
    used = totals.sum(axis=0) > 0
    cells, rows = int(used.sum()) - 1, totals.sum(axis=1)
    if cells < 1:
        return of_rows, 1.0
    pool = totals.sum(axis=0)[used] / rows.sum()
    narrow = [Sample(side.unit, side.blocks, side.days, side.counts[:, used]) for side in sides]
    parts = [side.covariance(pool) for side in narrow]
    effects = [float(np.trace(part)) * n / cells for part, n in zip(parts, rows, strict=True)]
    least = [most or 1.0 for most in _least_effects(narrow, effects)]
    alike = (np.eye(len(pool)) - pool) / rows[:, None, None]
    parts = [
        part * (most / own) if own else of_rows_alone * most  # one value in every block: they say nothing
        for part, own, most, of_rows_alone in zip(parts, effects, least, alike, strict=True)
    ]
    traces = np.array([np.trace(part) for part in parts])
    free = np.array([max(1, len(side.counts) - 1) for side in sides])
    of_mean = float(traces.sum() ** 2 / (traces**2 / free).sum())
    freedom, tail = _freedom(parts[0] + parts[1], of_mean, cells)
    by_cells = Chance(float(traces.sum()), freedom)
    of_cells = Chance.chi_squared(cells, float((1 / rows).sum()))
    found = Chance.moments(
        _beside(by_cells.mean, of_rows.mean, of_cells.mean),
        _beside(by_cells.variance, of_rows.variance, of_cells.variance),
    )
    return found._replace(of_mean=tail * of_mean, shape=tail), max(1.0, float(least[1]))


def _beside(by_blocks: float, of_rows: float, of_cells: float) -> float:
    """A moment by blocks, with what rows alone have more than chi-squared (new bins), or have less (few rows)."""
    return by_blocks + of_rows - of_cells if of_rows > of_cells else by_blocks * of_rows / of_cells


def _least_effects(sides: list[Sample], effects: list[float]) -> list[float]:
    """The design effect of each side, at least what the days of the other one say where its own blocks do not."""
    least = [*effects]
    for mine, (side, other) in enumerate([(sides[0], sides[1]), (sides[1], sides[0])]):
        if side.describes(other) or not other.describes(side):
            continue
        blocks = side.days if other.unit == "day" else side.blocks
        within = other.correlation(effects[1 - mine])
        least[mine] = max(effects[mine], 1 + (side.counts.sum() / max(blocks, 1) - 1) * within)
    return least


def _freedom(covariance: np.ndarray, f: float, cells: int) -> tuple[float, float]:
    """Degrees of freedom by variance, and by skewness, of the weighted sum; ``f`` are those of the covariance itself.

    Squares and cubes of few blocks are too large by chance, which is taken off: moments of a Wishart matrix (Letac and
    Massam, Scandinavian Journal of Statistics 31, 2004).
    """
    squared = covariance @ covariance
    total, squares, cubes = (float(np.trace(power)) for power in (covariance, squared, squared @ covariance))
    unbiased = f**2 / max((f - 1) * (f + 2), 1) * (squares - total**2 / f)
    squares = float(np.clip(unbiased, total**2 / cells, total**2))
    cubes -= 3 * total * squares * (1 / f + 1 / f**2) + total**3 / f**2
    cubes = float(np.clip(cubes / (1 + 3 / f + 4 / f**2), squares**2 / total, squares * total))
    return total**2 / squares, squares**3 / cubes**2
