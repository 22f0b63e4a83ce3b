"""The gain of a later window is held against what the verdict's test set let expect."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, t

from include.contracts.evaluation import PartGain
from include.contracts.operations import Figure
from include.contracts.period import Period
from include.operations.monitoring.monitoring import measure
from include.operations.monitoring.window_inputs import WindowInputs
from include.operations.performance.spread_check import predicted
from include.operations.windows.windows import OF_LABELS
from tests.unit.operations.monitored_world import SPEC, baseline, month

DAYS = 10
USUAL = [PartGain(part=f"2013-05-{day:02d}", rows=200, gain=0.28 + 0.02 * (-1) ** day) for day in range(1, 31)]


def checked(stated: list[PartGain] | None, rows: int = 2000, **changes: Any) -> dict[str, Figure]:
    """A window of ten days in which the release gains .28 AUC over one that answers by chance."""
    log, truth = month(1, n=rows)
    day = np.arange(rows) * DAYS // rows
    log["event_timestamp"] = pd.Timestamp("2013-06-01T16:00", tz="UTC") + pd.to_timedelta(day, unit="D")
    others = {"r0000": np.random.default_rng(0).random(rows)}
    found = measure(
        SPEC,
        "r0001",
        baseline(),
        WindowInputs(
            predictions=log,
            events=truth,
            period=Period("2013-06"),
            rescored=others,
            stated={} if stated is None else {"r0000": stated},
            **changes,
        ),
    )
    return {f.name: f for f in found if f.release == "r0001"}


def shifted(by: float) -> list[PartGain]:
    return [part.model_copy(update={"gain": part.gain + by}) for part in USUAL]


@pytest.mark.parametrize(("by", "outside", "words"), [(0.0, 0, "within"), (0.2, 1, "below"), (-0.2, 1, "above")])
def test_a_gain_is_outside_where_the_test_set_let_expect_more_or_less(by: float, outside: int, words: str) -> None:
    found = checked(shifted(by))
    assert found["gain_outside_spread"].value == outside
    assert found["stated_gain"].value == pytest.approx(0.28 + by)
    low, high = found["stated_gain"].low, found["stated_gain"].high
    assert found["gain_outside_spread"].note.endswith(
        f", {words} {low:+.4f} to {high:+.4f}, which 30 days of the verdict's test set let expect"
    )
    assert (found["gain_outside_spread"].n, found["stated_gain"].n) == (2000, 6000)
    assert {"stated_gain", "gain_outside_spread"} <= {*OF_LABELS}


def test_two_parts_say_too_little_and_so_do_days_with_few_rows() -> None:
    of_two = checked(USUAL[:2])
    assert (of_two["gain_outside_spread"].state, "stated_gain" in of_two) == ("too few", False)
    assert of_two["gain_outside_spread"].note == "needs 3 days in the verdict's test set, has 2"
    thin = checked(USUAL, rows=900)["gain_outside_spread"]
    assert (thin.state, thin.note) == ("too few", "needs a day with 100 labelled rows in the window")


@pytest.mark.parametrize("stated", [None, []])
def test_without_a_verdict_on_the_replaced_release_nothing_is_checked(stated: list[PartGain] | None) -> None:
    assert not {"stated_gain", "gain_outside_spread"} & {*checked(stated)}


@pytest.mark.parametrize("count", [1, 30])
def test_further_parts_are_outside_as_often_as_stated(count: int) -> None:
    random, runs = np.random.default_rng(1), 400
    outside = 0
    for _ in range(runs):
        gains = random.normal(0.02, 0.01, 12)
        interval = predicted([PartGain(part="2013-05", rows=1, gain=gain) for gain in gains], count, 0.95)
        outside += not interval.low <= random.normal(0.02, 0.01, count).mean() <= interval.high
    low, high = binom.ppf([0.0005, 0.9995], runs, 0.05)
    assert low <= outside <= high


def test_of_one_further_part_it_is_the_textbook_interval() -> None:
    gains = [0.01, 0.03, 0.02, 0.04]
    interval = predicted([PartGain(part="2013-05", rows=1, gain=gain) for gain in gains], 1, 0.9)
    half = t.ppf(0.95, 3) * np.std(gains, ddof=1) * np.sqrt(1 + 1 / 4)
    assert (interval.low, interval.high) == (pytest.approx(0.025 - half), pytest.approx(0.025 + half))
