"""A ``features.py`` that computes nothing is no event's fault; one that fails for one event puts that one aside."""

from collections.abc import Callable, Iterator
from typing import Any

import ibis
import pytest

from include.errors import SpecError
from include.streaming import features as stream_features
from include.streaming.speed_layer import SpeedLayer
from include.usecases.flight_delay import features
from tests.unit.fakes.streaming import MemoryStream, PushedRows
from tests.unit.streaming.test_streaming import SPEC, VIEW, WINDOW, batch, entries, pushed, weather

Built = Callable[..., Any]


@pytest.fixture
def layer() -> SpeedLayer:
    return SpeedLayer(SPEC, VIEW, MemoryStream(), PushedRows())  # type: ignore[arg-type]


@pytest.fixture
def exchanged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Built], None]]:
    """Exchanges a function of ``features.py``."""
    stream_features._sql.cache_clear()

    def exchange(name: str, function: Built) -> None:
        stream_features._sql.cache_clear()
        monkeypatch.setattr(features, name, function)

    yield exchange
    stream_features._sql.cache_clear()


def _raising(error: BaseException) -> Built:
    def function(*_: Any) -> Any:
        raise error

    return function


def _with(change: Callable[[ibis.Table], Any]) -> Built:
    built = features.build

    def function(*arguments: Any) -> Any:
        return built(*arguments) | {VIEW: change(built(*arguments)[VIEW])}

    return function


FAULTS: dict[str, tuple[str, Built, str]] = {
    "build raises": (
        "build",
        _raising(KeyError("gate")),
        r"features.py:1: .* cannot be evaluated for 2013-\d\d: KeyErr",
    ),
    "process raises": ("process", _raising(ZeroDivisionError()), "cannot be evaluated for .*: ZeroDivisionError"),
    "it ends the process": ("build", _raising(SystemExit(1)), "cannot be evaluated for .*: SystemExit"),
    "another thing": ("build", lambda *_: [], "build returns a list; it must return a dict"),
    "no such table": ("process", lambda raw: {}, "process does not return the tables"),
    "a column that is not there": ("build", _with(lambda rows: rows.select("gate")), "cannot be evaluated"),
    "SQL that DuckDB has not": (
        "build",
        _with(lambda rows: rows.filter(rows.origin.re_search("("))),
        "cannot be evaluat",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", FAULTS)
def test_features_that_cannot_be_computed_of_any_event_put_none_aside(
    layer: SpeedLayer, exchanged: Callable[[str, Built], None], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    events = [weather(hour) for hour in range(WINDOW + 3)]
    layer.handle(entries(events[:-2]))
    before = dict(layer.stream.windows)  # type: ignore[attr-defined]
    name, function, said = FAULTS[what]
    with monkeypatch.context():
        exchanged(name, function)
        for _ in range(2):
            with pytest.raises(SpecError, match=said):
                layer.handle(entries(events[-2:], first=50))
    assert (layer.stream.dead, layer.stream.windows) == ({}, before)  # type: ignore[attr-defined]
    monkeypatch.undo()
    stream_features._sql.cache_clear()
    layer.handle(entries(events[-2:], first=50))
    assert pushed(layer) == batch(events), "once it is mended, nothing is missing"


def test_an_event_of_no_period_of_the_use_case_stops_nothing(
    layer: SpeedLayer, exchanged: Callable[[str, Built], None]
) -> None:
    """A ``build`` may know the periods of its use case alone."""
    built, first = features.build, SPEC.periods.first

    def of_known_periods(tables: Any, period: Any, history: Any = None) -> Any:
        if period < first:
            raise KeyError(period)
        return built(tables, period, history)

    exchanged("build", of_known_periods)
    before_first = (SPEC.calendar.start(first) - SPEC.calendar.start(first.shift(2))).days * 24
    early = [weather(before_first - 24 + hour, "JFK") for hour in range(WINDOW + 2)]
    events = [weather(hour) for hour in range(WINDOW + 3)]
    done = layer.handle(entries([*events, *early]))
    assert done.dead == 2, "those whose window is full"
    assert pushed(layer) == batch(events)
