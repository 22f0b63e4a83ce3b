"""An event that comes again with another time or key: no row still counts it where it was."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from include.contracts.streaming import StreamEntry
from include.specification.loader import load_usecase
from include.streaming.events import typed
from include.streaming.features import StreamFeatures
from include.streaming.speed_layer import SpeedLayer
from tests.unit.fakes.streaming import MemoryStream, PushedRows

FLIGHTS, VIEW = load_usecase("flight_arrivals"), "airport_departures"
STREAM = FLIGHTS.streams[VIEW].model_copy(update={"late_hours": 24, "id": ["flight"]})
SPEC = FLIGHTS.model_copy(update={"streams": {VIEW: STREAM}})
START = datetime(2013, 6, 3, 12, tzinfo=UTC)
WARM = timedelta(hours=STREAM.window_hours)


def departure(flight: int, minute: int, delay: float, origin: str = "EWR") -> dict[str, Any]:
    scheduled, left = START.isoformat(), (START + timedelta(minutes=minute)).isoformat()
    flown = {"carrier": "UA", "flight": flight, "origin": origin, "dest": "ORD"}
    return {**flown, "scheduled_at": scheduled, "departed_at": left, "dep_delay": delay}


AT_ONCE = StreamFeatures(SPEC, VIEW)


def batch(events: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    rows = AT_ONCE.rows(SPEC.calendar.of(START), [typed(SPEC.sources["departures"], event) for event in events], [])
    known = rows[rows.event_timestamp >= START + WARM].to_dict("records")
    return {(row["origin"], row["event_timestamp"].isoformat()): {**row, "event_timestamp": None} for row in known}


@pytest.mark.slow
@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    st.lists(
        st.tuples(
            st.integers(1, 9), st.integers(1, 360), st.sampled_from([-5.0, 0.0, 40.0]), st.sampled_from(["EWR", "JFK"])
        ),
        max_size=25,
    ),
    st.integers(1, 6),
)
def test_rows_are_the_batchs_whatever_was_said_before(messages: list[tuple[int, int, float, str]], size: int) -> None:
    arrivals = [departure(0, 0, 0.0), departure(10, 0, 0.0, "JFK"), *(departure(*message) for message in messages)]
    entries = [StreamEntry(id=f"1700000000000-{n}", text=json.dumps(event)) for n, event in enumerate(arrivals)]
    layer = SpeedLayer(SPEC, VIEW, MemoryStream(), PushedRows())  # type: ignore[arg-type]
    for begin in range(0, len(entries), size):
        layer.handle(entries[begin : begin + size])
    texts = [text for rows in layer.stream.rows.values() for text in rows.values()]  # type: ignore[attr-defined]
    found = {
        (row["origin"], row["event_timestamp"]): {**row, "event_timestamp": None} for row in map(json.loads, texts)
    }
    expected = batch([*{event["flight"]: event for event in arrivals}.values()])
    assert found == expected


def test_a_correction_of_the_key_takes_the_event_out_of_the_window_that_had_it() -> None:
    stream = MemoryStream()
    layer = SpeedLayer(SPEC, VIEW, stream, PushedRows())  # type: ignore[arg-type]
    begun = [departure(0, 0, 0.0), departure(10, 0, 0.0, "JFK")]
    arrivals = [*begun, departure(1, 200, 40.0), departure(2, 210, 0.0), departure(1, 200, 40.0, "JFK")]
    for number, event in enumerate(arrivals):
        layer.handle([StreamEntry(id=f"1700000000000-{number}", text=json.dumps(event))])
    held = {key: sorted(window.events) for key, window in stream.windows.items()}
    assert held == {"EWR": ["0", "2"], "JFK": ["1", "10"]}
    assert stream.homes == {"0": "EWR", "2": "EWR", "1": "JFK", "10": "JFK"}
    layer.handle([StreamEntry(id="1700000000000-2", text=json.dumps(arrivals[2]))])  # it comes again, and is older
    assert {key: sorted(window.events) for key, window in stream.windows.items()} == held
