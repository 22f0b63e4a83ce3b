"""Slices and groups: without harm few are refused, however many there are; a real harm is found; days count as days.

Rates of runs scatter: they must be within the 99.9 % limits of the binomial distribution at the stated rate, on both
sides where the rate is exact, else from above.
"""

from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from include.contracts.evaluation import GateOutcome
from include.evaluation import contrasts
from include.evaluation.blocks import Blocks
from include.evaluation.bootstrap import Resampled
from include.evaluation.contrasts import Contrasts, holm_levels
from include.evaluation.fairness import fairness_gates, group_figures
from include.evaluation.group_rates import Cells
from include.evaluation.power import detectable, needed, standard_error
from include.evaluation.slices import slice_figures
from include.evaluation.verdict import slice_gate
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec

RATE, RUNS = 0.05, 300
MARGIN = 0.05


def within(rate: float, stated: float, runs: int) -> bool:
    low, high = binom.ppf([0.0005, 0.9995], runs, stated) / runs
    return bool(low <= rate <= high)


def slices_of(count: int, gain: float, error: float, seed: int) -> dict[str, Resampled]:
    """``count`` slices on which the candidate gains ``gain`` in truth, measured with this standard error."""
    random, found = np.random.default_rng(seed), {}
    for number in range(count):
        point = gain + error * random.normal()
        draws = {"candidate": 0.7 + point + error * random.normal(size=100), "champion": np.full(100, 0.7)}
        keys = {("roc_auc", who): values for who, values in draws.items()}
        points = {("roc_auc", "candidate"): 0.7 + point, ("roc_auc", "champion"): 0.7}
        found[f"s={number}"] = Resampled(2000, 0.95, points, keys)
    return found


@lru_cache
def sliced_spec() -> UseCase:
    return small_spec(comparison={"slices": {"columns": ["origin"], "margin": MARGIN}})


def judged(gain: float, error: float, seed: int, count: int = 20) -> list[GateOutcome]:
    figures = slice_figures(sliced_spec(), slices_of(count, gain, error, seed), "candidate")
    return [slice_gate(sliced_spec(), figure) for figure in figures]


@pytest.mark.slow
def test_of_twenty_unharmed_slices_any_is_refused_at_the_stated_rate() -> None:
    # with this error every loss that is beyond chance is above half of the margin: only chance is left to refuse
    refused = [any(not gate.passed for gate in judged(0.0, MARGIN / 4, seed)) for seed in range(RUNS)]
    assert within(float(np.mean(refused)), RATE, RUNS)


def test_a_loss_of_the_margin_is_found_where_the_gate_says_that_it_is_judged() -> None:
    error = MARGIN / 4.2  # just enough power at the level of one slice of twenty
    gates = [gate for seed in range(60) for gate in judged(-MARGIN, error, seed)]
    assert np.mean([not gate.passed for gate in gates]) >= 0.8


def test_a_slice_without_power_is_not_judged_and_says_how_many_rows_it_needs() -> None:
    gate = judged(0.0, MARGIN, seed=1)[0]
    assert (gate.passed, gate.judged) == (True, False)
    assert gate.needed is not None
    assert gate.needed > 2000
    assert f"not judged on 2000 rows, about {gate.needed:,} needed" in gate.detail


def test_a_loss_beyond_chance_is_refused_on_few_rows_too() -> None:
    gate = judged(-6 * MARGIN, MARGIN, seed=1)[0]
    assert (gate.passed, gate.judged) == (False, True)


@lru_cache
def fair_spec(limit: float) -> UseCase:
    return small_spec(
        comparison={"block": "day"},
        fairness={"groups": ["origin"], "limits": {"demographic_parity": limit, "equal_opportunity": limit}},
    )


def groups_by_day(
    seed: int, shift: float = 0.0, groups: int = 6, days: int = 30, rows: int = 40
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Groups with equal rates but for the first, whose answers are positive more often by ``shift``.

    Every group has its own good and bad days, so days and not rows are independent.
    """
    random = np.random.default_rng(seed)
    member = np.tile(np.repeat(np.arange(groups), rows), days)
    day = np.repeat(np.arange(days), groups * rows)
    y = random.random(len(day)) < 0.4
    rate = 0.4 + 0.12 * random.normal(size=(days, groups))[day, member] + shift * (member == 0)
    said = random.random(len(day)) < np.clip(rate, 0.02, 0.98)
    names = np.array([f"g{k}" for k in range(groups)])[member]
    times = pd.Timestamp("2013-04-01T16:00", tz="UTC") + pd.to_timedelta(day, unit="D")
    return pd.DataFrame({"origin": names, "event_timestamp": times}), y, np.where(said, 0.9, 0.1)


def refusals(limit: float, shift: float, runs: int) -> float:
    found = []
    for seed in range(runs):
        cells = _cells(*groups_by_day(seed, shift))
        draws = cells.resampled("selection_rate", 100, seed)
        least = cells.variances("selection_rate")
        shares = cells.counts[..., 1].sum(axis=1) / cells.counts.sum(axis=(1, 2))
        every = contrasts.pairs(cells.names, shares, draws, least[:, None] + least[None, :], 30)
        p_values = every.p_values(limit)
        found.append((p_values <= holm_levels(p_values, RATE)).any())
    return float(np.mean(found))


def _cells(frame: pd.DataFrame, y: np.ndarray, p: np.ndarray) -> Cells:
    day = frame["event_timestamp"].dt.dayofyear.to_numpy()
    return Cells.count(frame["origin"].to_numpy(), y, p > 0.5, day - day.min())


def test_equal_groups_are_refused_at_most_at_the_stated_rate_even_without_a_limit() -> None:
    rate = refusals(limit=0.0, shift=0.0, runs=150)
    assert rate <= binom.ppf(0.9995, 150, RATE) / 150


def test_a_gap_of_twice_the_limit_is_found() -> None:
    assert refusals(limit=0.1, shift=0.25, runs=40) >= 0.8


def test_a_gap_of_just_the_limit_is_refused_at_most_at_the_stated_rate() -> None:
    assert refusals(limit=0.1, shift=0.1, runs=100) <= binom.ppf(0.9995, 100, RATE) / 100


def test_the_gates_of_a_use_case_see_days_and_say_what_they_are_worth() -> None:
    spec = fair_spec(0.1)
    equal = fairness_gates(spec, group_figures(spec, *groups_by_day(1)))
    assert [gate.passed for gate in equal] == [True, True]
    apart = fairness_gates(spec, group_figures(spec, *groups_by_day(1, shift=0.35)))
    assert [gate.passed for gate in apart] == [False, False]
    assert apart[0].detail.startswith("g0 over g")
    (figures,) = group_figures(spec, *groups_by_day(1))
    gap = figures.gaps["demographic_parity"]
    assert gap.effective_n is not None
    assert gap.effective_n < 0.5 * gap.n, "rows of one day and group are alike"


def test_groups_on_few_days_are_not_judged() -> None:
    frame, y, p = groups_by_day(1, days=9)
    spec = fair_spec(0.1)
    gates = fairness_gates(spec, group_figures(spec, frame, y, p))
    assert all(gate.passed and not gate.judged for gate in gates)
    assert "360 rows in 9 blocks of one day" in gates[-1].detail


def test_holm_is_bonferroni_at_first_and_gets_easier() -> None:
    assert holm_levels(np.array([0.001, 0.9, 0.02, 0.024]), 0.05) == pytest.approx(
        [0.0125, 0.05 / 3, 0.05 / 3, 0.05 / 3]
    )
    assert holm_levels(np.array([0.001, 0.04, 0.01, 0.02]), 0.05) == pytest.approx([0.0125, 0.05, 0.05 / 3, 0.025])


def test_a_difference_without_scatter_is_above_the_limit_or_not() -> None:
    none = np.zeros(2)
    assert Contrasts(["a", "b"], np.array([0.2, 0.1]), none, 9, none).p_values(0.1).tolist() == [0.0, 1.0]


def test_needed_rows_find_the_effect_in_four_of_five_tests() -> None:
    random = np.random.default_rng(0)
    draws, n, effect = 0.02 * random.normal(size=4000), 1000, 0.02
    rows = needed(draws, n, effect, level=0.05, independent=n)
    assert rows is not None
    error = standard_error(draws, n) * np.sqrt(n / rows)
    found = (effect + error * random.normal(size=4000)) / error > 1.645
    assert float(np.mean(found)) == pytest.approx(0.8, abs=0.02)
    assert needed(draws, n, detectable(draws, n, 0.05) * 1.01, level=0.05, independent=n) == n
    assert needed(draws, n, 0.0, level=0.05, independent=n) is None
    assert needed(draws, n, 1e-4, level=0.05, independent=n) is None
    assert needed(draws, n, effect, level=0.05, independent=1) is None


def test_blocks_of_a_slice_are_those_of_its_rows() -> None:
    blocks = Blocks("day", np.repeat(np.arange(20), 3), 20)
    assert blocks.of(np.arange(12)).count == 4
