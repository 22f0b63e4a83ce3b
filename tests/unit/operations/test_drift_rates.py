"""Drift is found by chance as often as it is stated, by rows and by days; and every faulty rule is found so.

Thorough rates of 10,000 months are measured by ``make bench NAME=drift_rates``.
"""

from functools import cache

import numpy as np
import pytest

from include.evaluation import discoveries
from include.operations import drift, drift_figures
from tests.unit.evaluation.simulated_days import within
from tests.unit.operations.simulated_drift import Unchanged

RATE, RUNS = 0.05, 250
MANY, WINDOWS = 12, 40
WORLDS = {"50 rows": Unchanged(50, "row", before=1000), "300 rows in days": Unchanged(300, before=1500)}


@cache
def of_months(world: Unchanged, runs: int) -> tuple[int, ...]:
    """Features beyond chance in each of so many windows without a change."""
    return tuple(world.found(seed) for seed in range(runs))


def share(found: tuple[int, ...]) -> float:
    return float(np.mean([count > 0 for count in found]))


@pytest.mark.parametrize("name", WORLDS)
def test_one_feature_drifts_by_chance_as_often_as_stated(name: str) -> None:
    assert within(share(of_months(WORLDS[name], RUNS)), RATE, RUNS)


def test_any_of_many_features_drifts_by_chance_as_often_as_stated() -> None:
    assert within(share(of_months(Unchanged(300, features=MANY, before=1500), WINDOWS)), RATE, WINDOWS)


def test_days_that_are_judged_by_rows_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "drawn_of", lambda window: None)
    assert share(of_months.__wrapped__(WORLDS["300 rows in days"], 60)) > 3 * RATE


def test_features_that_are_judged_one_by_one_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift_figures, "discovery_level", lambda p_values, rate: rate)
    found = share(of_months.__wrapped__(Unchanged(300, features=MANY, before=1500), WINDOWS))
    assert not within(found, RATE, WINDOWS)


@pytest.mark.parametrize("factor", [0.1, 3.0])
def test_another_rate_than_the_stated_one_is_found(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    faulty = lambda p_values, rate: discoveries.discovery_level(p_values, factor * rate)  # noqa: E731
    monkeypatch.setattr(drift_figures, "discovery_level", faulty)
    assert not within(share(of_months.__wrapped__(WORLDS["50 rows"], RUNS)), RATE, RUNS)
