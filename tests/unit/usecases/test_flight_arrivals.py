"""The messages of flight_arrivals and the features that they make."""

from datetime import UTC, datetime, timedelta
from functools import cache

import ibis
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.contracts.calendar import Calendar
from include.contracts.period import Period
from include.errors import SourceError
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.usecases.flight_arrivals import features, source

HOURS = Calendar(every="hour")
NINE = Period("2013-06-03T09Z")
START = HOURS.start(NINE)
KEYS = {"airport_departures": "origin", "airline_departures": "airline_at", "airport_arrivals": "dest"}


@cache
def spec() -> UseCase:
    return load_usecase("flight_arrivals")


def delivered(table: str, first: str, last: str | None = None) -> pd.DataFrame:
    window = HOURS.window(Period(first), Period(last or first))
    return pa.Table.from_batches(source.read(spec().sources[table], window)).to_pandas()


def departures(rows: list[tuple[float, float]], origin: str = "EWR", carrier: str = "UA") -> ibis.Table:
    """Raw messages: minutes after nine at which a flight left, and its delay."""
    left = [START + timedelta(minutes=minute) for minute, _ in rows]
    frame = pd.DataFrame({"departed_at": pd.to_datetime(left, utc=True), "dep_delay": [delay for _, delay in rows]})
    scheduled = frame["departed_at"] - pd.to_timedelta(frame["dep_delay"], unit="min")
    flights = range(1, len(rows) + 1)
    return ibis.memtable(
        frame.assign(scheduled_at=scheduled, flight=flights, carrier=carrier, origin=origin, dest="ORD")
    )


def built(now: ibis.Table, before: ibis.Table | None = None, view: str = "airport_departures") -> pd.DataFrame:
    """The rows of a view of departures, by the minute after nine."""
    none = {name: ibis.memtable(pa.schema(columns).empty_table()) for name, columns in OTHERS.items()}
    tables = features.process({**none, "departures": now})
    history = None if before is None else {"departures": features.process({**none, "departures": before})["departures"]}
    rows = features.build(tables, NINE, history)[view].order_by("event_timestamp").to_pandas()
    return rows.assign(minute=(rows["event_timestamp"] - pd.Timestamp(START)) / pd.Timedelta(minutes=1))


TIME = pa.timestamp("us", "UTC")
FLIGHT = {"carrier": pa.string(), "flight": pa.int64(), "origin": pa.string(), "dest": pa.string()}
ARRIVALS = {**FLIGHT, "scheduled_at": TIME, "landed_at": TIME, "arr_delay": pa.float64()}
FLIGHTS = {**FLIGHT, **dict.fromkeys(("scheduled_at", "asked_at", "settled_at"), TIME), "arr_delay": pa.float64()}
FLIGHTS |= dict.fromkeys(("minute", "weekday", "distance"), pa.int64())
OTHERS = {"flights": FLIGHTS, "arrivals": ARRIVALS}


# -- the messages
def test_a_table_holds_exactly_the_messages_of_its_hours() -> None:
    for table, (time, columns) in source.TABLES.items():
        rows = delivered(table, "2013-06-03T12Z")
        assert [*rows.columns] == columns
        assert 20 < len(rows) < 100
        assert (rows[time].dt.floor("h") == pd.Timestamp("2013-06-03T12:00Z")).all()
        assert len(delivered(table, "2013-06-03T12Z", "2013-06-03T13Z")) == len(rows) + len(
            delivered(table, "2013-06-03T13Z")
        )


def test_a_night_hour_has_no_flight_to_ask_about() -> None:
    assert delivered("flights", "2013-06-03T05Z").empty


def test_a_delay_is_delivered_when_it_is_known_and_never_before_the_flight_was_asked_about() -> None:
    """Of every flight of a week: asked about, then departed, then landed, then settled."""
    key = ["carrier", "flight", "origin", "scheduled_at"]
    asked = delivered("flights", "2013-06-03T00Z", "2013-06-09T23Z").set_index(key)
    left = delivered("departures", "2013-06-03T00Z", "2013-06-11T23Z").set_index(key)
    landed = delivered("arrivals", "2013-06-03T00Z", "2013-06-11T23Z").set_index(key)
    assert all(rows.index.is_unique for rows in (asked, left, landed))
    both = asked.join(left["departed_at"]).join(landed["landed_at"])
    known = both.dropna(subset=["landed_at"])
    assert 0.95 < len(known) / len(asked) < 1, "some are cancelled or diverted"
    assert (known["asked_at"] < known["departed_at"]).all()
    assert (known["departed_at"] < known["landed_at"]).all()
    assert (known["landed_at"] == known["settled_at"]).all()
    given_up = both[both["landed_at"].isna()]
    delay = pd.Timedelta(hours=spec().event.label_delay.hours)
    assert given_up["arr_delay"].isna().all()
    assert (given_up["settled_at"] - given_up["asked_at"] == delay).all()


def test_a_flight_lands_at_the_clock_of_its_destination() -> None:
    """UA 1545 of New Year's morning: 05:17 in New York to 08:30 in Houston; B6 725 to San Juan: 05:44 to 10:04."""
    rows = delivered("arrivals", "2013-01-01T12Z", "2013-01-01T15Z").set_index(["carrier", "flight"])
    assert rows.loc[("UA", 1545), "landed_at"] == pd.Timestamp("2013-01-01T14:30Z")
    assert rows.loc[("B6", 725), "landed_at"] == pd.Timestamp("2013-01-01T14:04Z")


def test_an_unknown_table_is_refused_with_those_that_there_are() -> None:
    wrong = spec().sources["flights"].model_copy(update={"options": {"table": "landings"}})
    with pytest.raises(SourceError, match="'landings'; allowed: flights, departures, arrivals"):
        next(source.read(wrong, None))


# -- events
def test_an_event_has_what_a_client_sends_and_its_truth_comes_after_it() -> None:
    raw = {table: ibis.memtable(delivered(table, "2013-06-03T12Z")) for table in spec().sources}
    events = features.process(raw)["events"].to_pandas()
    assert {*events.columns} == {*spec().request, spec().event.label, spec().event.label_time}
    assert events["flight_id"].is_unique
    assert (events["label_timestamp"] > events["event_timestamp"]).all()
    assert (events["airline_at"] == events["origin"] + "_" + events["carrier"]).all()


# -- features
def test_a_window_ends_with_the_minute_and_leaves_out_what_is_an_hour_old() -> None:
    rows = built(departures([(0, 30.0), (30, 0.0), (59, 10.0), (60, 20.0)])).set_index("minute")
    assert rows["departures_1h_count"].tolist() == [1, 2, 3, 3]
    assert rows.loc[60, "departures_1h_delay"] == 10.0, "the message of nine is an hour old"
    assert rows.loc[60, "departures_3h_delay"] == 15.0
    assert rows.loc[59, "departures_1h_late"] == pytest.approx(1 / 3)


def test_messages_of_one_minute_make_one_row() -> None:
    rows = built(departures([(5, 0.0), (5, 40.0), (6, 20.0)]))
    assert rows["departures_1h_count"].tolist() == [2, 3]
    assert rows["departures_1h_delay"].tolist() == [20.0, 20.0]


def test_windows_reach_into_the_hours_before_without_their_rows() -> None:
    before = departures([(-170, 60.0), (-10, 0.0)])
    rows = built(departures([(0, 0.0), (20, 30.0)]), before).set_index("minute")
    assert rows.index.tolist() == [0, 20]
    assert rows["departures_3h_count"].tolist() == [3, 3], "170 minutes ago, and then 190: out of reach"
    assert rows["departures_1h_count"].tolist() == [2, 3]


def test_history_and_streams_hold_what_the_longest_window_needs() -> None:
    for table in ("departures", "arrivals"):
        assert spec().sources[table].history.hours * 60 >= features.RECENT
    assert all(stream.window_hours * 60 >= features.RECENT for stream in spec().streams.values())


def test_an_airline_is_kept_by_airport() -> None:
    now = departures([(1, 10.0)], "EWR", "UA").union(departures([(2, 50.0)], "LGA", "UA"))
    rows = built(now, view="airline_departures").set_index("airline_at")
    assert rows["airline_3h_delay"].to_dict() == {"EWR_UA": 10.0, "LGA_UA": 50.0}


minutes = st.integers(0, 59)
message = st.tuples(minutes, st.integers(-20, 300).map(float))


@given(st.lists(message, min_size=1, max_size=12), minutes)
@settings(max_examples=15, deadline=None)
def test_no_feature_depends_on_what_happens_later(messages: list[tuple[int, float]], now: int) -> None:
    """Rows up to a minute are the same, whatever comes after it."""
    known = [one for one in messages if one[0] <= now]
    if known:
        whole, cut = built(departures(messages)), built(departures(known))
        pd.testing.assert_frame_equal(whole[whole["minute"] <= now].reset_index(drop=True), cut)


def test_an_hour_with_history_is_built_as_if_it_were_one_table() -> None:
    """Real departures of six hours: hour by hour with three hours of history, and all at once."""
    raw = delivered("departures", "2013-06-03T09Z", "2013-06-03T18Z")
    hour = raw["departed_at"].dt.floor("h")
    whole = built(ibis.memtable(raw))
    for start in pd.date_range("2013-06-03T12:00Z", periods=6, freq="h"):
        before = raw[(hour < start) & (hour >= start - pd.Timedelta(hours=3))]
        now = built(ibis.memtable(raw[hour == start]), ibis.memtable(before))
        there = whole[whole["event_timestamp"].dt.floor("h") == start]
        order = ["event_timestamp", "origin"]
        pd.testing.assert_frame_equal(
            now.sort_values(order, ignore_index=True), there.sort_values(order, ignore_index=True)
        )


def test_a_question_finds_only_flights_that_had_left_or_landed() -> None:
    """The message of a flight is later than the question about it: none of its own is among its features."""
    for table, time in (("departures", "departed_at"), ("arrivals", "landed_at")):
        rows = delivered(table, "2013-06-01T00Z", "2013-06-30T23Z")
        assert (rows[time] > rows["scheduled_at"] - source.ASKED_BEFORE).all()


def test_the_first_hour_of_the_spec_has_rows() -> None:
    assert spec().calendar.every == "hour"
    assert datetime(2013, 5, 2, tzinfo=UTC) == spec().calendar.start(spec().periods.first)
    assert len(delivered("departures", spec().periods.first)) > 20
