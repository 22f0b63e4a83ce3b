"""Drift is found by chance as often as it is stated, by rows and by days; and every faulty rule is found so.

Hundreds of months take seconds of CPU: of fewer a rate three times the stated one is no surprise. Rates of 10,000
months are measured by ``make bench NAME=drift_rates``.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from include.evaluation.discoveries import discovery_level
from include.operations.drift import drift, drift_figures
from include.operations.windows.window import Window
from tests.unit.evaluation.simulated_days import within
from tests.unit.operations.simulated_drift import Unchanged, beyond_chance

RATE, RUNS, BY_DAY = 0.05, 250, 120
BY_ROWS, BY_DAYS = Unchanged(50, "row", before=1000), Unchanged(600, before=1500, of_day=0.6)
MANY, WINDOWS = Unchanged(300, features=12, before=1500), 40


@cache
def months(world: Unchanged, runs: int) -> list[Window]:
    return [world.window(seed) for seed in range(runs)]


def share(windows: Sequence[Window]) -> float:
    """Of the windows with any feature beyond chance."""
    return float(np.mean([beyond_chance(window) > 0 for window in windows]))


def at_level(windows: Sequence[Window], level: Callable[[list[float]], float]) -> list[Window]:
    return [replace(window, level=level(window.drifts.p_values)) for window in windows]


@pytest.mark.slow
@pytest.mark.parametrize(("world", "runs"), [(BY_ROWS, RUNS), (BY_DAYS, BY_DAY)], ids=["rows", "days"])
def test_one_feature_drifts_by_chance_as_often_as_stated(world: Unchanged, runs: int) -> None:
    assert within(share(months(world, runs)), RATE, runs)


@pytest.mark.slow
def test_a_figure_is_above_its_floor_when_it_is_found() -> None:
    for window in months(MANY, WINDOWS)[:10]:
        psi = [figure for figure in drift_figures.inputs(window) if figure.name == "psi"]
        assert sum(not figure.is_noise for figure in psi) == beyond_chance(window)
        assert {figure.state for figure in psi} == {"judged"}
        assert all(0 < figure.effective_n <= figure.n == MANY.rows for figure in psi if figure.effective_n)


def test_any_of_many_features_drifts_by_chance_as_often_as_stated() -> None:
    assert within(share(months(MANY, WINDOWS)), RATE, WINDOWS)


def test_days_that_are_judged_by_rows_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "drawn_of", lambda window: None)
    assert not within(share([BY_DAYS.window(seed) for seed in range(WINDOWS)]), RATE, WINDOWS)


def test_features_that_are_judged_one_by_one_are_found() -> None:
    assert not within(share(at_level(months(MANY, WINDOWS), lambda _: RATE)), RATE, WINDOWS)


@pytest.mark.parametrize("factor", [0.1, 3.0])
def test_another_rate_than_the_stated_one_is_found(factor: float) -> None:
    faulty = at_level(months(BY_ROWS, RUNS), lambda p_values: discovery_level(p_values, factor * RATE))
    assert not within(share(faulty), RATE, RUNS)
