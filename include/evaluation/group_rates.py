"""Rates of groups: the share that is called positive, and those of true and of false positives."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from include.evaluation.weighted import ratio

RATES: Mapping[str, tuple[str, ...]] = {
    "demographic_parity": ("selection_rate",),
    "equal_opportunity": ("true_positive_rate",),
    "equalized_odds": ("true_positive_rate", "false_positive_rate"),
}


def _parts(rate: str, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows counted by a rate and rows that it is taken of; ``cells`` (..., truth, answer)."""
    if rate == "selection_rate":
        return cells[..., 1].sum(axis=-1), cells.sum(axis=(-2, -1))
    truth = int(rate == "true_positive_rate")
    return cells[..., truth, 1], cells[..., truth, :].sum(axis=-1)


@dataclass(frozen=True)
class Cells:
    """Rows by block, group, truth and answer of a yes-or-no question: all that rates depend on.

    Drawing blocks with replacement is drawing their counts; drawing rows is drawing the cells from a multinomial
    distribution: both cost nothing.
    """

    names: list[str]
    by_block: np.ndarray
    """(blocks, groups, truth, answer); of one block where rows are independent."""

    @classmethod
    def count(
        cls, names: np.ndarray, truth: np.ndarray, answer: np.ndarray, block: np.ndarray | None = None
    ) -> "Cells":
        """From rows (n,): group names, truth and answer as booleans, and the code of the block."""
        groups, member = np.unique(names, return_inverse=True)
        code = np.zeros(len(names), dtype=int) if block is None else block
        at = (code * len(groups) + member) * 4 + truth.astype(int) * 2 + answer.astype(int)
        size = 4 * len(groups) * (int(code.max()) + 1)
        return cls([str(g) for g in groups], np.bincount(at, minlength=size).reshape(-1, len(groups), 2, 2))

    @cached_property
    def counts(self) -> np.ndarray:
        """(groups, truth, answer)"""
        return self.by_block.sum(axis=0)

    @cached_property
    def rates(self) -> dict[str, dict[str, float]]:
        """Rate → group → value by fairlearn; NaN where a group has no row to take it of."""
        from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

        group, truth, answer = (axis.ravel() for axis in np.indices(self.counts.shape))
        weights = self.counts.ravel()
        kept = weights > 0
        functions = {rate.__name__: rate for rate in (selection_rate, true_positive_rate, false_positive_rate)}
        frame = MetricFrame(
            metrics=functions,
            y_true=truth[kept],
            y_pred=answer[kept],
            sensitive_features=np.array(self.names)[group[kept]],
            sample_params={name: {"sample_weight": weights[kept]} for name in functions},
        ).by_group
        rates = {rate: {str(g): float(v) for g, v in frame[rate].items()} for rate in functions}
        for rate, known in rates.items():  # fairlearn says 0 where there is no row to take a rate of
            rows = _parts(rate, self.counts)[1]
            rates[rate] = known | {name: np.nan for name, n in zip(self.names, rows, strict=True) if n == 0}
        return rates

    def gap(self, measure: str) -> float:
        """Largest less smallest rate, of the rate that is furthest apart; NaN when a rate is not known."""
        rates = self.rates
        values = np.array([[rates[rate][name] for name in self.names] for rate in RATES[measure]])
        return float(np.ptp(values, axis=1).max())

    def points(self, rate: str) -> np.ndarray:
        """(groups,)"""
        return np.array([self.rates[rate][name] for name in self.names])

    def resampled(self, rate: str, resamples: int, seed: int) -> np.ndarray:
        """The rate (resamples, groups) of what is drawn with replacement; NaN where a draw leaves it unknown."""
        random, shape = np.random.default_rng(seed), (resamples, *self.counts.shape)
        blocks = len(self.by_block)
        if blocks == 1:
            total = int(self.counts.sum())
            drawn = random.multinomial(total, self.counts.ravel() / total, size=resamples)
        else:
            times = random.multinomial(blocks, np.full(blocks, 1 / blocks), size=resamples)
            drawn = times @ self.by_block.reshape(blocks, -1)
        above, below = _parts(rate, drawn.reshape(shape))
        return ratio(above.astype(float), below.astype(float))

    def variances(self, rate: str) -> np.ndarray:
        """(groups,) of independent rows; with one more of each answer, so that rates of 0 and 1 have one as well.

        Agresti and Caffo, The American Statistician 54, 2000.
        """
        above, below = _parts(rate, self.counts)
        share = (above + 1) / (below + 2)
        return share * (1 - share) / (below + 2)
