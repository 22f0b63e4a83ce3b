"""Streams whose keys, ids and times are computed from a raw row, one row by itself."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.contracts.streaming import StreamEntry
from include.errors import SpecError
from include.specification.data import StreamSpec
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.streaming.computed import ComputedColumns, check
from include.streaming.events import EventReader
from include.usecases.flight_delay import features

VIEW = "airport_weather"
KINDS = {"region": "string", "observed": "timestamp", "tenths": "integer"}
START = datetime(2013, 3, 1, tzinfo=UTC)
Rows = Callable[[str, ibis.Table], Any]


def spec(**changes: Any) -> UseCase:
    declared = {"id": ["origin", "observed"], "key": ["region"], "time": "observed", "computed": KINDS, **changes}
    flights = load_usecase("flight_delay")
    stream = StreamSpec.model_validate(flights.streams[VIEW].model_dump() | declared)
    return flights.model_copy(update={"streams": {VIEW: stream}})


def columns(view: str, rows: ibis.Table) -> dict[str, ibis.Value]:
    """A reading is observed half an hour before it is noted; one without a temperature is none."""
    return {
        "region": rows.origin.substr(0, 1) + "-" + view,
        "observed": rows.temp.notnull().ifelse(rows.time_hour - ibis.interval(minutes=30), ibis.null("timestamp")),
        "tenths": (rows.temp * 10).round().cast("int64"),
    }


@pytest.fixture(autouse=True)
def computed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Rows], None]:
    """Exchanges what ``features.py`` computes."""

    def exchange(function: Rows) -> None:
        monkeypatch.setattr(features, "computed", function, raising=False)

    exchange(columns)
    return exchange


def reading(hour: int, origin: str = "EWR", temp: float | None = 1.0) -> dict[str, Any]:
    moment = (START + timedelta(hours=hour)).isoformat()
    return {"origin": origin, "time_hour": moment} | dict.fromkeys(features.READINGS, 1.0) | {"temp": temp}


def entries(events: list[dict[str, Any]]) -> list[StreamEntry]:
    return [StreamEntry(id=f"1700000000000-{n}", text=json.dumps(event)) for n, event in enumerate(events)]


def test_id_key_and_time_may_be_computed() -> None:
    (event,), dead = EventReader(spec(), VIEW).read(entries([reading(2)]))
    assert (event.key, dead) == ("E-airport_weather", {})
    assert event.id == json.dumps(["EWR", "2013-03-01T01:30:00+00:00"])
    assert datetime.fromtimestamp(event.time, UTC) == START + timedelta(hours=1.5)
    assert event.fields == reading(2), "what is computed is computed again where it is needed"


def test_a_raw_row_without_a_computed_time_is_no_event_and_nobodys_fault() -> None:
    events, dead = EventReader(spec(), VIEW).read(entries([reading(1), reading(2, temp=None), reading(3)]))
    assert ([event.entry for event in events], dead) == (["1700000000000-0", "1700000000000-2"], {})


def test_what_cannot_be_computed_of_one_event_stops_no_other() -> None:
    events, dead = EventReader(spec(), VIEW).read(entries([reading(1), reading(2, temp=1e300), reading(3)]))
    assert len(events) == 2
    assert dead == {"1700000000000-1": "its computed columns cannot be computed: ConversionException"}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 500), st.sampled_from(["EWR", "JFK"]), st.none() | st.integers(0, 99)),
                max_size=20))  # fmt: skip
def test_an_event_is_the_same_alone_and_among_others_and_the_feed_has_the_same_ones(readings: list[Any]) -> None:
    reader = EventReader(spec(), VIEW)
    arrivals = entries([reading(hour, origin, temp) for hour, origin, temp in readings])
    together, dead = reader.read(arrivals)
    assert (together, dead) == ([event for entry in arrivals for event in reader.read([entry])[0]], {})
    frame = pd.DataFrame([json.loads(entry.text) for entry in arrivals], columns=list(reading(0)))
    dated = reader.dated(frame)
    assert [moment.timestamp() for moment, _ in dated] == sorted(event.time for event in together)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (lambda rows: [rows.origin], "returns a list; it must return a dict"),
        (lambda rows: {"region": rows.origin}, r"returns \['region'\] for airport_weather; streams.airport_weather.co"),
        (
            lambda rows: columns("", rows) | {"region": rows.origin.max()},
            r"\['region'\] .* more than the columns of on",
        ),
        (
            lambda rows: columns("", rows) | {"tenths": ibis.row_number()},
            r"\['tenths'\] .* more than the columns of on",
        ),
        (lambda rows: columns("", rows) | {"tenths": rows.temp.lag()}, r"\['tenths'\] .* more than the columns of one"),
        (lambda rows: columns("", rows) | {"observed": ibis.now()}, r"\['observed'\] .* more than the columns of one"),
        (lambda rows: columns("", rows) | {"region": rows.filter(rows.temp > 1).origin}, r"\['region'\] .* more than"),
        (lambda rows: columns("", rows) | {"region": "EWR"}, r"\['region'\] .* more than the columns of one event"),
        (lambda rows: columns("", rows) | {"region": rows.origin.split("").unnest()}, r"\['region'\] .* more than the"),
        (lambda rows: columns("", rows) | {"region": rows.origin.hashbytes()}, "region of type binary .* says string"),
        (lambda rows: columns("", rows) | {"region": ibis.array([rows.origin])}, "region of type array<string>"),
        (lambda rows: columns("", rows) | {"observed": rows.origin}, "observed of type string .* says timestamp; cast"),
        (lambda rows: columns("", rows) | {"tenths": rows.temp / 3}, "tenths of type float64 .* says integer; cast it"),
        (lambda rows: columns("", rows) | {"region": rows.origin.re_extract("(", 0)}, "1: computed cannot be evaluate"),
        (
            lambda rows: {1: rows.origin, "region": rows.origin},
            r"returns \['1', 'region'\] for airport_weather; stream",
        ),
        (lambda rows: {"region": rows.gate}, r"features.py:\d+: computed cannot be evaluated: AttributeError"),
    ],
)
def test_a_function_that_cannot_be_used_is_no_events_fault(
    computed: Callable[[Rows], None], returned: Callable[[ibis.Table], Any], said: str
) -> None:
    computed(lambda view, rows: returned(rows))
    with pytest.raises(SpecError, match=said):
        EventReader(spec(), VIEW).read(entries([reading(1)]))
    with pytest.raises(SpecError, match=said):
        check(spec(), VIEW)


def test_zero_is_one_key_whatever_its_sign_as_it_is_for_the_batch(computed: Callable[[Rows], None]) -> None:
    computed(lambda view, rows: {"cell": rows.temp.round(0).cast("float64")})
    one = spec(computed={"cell": "number"}, id=["origin", "time_hour"], key=["cell"], time=None)
    events, dead = EventReader(one, VIEW).read(entries([reading(1, temp=-0.4), reading(2, temp=0.4)]))
    assert ([event.key for event in events], dead) == ([events[0].key] * 2, {})


def test_nothing_is_computed_of_no_event() -> None:
    assert ComputedColumns(spec(), VIEW).of([]) == []
    assert EventReader(spec(), VIEW).dated(pd.DataFrame(columns=list(reading(0)))) == []
