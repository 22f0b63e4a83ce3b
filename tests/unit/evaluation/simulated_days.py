"""Evaluations by whole days, simulated: the truth is known, so rates of a rule are compared with what it states.

Losses are drawn, not models: the candidate's loss is the champion's plus what is the day's, so days and not rows are
independent, less its true gain.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from scipy.stats import binom

from include.evaluation import net_value
from include.evaluation.blocks import Blocks
from include.evaluation.bootstrap import Resampled, paired
from include.evaluation.difference import Difference
from include.evaluation.net_value import Balance
from tests.unit.evaluation.evaluation_specs import small_spec

METRIC = "mae"


def within(found: float, stated: float, runs: int) -> bool:
    """Whether a rate of so many runs is as stated: within the 99.9 % limits of the binomial distribution."""
    low, high = binom.ppf([0.0005, 0.9995], runs, stated) / runs
    return bool(low <= found <= high)


@dataclass(frozen=True)
class World:
    """``days`` of ``rows`` each; the difference scatters by ``of_day`` between days and by 1 between rows."""

    days: int
    rows: int = 12
    gain: float = 0.0
    of_day: float = 0.5
    runs: int = 800

    def blocks(self) -> Blocks:
        return Blocks("day", np.repeat(np.arange(self.days), self.rows), self.days)

    def answers(self, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        random, n = np.random.default_rng(seed), self.days * self.rows
        shared = 20 + 3 * random.normal(size=n)
        day = self.of_day * random.normal(size=self.days)[self.blocks().codes]
        return np.zeros(n), {"champion": shared, "candidate": shared + day + random.normal(size=n) - self.gain}


@dataclass(frozen=True)
class Rule:
    """How an evaluation judges; what is not as the platform does it is a fault that the checks must find."""

    confidence: float = 0.95
    probability: float = 0.9
    min_gain: float | None = None
    """None: that of the check."""
    by_rows: bool = False
    unpaired: bool = False

    def releases(self, world: World, min_gain: float) -> float:
        """Share of the evaluations that release."""
        cost = min_gain if self.min_gain is None else self.min_gain
        spec = small_spec(comparison={"min_gain": cost, "probability": self.probability})
        released = [
            all(gate.passed for gate in net_value.gates(spec, Balance(self.difference(world, run))))
            for run in range(world.runs)
        ]
        return float(np.mean(released))

    def difference(self, world: World, run: int) -> Difference:
        drawn, other = self._drawn(world, run)
        draws = drawn.gains(METRIC, "candidate", "champion", other)
        figure = drawn.at_confidence(self.confidence).gain(METRIC, "candidate", "champion", other)
        n = world.days * world.rows
        return Difference(figure, draws, Blocks("row", np.arange(n), n) if self.by_rows else world.blocks())

    def _drawn(self, world: World, run: int) -> tuple[Resampled, Resampled | None]:
        return _resampled(world, run, 0, self.by_rows), _resampled(
            world, run, 1, self.by_rows
        ) if self.unpaired else None


@cache
def _resampled(world: World, run: int, extra: int, by_rows: bool) -> Resampled:
    y, models = world.answers(run)
    blocks = None if by_rows else world.blocks()
    drawn = paired(y, models, [METRIC], 200, seed=2 * run + extra, blocks=blocks)
    return replace(drawn, by_rows={})  # the effective n is not asked


FEW, NONE = World(days=10), 0.0
CERTAIN = World(days=20, gain=2.0, runs=200)


def missed(rule: Rule) -> tuple[float, float]:
    """Shares of the intervals that lie above and below the true gain."""
    figures = [rule.difference(FEW, run).figure for run in range(FEW.runs)]
    return float(np.mean([f.low > FEW.gain for f in figures])), float(np.mean([f.high < FEW.gain for f in figures]))


def interval_is_as_stated(rule: Rule) -> bool:
    above, below = missed(rule)
    return within(above + below, 0.05, FEW.runs) and within(above, 0.025, FEW.runs) and within(below, 0.025, FEW.runs)


def useless_are_released_as_stated(rule: Rule) -> bool:
    return within(rule.releases(FEW, min_gain=0.0), 0.1, FEW.runs)


def a_release_costs_what_the_spec_says(rule: Rule) -> bool:
    """A sure gain that just pays for the release is taken in half of the evaluations."""
    return within(rule.releases(CERTAIN, min_gain=CERTAIN.gain), 0.5, CERTAIN.runs)


Check = Callable[[Rule], bool]
CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (interval_is_as_stated, useless_are_released_as_stated, a_release_costs_what_the_spec_says)
}


def faults(rule: Rule) -> list[str]:
    """The checks that a rule fails."""
    return [name for name, check in CHECKS.items() if not check(rule)]


FAULTY: dict[str, dict[str, Any]] = {
    "intervals of 90 % called 95 %": {"confidence": 0.9},
    "rows of a day drawn one by one": {"by_rows": True},
    "models drawn apart": {"unpaired": True},
    "the cost of a release ignored": {"min_gain": 0.0},
    "released when more probable than not": {"probability": 0.500001},
}
