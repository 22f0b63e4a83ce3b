"""The input guard on seasons that are sound, and on faults of each kind; the real flights are in the benchmark."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from include.contracts.guard import PeriodProfile
from include.contracts.period import Period
from tests.unit.evaluation.guard.seasons import MONTHS, described, found, month

FAULTS: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], set[str]]] = {
    "unit": (lambda r: r.assign(x=(r["x"] - 32) * 5 / 9), {"x", "x < dew"}),
    "unit of a part": (lambda r: r.assign(distance=r["distance"] * np.where(r.index < 400, 1, 1.609)), {"distance"}),
    "sign": (lambda r: r.assign(dew=-r["dew"]), {"dew", "x", "x < dew"}),
    "stuck": (lambda r: r.assign(x=np.where(r.index < 400, r["x"], r["x"][400])), {"x"}),
    "dominates": (lambda r: r.assign(origin=np.where(r.index % 2, "LGA", r["origin"])), {"origin"}),
    "swapped codes": (lambda r: r.assign(origin=r["origin"].replace({"EWR": "LGA", "LGA": "EWR"})), {"origin"}),
    "renamed": (lambda r: r.assign(origin=r["origin"].str.lower()), {"origin"}),
    "missing": (lambda r: r.assign(dew=r["dew"].where(r.index % 3 > 0)), {"dew"}),
    "twice": (lambda r: pd.concat([r, r[:300].assign(flight_id=r["flight_id"] + "_again")]), {""}),
    "swapped columns": (lambda r: r.assign(x=r["dew"], dew=r["x"]), {"x < dew", "x", "dew"}),
    "times": (lambda r: r.assign(event_timestamp=r["event_timestamp"] + pd.Timedelta(hours=6)), {"hour of the event"}),
    "rounded": (lambda r: r.assign(x=r["x"].round()), {"x"}),
    "sentinel": (lambda r: r.assign(dew=r["dew"].mask(r.index % 50 == 0, -999.0)), {"dew"}),
    "noise": (lambda r: r.assign(x=r["x"] + np.random.default_rng(0).normal(0, 5, len(r))), {"x"}),
    "no label is 1": (lambda r: r.assign(late=0.0), {"label"}),
    "labels missing": (lambda r: r.assign(late=r["late"].mask((r["late"] == 1) & (r.index % 2 > 0))), {"label"}),
}


@pytest.fixture(scope="module")
def before() -> list[PeriodProfile]:
    return [described(period, month(period)) for period in MONTHS[:-1]]


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_found_and_its_column_is_named(before: list[PeriodProfile], kind: str) -> None:
    fault, columns = FAULTS[kind]
    odd = found(fault(month(MONTHS[-1])), before)
    assert {one.column.split(":")[0] for one in odd[:3]} & columns, [one.text for one in odd]


@pytest.mark.parametrize("period", MONTHS[3:])
def test_seasons_and_parts_of_them_are_sound(before: list[PeriodProfile], period: Period) -> None:
    rows, random = month(period), np.random.default_rng(1)
    earlier = [one for one in before if one.period < period]
    days = rows["event_timestamp"].dt.day
    parts = [days.isin(random.choice(days.unique(), count, replace=False)) for count in (8, 14, 20)]
    alarms = [found(part, earlier, period) for part in [rows, *(rows[part] for part in parts)]]
    assert not any(alarms), [one.text for odd in alarms for one in odd]


def test_the_order_of_the_rows_changes_nothing() -> None:
    rows = month(MONTHS[0])
    straight = described(MONTHS[0], rows)
    for seed in range(3):
        mixed = described(MONTHS[0], rows.sample(frac=1, random_state=seed))
        assert mixed.model_copy(update={"at": straight.at}) == straight


def test_all_figures_together_alarm_at_the_declared_rate(before: list[PeriodProfile]) -> None:
    odd = found(FAULTS["missing"][0](month(MONTHS[-1])), before)
    assert [one.chance for one in odd] == sorted(one.chance for one in odd)
    assert odd[-1].chance <= 0.02


def test_numbers_of_more_digits_than_are_written_lose_no_row() -> None:
    rows = month(MONTHS[0])
    profiled = described(MONTHS[0], rows.assign(x=1_000_000.0 + np.arange(len(rows)) % 100))
    assert sum(profiled.counts["x"].values()) == len(rows)
