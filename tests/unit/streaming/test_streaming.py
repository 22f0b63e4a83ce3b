"""The speed layer: the batch's rows whatever the order of arrival; what it cannot use is put aside with a reason."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import duckdb
import ibis
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from include.contracts.calendar import Calendar
from include.contracts.period import Period
from include.contracts.streaming import StreamEntry, StreamWindow
from include.specification.data import Periods
from include.specification.loader import load_usecase
from include.streaming.events import MAX_DELIVERIES, as_events, contract
from include.streaming.speed_layer import SpeedLayer
from include.usecases import nycflights
from include.usecases.flight_delay import features
from tests.unit.fakes.streaming import MemoryStream, PushedRows

SPEC = load_usecase("flight_delay")
VIEW = "airport_weather"
START = datetime(2013, 3, 1, tzinfo=UTC)
WINDOW = SPEC.streams[VIEW].window_hours
PUBLISHED = 1_700_000_000_000  # milliseconds: long after 2013


def weather(hour: float, origin: str = "EWR", **readings: Any) -> dict[str, Any]:
    """One raw event, ``hour`` hours after START; readings are 1 unless given."""
    moment = (START + timedelta(hours=hour)).isoformat()
    return {"origin": origin, "time_hour": moment} | {name: readings.get(name, 1.0) for name in features.READINGS}


def entries(events: list[Any], first: int = 0) -> list[StreamEntry]:
    return [
        StreamEntry(id=f"{PUBLISHED}-{first + n}", text=e if isinstance(e, str) else json.dumps(e))
        for n, e in enumerate(events)
    ]


@pytest.fixture
def layer() -> SpeedLayer:
    return SpeedLayer(SPEC, VIEW, MemoryStream(), PushedRows())  # type: ignore[arg-type]


def pushed(layer: SpeedLayer) -> dict[tuple[str, str], dict[str, Any]]:
    rows = [json.loads(text) for part in layer.stream.rows.values() for text in part.values()]  # type: ignore[attr-defined]
    return {(row["origin"], row["event_timestamp"]): row for row in rows}


@cache
def batch_sql() -> str:
    """Of the batch's expressions, for a table ``raw``."""
    columns = {"origin": "string", "time_hour": "string", **dict.fromkeys(features.READINGS, "float64")}
    weather = nycflights.weather(ibis.table(columns, name="raw"), features.READINGS)
    return str(ibis.to_sql(features._airport_weather(weather, None), dialect="duckdb"))


@cache
def engine() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def batch(events: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """The batch's rows of these events, but for the hours before the first window is full."""
    raw = pd.DataFrame(events).astype(dict.fromkeys(features.READINGS, float))
    engine().register("raw", pa.Table.from_pandas(raw, preserve_index=False))
    rows = engine().sql(batch_sql()).df()
    since = raw.assign(t=pd.to_datetime(raw.time_hour)).groupby("origin").t.min()
    rows = rows[rows.event_timestamp >= rows.origin.map(since) + pd.Timedelta(hours=WINDOW + 1)]
    plain = [{k: None if pd.isna(v) else v for k, v in row.items()} for row in rows.to_dict("records")]
    return {
        (r["origin"], r["event_timestamp"].isoformat()): r | {"event_timestamp": r["event_timestamp"].isoformat()}
        for r in plain
    }


reading = st.none() | st.sampled_from([0.0, 0.1, 2.5, 999.9, 1003.2])
histories = st.dictionaries(
    st.tuples(st.sampled_from(["EWR", "JFK"]), st.integers(0, 22)),
    st.fixed_dictionaries(dict.fromkeys(("precip", "pressure", "visib", "temp"), reading)),
    min_size=1,
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(histories, st.randoms(use_true_random=False), st.integers(1, 12))
def test_any_order_and_any_repetition_gives_the_batchs_rows(history: dict, random: Any, size: int) -> None:
    events = [weather(hour, origin, **readings) for (origin, hour), readings in sorted(history.items())]
    first = [e for i, e in enumerate(events) if i == 0 or events[i - 1]["origin"] != e["origin"]]
    arrivals = [*events, *random.sample(events, len(events) // 2)]
    random.shuffle(arrivals)
    layer = SpeedLayer(SPEC, VIEW, MemoryStream(), PushedRows())  # type: ignore[arg-type]
    for begin in range(0, len(first + arrivals), size):  # each key's first hour comes first
        layer.handle(entries((first + arrivals)[begin : begin + size], begin))
    assert pushed(layer) == batch(events)


@settings(max_examples=30, deadline=None)
@given(histories, st.randoms(use_true_random=False), st.integers(1, 8), st.integers(0, 6))
def test_what_is_before_the_watermark_of_its_key_is_left_out_and_everything_else_is_the_batchs(
    history: dict, random: Any, size: int, late_hours: int
) -> None:
    stream = SPEC.streams[VIEW].model_copy(update={"late_hours": late_hours})
    layer = SpeedLayer(SPEC.model_copy(update={"streams": {VIEW: stream}}), VIEW, MemoryStream(), PushedRows())  # type: ignore[arg-type]
    first = {origin: min(hour for hour, at in ((h, o) for o, h in history) if at == origin) for origin, _ in history}
    arrivals = [key for key in history if key[1] != first[key[0]]]
    random.shuffle(arrivals)
    arrivals = [*first.items(), *arrivals]  # each key's first hour comes first
    kept, settled, late = list[tuple[str, int]](), dict[str, int](), 0
    for begin in range(0, len(arrivals), size):
        part = arrivals[begin : begin + size]
        accepted = [key for key in part if key[1] >= settled.get(key[0], 0) - late_hours]
        late += layer.handle(entries([weather(h, o, **history[o, h]) for o, h in part], begin)).late
        for origin in {origin for origin, _ in accepted}:  # settled is what was published before this batch
            settled[origin] = max((hour for at, hour in kept if at == origin), default=0)
        kept += accepted
    assert late == len(arrivals) - len(kept)
    assert pushed(layer) == batch([weather(hour, origin, **history[origin, hour]) for origin, hour in kept])


def test_a_late_event_changes_the_later_hours_too(layer: SpeedLayer) -> None:
    hours = [weather(h, precip=0.5) for h in range(20) if h != 12]
    layer.handle(entries(hours))
    assert layer.handle(entries([weather(12, precip=0.5)], first=50)).rows == 1 + WINDOW
    assert pushed(layer) == batch([*hours, weather(12, precip=0.5)])


RHYTHMS = {
    "2013-03-01T00Z": None,
    "2013-03-01": "America/New_York",
    "2013-W09": "Asia/Kolkata",
    "2013-03": "Etc/GMT-14",
}


@pytest.mark.parametrize(("first", "zone"), RHYTHMS.items())
def test_rows_are_filed_by_the_period_in_which_the_batch_has_their_event(first: str, zone: str | None) -> None:
    periods = Periods.model_validate({"first": first, "schedule": "5 * * * *", "timezone": zone})
    spec = SPEC.model_copy(update={"periods": periods})
    layer = SpeedLayer(spec, VIEW, MemoryStream(), PushedRows())  # type: ignore[arg-type]
    events = [weather(hour, origin) for hour in range(WINDOW + 12) for origin in ("EWR", "JFK")]
    layer.handle(entries(events))
    assert pushed(layer) == batch(events)
    for period, rows in layer.stream.rows.items():  # type: ignore[attr-defined]
        for row in map(json.loads, rows.values()):  # a reading is known an hour after its time
            moment = datetime.fromisoformat(row["event_timestamp"]) - timedelta(hours=1)
            assert spec.calendar.of(moment) == period
    pushes = [frame["event_timestamp"].min() for frame in layer.store.frames]  # type: ignore[attr-defined]
    assert pushes == sorted(pushes)


def test_nothing_is_pushed_before_the_first_window_is_full(layer: SpeedLayer) -> None:
    assert layer.handle(entries([weather(h) for h in range(WINDOW)])).rows == 0
    assert layer.handle(entries([weather(WINDOW)], first=10)).rows == 1


def test_of_one_id_the_later_place_on_the_stream_counts(layer: SpeedLayer) -> None:
    hours = entries([weather(h) for h in range(WINDOW + 1)])
    wrong, right = entries([weather(WINDOW, temp=20.0), weather(WINDOW, temp=30.0)], first=90)
    for delivered in (hours, [right], [wrong], [wrong, right]):
        layer.handle(delivered)
    assert [row["temp"] for row in pushed(layer).values()] == [30.0]


def test_what_is_too_late_is_left_to_the_batch(layer: SpeedLayer) -> None:
    layer.handle(entries([weather(h) for h in range(40)]))
    layer.handle(entries([weather(40)], first=70))  # only now the others are settled
    before = pushed(layer)
    outcome = layer.handle(entries([weather(40 - 1 - SPEC.streams[VIEW].late_hours - 1, temp=7.0)], first=80))
    assert (outcome.late, outcome.rows, outcome.dead) == (1, 0, 0)
    assert pushed(layer) == before


def test_a_window_keeps_what_late_events_need_and_no_more(layer: SpeedLayer) -> None:
    layer.handle(entries([weather(h) for h in range(100)]))
    layer.handle(entries([weather(99)], first=100))
    (window,) = layer.stream.windows.values()  # type: ignore[attr-defined]
    assert len(window.events) == WINDOW + SPEC.streams[VIEW].late_hours + 2  # hour 99 is not settled yet


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("not JSON", "breaks the contract: the event: json_invalid"),
        ("[1]", "breaks the contract: the event: model_type"),
        (json.dumps(weather(0) | {"temp": "warm"}), "breaks the contract: temp: float_type"),
        (json.dumps(weather(0) | {"origin": None}), "breaks the contract: origin: string_type"),
        (json.dumps(weather(0) | {"time_hour": "2013-03-01T00:00"}), "breaks the contract: time_hour: timezone_aware"),
        (json.dumps({k: v for k, v in weather(0).items() if k != "dewp"}), "breaks the contract: dewp: missing"),
        (json.dumps(weather(0) | {"temp": float("nan")}), "breaks the contract: temp: finite_number"),
        (json.dumps(weather(0) | {"time_hour": "2091-03-01T00:00Z"}), "its time is in the future"),
        ('{"temp": 2.0, ' + json.dumps(weather(0))[1:], "breaks the contract: an object has the same key twice"),
        (
            json.dumps(weather(0) | {"temp": 2**53 + 1}),
            "breaks the contract: temp: a number that a float cannot hold",
        ),
        (
            json.dumps(weather(0) | {"temp": "T"}).replace('"T"', "1e-400"),
            "breaks the contract: temp: a number that a float cannot hold",
        ),
        (
            json.dumps(weather(0) | {"temp": "T"}).replace('"T"', "1e-99999999999999999999"),
            "breaks the contract: temp: a number that a float cannot hold",
        ),
    ],
)
def test_an_unusable_event_is_put_aside_with_a_reason_without_its_values(
    layer: SpeedLayer, text: str, reason: str
) -> None:
    good = [weather(h) for h in range(WINDOW + 1)]
    outcome = layer.handle(entries([*good, text]))
    assert (outcome.rows, outcome.dead) == (1, 1)
    assert [letter.reason for letter in layer.stream.dead_letters()] == [reason]


def test_other_fields_are_left_behind(layer: SpeedLayer) -> None:
    layer.handle(entries([weather(0) | {"surprise": 1}]))
    (window,) = layer.stream.windows.values()  # type: ignore[attr-defined]
    assert "surprise" not in next(iter(window.events.values())).event


def test_an_event_whose_features_cannot_be_computed_is_found_among_the_others(layer: SpeedLayer) -> None:
    hours = [weather(h) for h in range(WINDOW + 3)]
    infinite = [weather(h, "JFK", precip=1.7e308) for h in range(WINDOW + 1)]
    outcome = layer.handle(entries([*hours[:5], *infinite, *hours[5:]]))
    assert (outcome.events, outcome.dead) == (len(hours) + len(infinite), 1)
    assert [letter.reason for letter in layer.stream.dead_letters()] == ["its features cannot be computed: ValueError"]
    assert pushed(layer) == batch(hours)


def test_an_event_that_many_consumers_died_of_is_put_aside(layer: SpeedLayer) -> None:
    (entry,) = entries([weather(0)])
    layer.handle([entry.model_copy(update={"deliveries": MAX_DELIVERIES + 1})])
    assert [letter.reason for letter in layer.stream.dead_letters()] == [
        f"{MAX_DELIVERIES} consumers ended while they worked on it"
    ]


def test_when_the_store_is_away_nothing_is_finished(layer: SpeedLayer) -> None:
    events = [weather(h) for h in range(WINDOW + 1)]
    layer.store.fails = 1  # type: ignore[attr-defined]
    with pytest.raises(OSError, match="away"):
        layer.handle(entries(events))
    assert pushed(layer) == {}
    layer.handle(entries(events))
    assert pushed(layer) == batch(events)


def test_raw_rows_become_events_in_the_order_of_time() -> None:
    source = SPEC.sources["weather"]
    rows = pd.DataFrame([weather(2), weather(1, temp=None) | {"year": 2013}]).astype({"temp": float})
    found = as_events(source, rows)
    assert found == [weather(1, temp=None), weather(2)]
    assert json.loads(json.dumps(found)) == found
    assert Calendar(every="month").start(Period("2013-03")) == START


NO_ISO_TIMES = {
    "seconds as text": "1362096000",
    "a fraction of seconds as text": "1362096000.5",
    "a negative number as text": "-1",
    "a space for the T": "2013-03-02 00:00:00+00:00",
    "an underscore for the T": "2013-03-02_00:00:00Z",
    "small letters": "2013-03-02t00:00:00z",
    "other digits": "٢٠١٣-03-02T00:00:00Z",
    "a date": "2013-03-02",
    "a year of five digits": "12013-03-02T00:00:00Z",
    "the hour 24": "2013-03-02T24:00:00Z",
    "the 30th of February": "2013-02-30T00:00:00Z",
    "blanks": " 2013-03-02T00:00:00Z",
}


def malformed(hour: int = 30) -> dict[str, str]:
    """What is wrong with an event, and its text."""
    good = weather(hour)
    changes: dict[str, dict[str, Any]] = {
        "the first year": {"time_hour": "0001-01-01T00:00:00+14:00"},
        "the last year": {"time_hour": "9999-12-31T23:59:59-12:00"},
        "long ago": {"time_hour": "1970-01-01T00:00:00+00:00"},
        "milliseconds": {"time_hour": 1362096000000},
        "a time without zone": {"time_hour": "2013-03-02T00:00:00"},
        "no time": {"time_hour": None},
        "an overflow": {"temp": 10**400},
        "more digits than a float has": {"temp": -(2**60) - 1},
        "text for a number": {"temp": "warm"},
        "a truth for a number": {"temp": True},
        "an object for a text": {"origin": {"a": []}},
    }
    texts = {what: json.dumps(good | change) for what, change in changes.items()}
    for what, text in NO_ISO_TIMES.items():
        texts[what] = json.dumps(good | {"time_hour": text})
    texts |= {"NaN": json.dumps(good | {"temp": float("nan")}), "infinite": json.dumps(good | {"temp": float("inf")})}
    texts |= {"absent": json.dumps({k: v for k, v in good.items() if k != "temp"}), "cut": json.dumps(good)[:40]}
    texts |= {"no JSON": "\\xff\\xfe", "no object": "[1]", "nothing": "", "nested": "[" * 5000, "half": '"\\ud800"'}
    return texts


MALFORMED = malformed()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([*MALFORMED, "good"]) | st.text(max_size=20), max_size=12))
def test_everything_readable_around_what_is_not_arrives(parts: list[str]) -> None:
    arrivals: list[Any] = [weather(number) if part == "good" else MALFORMED.get(part, part)
                           for number, part in enumerate(parts)]  # fmt: skip
    layer = SpeedLayer(SPEC, VIEW, MemoryStream(), PushedRows())  # type: ignore[arg-type]
    done = layer.handle(entries(arrivals))
    good = [event for event in arrivals if isinstance(event, dict)]
    assert (done.events, done.dead) == (len(parts), len(parts) - len(good))
    assert len(layer.stream.dead) == done.dead  # type: ignore[attr-defined]
    windows = layer.stream.windows  # type: ignore[attr-defined]
    assert sum(len(window.events) for window in windows.values()) == len(good)


@pytest.mark.parametrize("what", MALFORMED)
def test_each_is_put_aside_with_its_reason_and_stops_nothing(layer: SpeedLayer, what: str) -> None:
    done = layer.handle(entries([weather(1), MALFORMED[what], weather(2)]))
    assert (done.events, done.dead) == (3, 1)
    assert all(layer.stream.dead.values())  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["2013-03-02T00:00Z", "2013-03-01T19:00:00.250-05:00", "2013-03-02T01:00:00,5+0100"])
def test_iso_8601_with_a_zone_is_a_time(layer: SpeedLayer, text: str) -> None:
    assert layer.handle(entries([weather(0) | {"time_hour": text}])).dead == 0


def test_an_integer_beyond_64_bits_does_not_get_into_a_window_where_it_would_break_every_later_event() -> None:
    source = SPEC.sources["flights"]
    model, row = contract(source, set()), dict.fromkeys(source.required)
    assert model.model_validate_json(json.dumps(row | {"flight": 2**63 - 1}))
    for huge in (2**63, -(2**63) - 1, 2**70):
        with pytest.raises(ValueError, match="flight"):
            model.model_validate_json(json.dumps(row | {"flight": huge}))


def test_a_column_may_have_any_name() -> None:
    names = ["model_config", "json", "copy", "_private", "a b", "schema", "model_dump"]
    source = SPEC.sources["flights"].model_copy(update={"columns": dict.fromkeys(names, "integer")})
    row = {name: number for number, name in enumerate(names)}
    assert contract(source, set()).model_validate_json(json.dumps(row)).model_dump(by_alias=True) == row


def test_an_event_whose_place_lies_in_the_future_gets_no_time_in_the_future(layer: SpeedLayer) -> None:
    far = StreamEntry(id="99999999999999-0", text=json.dumps(weather(0) | {"time_hour": "2091-03-01T00:00:00Z"}))
    assert (layer.handle([far]).dead, layer.stream.windows) == (1, {})  # type: ignore[attr-defined]


WRONG_KEPT: dict[str, dict[str, Any]] = {
    "a type of before": {"temp": "warm"},
    "a time that is none": {"time_hour": "yesterday"},
    "a number for a time": {"time_hour": 5},
    "an integer beyond 64 bits": {"temp": 10**400},
    "an object": {"temp": {"a": 1}},
}


@pytest.mark.parametrize("what", WRONG_KEPT)
def test_a_window_that_computes_nothing_is_put_aside_and_its_key_starts_again(layer: SpeedLayer, what: str) -> None:
    events = [weather(hour) for hour in range(WINDOW + 4)]
    layer.handle(entries(events))
    (key, window) = next(iter(layer.stream.windows.items()))  # type: ignore[attr-defined]
    name, kept = list(window.events.items())[-1]
    wrong = kept.model_copy(update={"event": kept.event | WRONG_KEPT[what]})
    broken = window.model_copy(update={"events": window.events | {name: wrong}})
    layer.stream.windows[key] = broken  # type: ignore[attr-defined]
    more = [weather(WINDOW + 4), weather(WINDOW + 4, "JFK"), weather(WINDOW + 5)]
    assert layer.handle(entries(more, first=len(events))).dead == 0, "no event is at fault"
    (reason,) = layer.stream.dead.values()  # type: ignore[attr-defined]
    assert reason.startswith("a window that computes no features")
    assert [len(window.events) for window in layer.stream.windows.values()] == [2, 1]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "change", [{"since": 1e300}, {"newest": "NaN"}, {"settled": -1e12}, {"entry": "x"}, {"entry": "1-"}, {"time": 1e20}]
)
def test_a_stored_window_with_an_impossible_time_or_place_is_none(change: dict[str, Any]) -> None:
    kept = {"entry": "1-1", "time": 0.0, "event": {}}
    window = {"since": 0.0, "newest": 0.0, "settled": None, "events": {"a": kept}}
    assert StreamWindow.model_validate_json(json.dumps(window))
    (kept if {*change} & {*kept} else window).update(change)
    with pytest.raises(ValidationError):
        StreamWindow.model_validate_json(json.dumps(window).replace('"NaN"', "NaN"))


def test_a_row_that_the_store_cannot_hold_is_put_aside_and_one_that_is_away_is_not(layer: SpeedLayer) -> None:
    events = [weather(hour) for hour in range(WINDOW + 4)]
    layer.handle(entries(events))

    def refuse(view: str, rows: pd.DataFrame) -> None:
        if (rows["temp"] > 100).any():
            raise OverflowError("int too big to convert")

    layer.store.push = refuse  # type: ignore[method-assign,assignment]
    more = [weather(WINDOW + 5, temp=1000.0), weather(WINDOW + 6, "JFK")]
    done = layer.handle(entries(more, first=len(events)))
    assert (done.events, done.dead) == (2, 1)
    assert "OverflowError" in next(iter(layer.stream.dead.values()))  # type: ignore[attr-defined]


def test_no_events_change_nothing(layer: SpeedLayer) -> None:
    assert layer.handle([]).events == 0
