"""Cleaning and features of aircraft_segment on small tables."""

import ibis
import pandas as pd
import pytest

from include.contracts.period import Period
from include.specification.loader import load_usecase
from include.usecases.aircraft_segment import features

MARCH = Period("2013-03")
FLIGHT = {
    "year": 2013, "month": 3, "day": 8, "sched_dep_time": 1030, "carrier": "UA", "flight": 1545, "tailnum": "N1",
    "origin": "EWR", "dest": "IAH", "distance": 1400, "time_hour": "2013-03-08T15:00:00Z",
}  # fmt: skip


def process(*flights: dict) -> dict[str, pd.DataFrame]:
    """Tables of flights that differ from FLIGHT as said."""
    planes = pd.DataFrame({"tailnum": ["N1"], "year": [2000.0], "engines": [2], "seats": [55]})
    raw = {"flights": ibis.memtable(pd.DataFrame([FLIGHT | one for one in flights])), "planes": ibis.memtable(planes)}
    return {name: table.to_pandas() for name, table in features.process(raw).items()}


def month(tailnum: str, flights: int) -> list[dict]:
    return [{"tailnum": tailnum, "day": 1 + i, "flight": i} for i in range(flights)]


def test_a_planes_month_is_what_it_flew() -> None:
    usage = process(
        {"day": 8, "sched_dep_time": 1030, "distance": 200, "dest": "BOS"},
        {"day": 9, "sched_dep_time": 900, "distance": 1000, "dest": "IAH"},
        {"day": 10, "sched_dep_time": 2400, "distance": 1001, "dest": "IAH"},
        {"day": 11, "sched_dep_time": 0, "distance": 1400, "dest": "IAH"},
    )["usage"].iloc[0]
    assert (usage.flights, usage.mean_distance, usage.long_share, usage.destinations) == (4, 900.25, 0.5, 2)
    assert usage.departure_hour == pytest.approx((10.5 + 9 + 24 + 0) / 4)
    assert usage.weekend_share == 0.5  # 2013-03-09 was a Saturday


def test_a_planes_month_is_named_by_its_first_departure_which_gives_its_airline() -> None:
    rows = process(
        {"day": 9, "sched_dep_time": 515, "carrier": "AA", "flight": 7, "origin": "JFK"},
        {"day": 9, "sched_dep_time": 1200, "carrier": "B6"},
        {"day": 10, "carrier": "B6"},
    )["usage"]
    assert rows.usage_id.tolist() == ["2013-03-09_0515_AA7_JFK"]
    assert rows.carrier.tolist() == ["AA"]


def test_planes_that_flew_seldom_are_no_events_but_have_features() -> None:
    tables = process(*month("N1", 5), *month("N2", 4))
    assert tables["events"].tailnum.tolist() == ["N1"]
    assert sorted(tables["usage"].tailnum) == ["N1", "N2"]


def test_flights_of_unknown_planes_are_left_out() -> None:
    assert len(process({"tailnum": None}, {"day": 9})["usage"]) == 1


@pytest.mark.parametrize(("year", "month", "known"), [(2013, 3, "2013-04-01T06:00Z"), (2013, 12, "2014-01-01T06:00Z")])
def test_a_month_is_known_when_it_is_complete(year: int, month: int, known: str) -> None:
    tables = process(*({"day": 1 + i, "year": year, "month": month} for i in range(5)))
    assert tables["events"].event_timestamp.tolist() == [pd.Timestamp(known)]
    usage = {name: ibis.memtable(tables[name]) for name in ("usage", "planes")}
    views = features.build(usage, Period(f"{year}-{month:02d}"))
    assert views["plane_usage"].event_timestamp.to_pandas().tolist() == [pd.Timestamp(known)]


def test_an_event_holds_what_a_client_sends_and_the_slice() -> None:
    spec = load_usecase("aircraft_segment")
    assert set(process(*month("N1", 5))["events"]) == {*spec.request, *spec.comparison.slices.columns}


def test_no_clear_tail_number_enters_the_event_id() -> None:
    usage = process(*month("N12345", 5))["usage"].iloc[0]
    assert "12345" not in usage.usage_id
