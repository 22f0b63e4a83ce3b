"""Speed rows against batch rows: every kind of difference is counted, and equal is equal."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.contracts.calendar import Calendar, Span
from include.contracts.period import Every, Period
from include.specification.loader import load_usecase
from include.streaming import reconciliation
from tests.unit.fakes.streaming import MemoryStream

HOURS = pd.date_range("2013-04-01", periods=4, freq="h", tz="UTC")

UTC_MONTHS = Calendar(every="month")
ZONES = ["Pacific/Kiritimati", "Asia/Kolkata", "UTC", "America/New_York", "Pacific/Midway"]


def rows(**changes: list[Any]) -> pd.DataFrame:
    columns: dict[str, Any] = {"temp": [1.0, 2.0, None, 4.0], "sky": ["a", "b", None, "d"]}
    return pd.DataFrame({"origin": "EWR", "event_timestamp": HOURS} | columns | changes)


def compared(speed: pd.DataFrame, batch: pd.DataFrame) -> Any:
    return reconciliation.compare("weather", Period("2013-04"), speed, batch, "origin")


def test_the_same_rows_are_equal_whatever_their_order() -> None:
    found = compared(rows().sample(frac=1, random_state=1), rows())
    assert (found.equal, found.differing, found.only_speed, found.only_batch) == (4, 0, 0, 0)
    assert found.features == {}


def test_differences_are_counted_by_feature_with_the_largest() -> None:
    found = compared(rows(temp=[1.5, 2.0, 3.0, 6.5], sky=["a", "x", None, None]), rows())
    assert (found.equal, found.differing) == (0, 4)
    assert found.features == {"temp": 3, "sky": 2}
    assert found.largest == {"temp": 2.5}
    assert "temp in 3 rows, by 2.5 at most; sky in 2 rows" in reconciliation.summary(found)


def test_rows_are_forgotten_with_the_third_month_after_theirs() -> None:
    newest = [None, *map(Period, ("2013-04", "2013-06", "2013-07"))]
    expired = [reconciliation.expired(Period("2013-04"), month, UTC_MONTHS) for month in newest]
    assert expired == [False, False, False, True]


@settings(max_examples=50, deadline=None)
@given(every=st.sampled_from(get_args(Every)), zone=st.sampled_from(ZONES), day=st.integers(0, 4000))
def test_in_every_rhythm_the_rows_of_two_months_are_kept(every: Every, zone: str, day: int) -> None:
    calendar = Calendar(every=every, timezone="UTC" if every == "hour" else zone)
    newest = calendar.of(datetime(2013, 1, 1, tzinfo=UTC) + timedelta(days=day))
    oldest = reconciliation.oldest_kept(newest, calendar)
    begin = Span("2 months").before(calendar.start(newest), calendar.timezone)
    assert calendar.start(oldest) <= begin < calendar.end(oldest)
    assert [reconciliation.expired(one, newest, calendar) for one in (oldest.shift(-1), oldest)] == [True, False]


def test_a_result_without_a_pushed_row_is_a_loss_only_after_one_that_had_some() -> None:
    some, none = compared(rows(), rows()), compared(rows().head(0), rows())
    assert reconciliation.lost(none, some)
    assert not reconciliation.lost(none, none)
    assert not reconciliation.lost(some, some)


def test_what_only_one_layer_has_is_told_apart() -> None:
    found = compared(rows().head(3), rows().tail(2))
    assert (found.equal, found.only_speed, found.only_batch) == (1, 2, 1)


def test_ties_of_one_row_twice_are_decided_by_its_values_in_any_order() -> None:
    twice = pd.concat([rows(temp=[9.0, 9.0, 9.0, 9.0]), rows()])
    for order in (twice, twice.iloc[::-1], twice.sample(frac=1, random_state=3)):
        assert (compared(order, rows()).equal, compared(rows(), order).differing) == (0, 4)


def test_integers_with_gaps_are_compared_beyond_two_to_the_53() -> None:
    batch = rows(temp=pd.array([2**53 + 1, None, 3, 4], dtype="Int64"))
    speed = rows(temp=pd.Series([2**53, None, 3, 4], dtype=object))
    found = compared(speed, batch)
    assert (found.equal, found.differing, found.largest) == (3, 1, {"temp": 1.0})


def test_nothing_pushed_is_all_in_the_batch() -> None:
    empty = rows().head(0)
    assert compared(empty, rows()).only_batch == 4
    assert compared(empty, empty).equal == 0


def poison() -> dict[str, str]:
    """Texts on the hash of pushed rows that are no rows of the view."""
    good = {"origin": "EWR", "event_timestamp": "2013-04-01T00:00:00+00:00", "temp": 1.0, "sky": "a"}
    changes: dict[str, dict[str, Any]] = {
        "text for a number": {"temp": "warm"}, "a list for a number": {"temp": [1.0]}, "an object": {"temp": {"a": 1}},
        "a truth for a number": {"temp": True}, "a huge number": {"temp": 10**400}, "a list for a key": {"origin": []},
        "no key": {"origin": None}, "no time": {"event_timestamp": None}, "seconds": {"event_timestamp": 1.36e9},
        "seconds as text": {"event_timestamp": "1364774400"},
        "a week": {"event_timestamp": "2013-W14-1T00:00:00+00:00"},
        "basic form": {"event_timestamp": "20130401T000000+00:00"},
        "no zone": {"event_timestamp": "2013-04-01T00:00:00"},
        "an object for a text": {"sky": {}},
    }  # fmt: skip
    texts = {what: json.dumps(good | change) for what, change in changes.items()}
    return texts | {
        "nested": "[" * 100_000,
        "cut": json.dumps(good)[:30],
        "no object": "[1]",
        "bytes": '{"a": "\udcff"}',
    }


POISON = poison()


@pytest.mark.parametrize("what", POISON)
def test_a_pushed_row_that_cannot_be_read_is_put_aside_and_the_others_are_compared(what: str) -> None:
    stream, spec = MemoryStream(), load_usecase("flight_delay")
    good = rows().assign(event_timestamp=[t.isoformat() for t in HOURS]).astype(object)
    records = good.where(good.notna(), None).to_dict("records")
    pushed = stream.rows["2013-04"] = {str(n): json.dumps(row) for n, row in enumerate(records)}
    pushed["poison"] = POISON[what]
    for _ in range(2):  # repeated, it is gone
        result = reconciliation.reconcile(spec, "airport_weather", Period("2013-04"), rows(), stream)  # type: ignore[arg-type]
        assert (result.equal, result.only_speed, result.only_batch) == (4, 0, 0)
        assert ("poison" in pushed, len(stream.dead)) == (False, 1)
    assert stream.dead["row poison"].startswith("a pushed row that cannot be read: ")
    assert "warm" not in stream.dead["row poison"]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1677-09-21T00:12:43Z"])
def test_a_pushed_row_of_a_time_that_nothing_computes_with_is_put_aside(moment: str) -> None:
    result, dead = reconciled({"event_timestamp": moment})
    assert (result.only_speed, result.only_batch, len(dead)) == (0, 4, 1)


def test_a_pushed_row_of_the_period_may_be_of_any_other_time() -> None:
    """A departure that was due in the period may take place after it."""
    result, dead = reconciled({"event_timestamp": "2013-06-01T00:00:00Z"})
    assert (result.only_speed, result.only_batch, dead) == (1, 4, {})


def reconciled(change: dict[str, Any]) -> tuple[Any, dict[str, str]]:
    stream, spec = MemoryStream(), load_usecase("flight_delay")
    stream.rows["2013-04"] = {"one": json.dumps({"origin": "EWR", "temp": 1.0, "sky": None} | change)}
    return reconciliation.reconcile(spec, "airport_weather", Period("2013-04"), rows(), stream), stream.dead  # type: ignore[arg-type]


def test_rows_of_another_period_are_not_read() -> None:
    stream, spec = MemoryStream(), load_usecase("flight_delay")
    stream.rows = {"2013-04-01T04Z": {"one": "no row"}, "2013-04-01T06Z": {"one": "no row"}}
    hour = Period("2013-04-01T05Z")
    result = reconciliation.reconcile(spec, "airport_weather", hour, rows(), stream)  # type: ignore[arg-type]
    assert (result.period, result.only_batch, stream.dead) == (hour, 4, {})


def test_a_month_without_rows_reconciles() -> None:
    stream, spec = MemoryStream(), load_usecase("flight_delay")
    result = reconciliation.reconcile(spec, "airport_weather", Period("2013-04"), rows().head(0), stream)  # type: ignore[arg-type]
    assert reconciliation.pushed(result) == 0
