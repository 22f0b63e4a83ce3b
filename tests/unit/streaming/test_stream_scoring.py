"""Requests of a stream: answered, put aside with a reason, or kept while the server may be at fault."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.contracts.streaming import StreamEntry
from include.errors import DataError, RequestFailedError, RequestRefusedError, ServiceError, SpecError
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.streaming.events import MAX_DELIVERIES
from include.streaming.scoring import MAX_TRIES, Outcome, StreamScorer

SPEC = load_usecase("weather_forecast")
DIGITS = load_usecase("digit_image")


class Results:
    """What was written, without Redis."""

    def __init__(self) -> None:
        self.results: dict[str, dict[str, Any]] = {}
        self.dead: dict[str, str] = {}

    def answer(self, entries: Sequence[StreamEntry], dead: Mapping[str, str], results: Mapping[str, str]) -> None:
        assert {*dead, *results} == {entry.id for entry in entries}
        self.results |= {entry: json.loads(text) for entry, text in results.items()}
        self.dead |= dead


class Server:
    """Answers by the origin; ``refuses`` some, ``broken`` fails them all, ``away`` is not there."""

    def __init__(self, refuses: str = "", broken: bool = False, away: bool = False) -> None:
        self.refuses, self.broken, self.away = refuses, broken, away
        self.sizes: list[int] = []

    def infer(self, model: str, rows: Sequence[Mapping[str, Any]], given: object = None) -> list[dict[str, Any]]:
        self.sizes.append(len(rows))
        if self.away:
            raise ServiceError("no connection")
        if self.broken or any(row["origin"] == self.refuses for row in rows):
            raise RequestFailedError("ValueError: not this one")
        return [{"prediction": float(len(row["origin"])), "release": "r0001", "request_id": "q"} for row in rows]


def entry(number: int, origin: str = "JFK", deliveries: int = 1, **other: Any) -> StreamEntry:
    asked = {"forecast_id": f"q{number}", "event_timestamp": 1.4e9, "origin": origin, **other}
    return StreamEntry(id=f"1700000000000-{number}", text=json.dumps(asked), deliveries=deliveries)


def scorer(server: Any, spec: UseCase = SPEC, batch: int = 4) -> tuple[StreamScorer, Results]:
    stream = Results()
    return StreamScorer(spec, stream, server, batch), stream


def test_requests_are_asked_in_small_batches_and_answered_by_their_id() -> None:
    server = Server()
    work, stream = scorer(server)
    assert work.handle([entry(n) for n in range(10)]) == Outcome(10, 10, 0)
    assert server.sizes == [4, 4, 2]
    first = stream.results["1700000000000-0"]
    assert {k: first[k] for k in ("id", "prediction", "release", "request_id")} == {
        "id": "q0", "prediction": 3.0, "release": "r0001", "request_id": "q",
    }  # fmt: skip


@given(st.lists(st.sampled_from(["JFK", "bad"]), min_size=1, max_size=12))
def test_a_refused_request_takes_no_neighbour_along(origins: list[str]) -> None:
    work, stream = scorer(Server(refuses="bad"))
    work.handle([entry(99)])
    work.handle([entry(n, origin) for n, origin in enumerate(origins)])
    assert len(stream.dead) == origins.count("bad")
    assert len(stream.results) == 1 + origins.count("JFK")
    assert all("ValueError: not this one" in reason for reason in stream.dead.values())


def test_what_the_server_fails_is_tried_again_while_nothing_else_is_answered() -> None:
    server = Server(broken=True)
    work, stream = scorer(server)
    for _ in range(MAX_TRIES - 1):
        with pytest.raises(RequestFailedError):
            work.handle([entry(1)])
    server.broken = False
    assert work.handle([entry(1)]) == Outcome(1, 1, 0)
    server.broken = True
    with pytest.raises(RequestFailedError):
        work.handle([entry(2), entry(3)])
    server.broken, server.refuses = False, "bad"
    assert work.handle([entry(4, "bad")]).dead == 1, "what was answered before still is: the request is at fault"
    assert set(stream.dead) == {"1700000000000-4"}


def test_a_request_that_is_all_there_is_and_always_fails_is_put_aside_in_the_end() -> None:
    work, stream = scorer(Server(refuses="bad"))
    for _ in range(MAX_TRIES - 1):
        with pytest.raises(RequestFailedError):
            work.handle([entry(1, "bad")])
    assert work.handle([entry(1, "bad")]) == Outcome(1, 0, 1)
    assert stream.results == {}


def test_a_server_that_is_away_is_no_fault_of_the_requests() -> None:
    work, stream = scorer(Server(away=True))
    with pytest.raises(ServiceError, match="no connection"):
        work.handle([entry(1), entry(2)])
    assert (stream.results, stream.dead) == ({}, {})


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"origin": 5}, "origin: string_type"),
        ({"event_timestamp": True}, "event_timestamp.float: float_type"),
        ({"event_timestamp": "yesterday"}, "event_timestamp.datetime: datetime_parsing"),
        ({"event_timestamp": "2013-04-01T05:00:00"}, "timezone_aware"),
    ],
)
def test_what_breaks_the_contract_is_put_aside_with_the_field(wrong: dict[str, Any], reason: str) -> None:
    work, stream = scorer(Server())
    assert work.handle([entry(1), entry(2, **wrong)]).dead == 1
    assert reason in stream.dead["1700000000000-2"]
    assert "yesterday" not in stream.dead["1700000000000-2"]


def test_a_time_may_be_text_and_a_tensor_has_all_its_numbers() -> None:
    work, _ = scorer(Server())
    assert work.handle([entry(1, event_timestamp="2013-04-01T05:00:00+00:00")]).scored == 1
    digits, stream = scorer(Server(), DIGITS)
    asked = {"scan": "s", "event_timestamp": 1.4e9, "pixels": [0.0] * 63}
    assert digits.handle([StreamEntry(id="1-1", text=json.dumps(asked))]).dead == 1
    assert "pixels: too_short" in stream.dead["1-1"]


def test_what_cannot_be_sent_is_put_aside_alone() -> None:
    class Strict(Server):
        def infer(self, model: str, rows: Sequence[Mapping[str, Any]], given: object = None) -> list[dict[str, Any]]:
            if any(not row["origin"] for row in rows):
                raise DataError("request field 'origin' must be a string")
            return super().infer(model, rows)

    work, stream = scorer(Strict())
    assert work.handle([entry(1), entry(2, ""), entry(3)]) == Outcome(3, 2, 1)
    assert "must be a string" in stream.dead["1700000000000-2"]


def test_a_request_that_kills_its_consumers_is_put_aside() -> None:
    work, stream = scorer(Server())
    assert work.handle([entry(1, deliveries=MAX_DELIVERIES + 1)]).dead == 1
    assert stream.dead["1700000000000-1"] == "8 consumers ended while they worked on it"


def test_requests_that_hold_personal_fields_cannot_be_streamed() -> None:
    flights = load_usecase("flight_delay").model_dump(by_alias=True)
    with pytest.raises(ValueError, match=r"requests hold \['tailnum'\]"):
        UseCase.model_validate(flights | {"scoring": {"stream": "questions"}})
    with pytest.raises(ValueError, match="is the name of a feature view"):
        UseCase.model_validate(SPEC.model_dump(by_alias=True) | {"scoring": {"stream": "recent_weather"}})
    from include.services.composition import Services
    from include.settings import Settings

    with pytest.raises(SpecError, match="cannot score a stream"):
        Services(Settings()).adapters.scoring_stream(load_usecase("flight_delay"))


ASKED = {"forecast_id": "q", "event_timestamp": 1.4e9, "origin": "JFK"}
MALFORMED = {
    "cut": json.dumps(ASKED)[:20],
    "no JSON": "\\xff",
    "no object": "[1]",
    "nothing": "",
    "nested": "[" * 5000,
    "text for a time": json.dumps(ASKED | {"event_timestamp": "soon"}),
    "a field twice": '{"origin": "EWR", ' + json.dumps(ASKED)[1:],
    "seconds as text": json.dumps(ASKED | {"event_timestamp": "1400000000"}),
    "a space for the T": json.dumps(ASKED | {"event_timestamp": "2013-04-01 05:00:00Z"}),
    "small letters": json.dumps(ASKED | {"event_timestamp": "2013-04-01t05:00:00z"}),
    "a truth for a time": json.dumps(ASKED | {"event_timestamp": True}),
    "an object for a text": json.dumps(ASKED | {"origin": {}}),
    "half a pair": json.dumps(ASKED).replace("JFK", "\\ud800"),
}


@given(st.lists(st.sampled_from([*MALFORMED, "good"]) | st.text(max_size=20), max_size=12))
def test_every_request_that_can_be_read_around_what_cannot_is_answered(parts: list[str]) -> None:
    work, stream = scorer(Server())
    texts = [json.dumps(ASKED) if part == "good" else MALFORMED.get(part, part) for part in parts]
    done = work.handle([StreamEntry(id=f"1-{n}", text=text) for n, text in enumerate(texts)])
    assert (done.events, done.scored) == (len(parts), parts.count("good"))
    assert set(stream.results) == {f"1-{n}" for n, part in enumerate(parts) if part == "good"}
    assert all(stream.dead.values())


def test_a_request_that_the_server_refuses_for_what_it_holds_is_put_aside_at_once() -> None:
    class Refusing(Server):
        def infer(self, model: str, rows: Sequence[Mapping[str, Any]], given: object = None) -> list[dict[str, Any]]:
            raise RequestRefusedError("ValueError: row 0: request field 'event_timestamp' is out of its bounds")

    work, stream = scorer(Refusing())
    assert work.handle([entry(1), entry(2)]) == Outcome(2, 0, 2)
    assert all("out of its bounds" in reason for reason in stream.dead.values())


def test_a_time_to_the_edge_of_the_calendar_is_left_to_the_server() -> None:
    work, _ = scorer(Server())
    assert work.handle([entry(1, event_timestamp="0001-01-01T00:00:00+14:00")]).scored == 1


class Silent(Server):
    """Gives no answer to requests of one origin, as when computing them takes too long."""

    def infer(self, model: str, rows: Sequence[Mapping[str, Any]], given: object = None) -> list[dict[str, Any]]:
        if any(row["origin"] == "slow" for row in rows):
            raise ServiceError("Deadline Exceeded")
        return super().infer(model, rows)


def test_a_request_that_gets_no_answer_while_others_do_is_put_aside_and_the_next_ones_flow() -> None:
    work, stream = scorer(Silent())
    work.handle([entry(1)])
    asked = [entry(2), entry(3, "slow"), entry(4)]
    for _ in range(MAX_TRIES - 1):
        with pytest.raises(ServiceError, match="Deadline"):
            work.handle(asked)
    assert work.handle(asked) == Outcome(3, 2, 1)
    assert "Deadline Exceeded" in stream.dead["1700000000000-3"]


def test_no_request_is_at_fault_while_a_server_gives_no_answer_to_any() -> None:
    work, stream = scorer(Silent())
    for _ in range(2 * MAX_TRIES):
        with pytest.raises(ServiceError):
            work.handle([entry(1, "slow"), entry(2, "slow")])
    assert stream.dead == {}


@pytest.mark.parametrize("answer", [{"prediction": float("nan")}, {"prediction": b"x"}, {"prediction": {1, 2}}])
def test_an_answer_that_is_no_json_puts_its_request_aside(answer: dict[str, Any]) -> None:
    class Odd(Server):
        def infer(self, model: str, rows: Sequence[Mapping[str, Any]], given: object = None) -> list[dict[str, Any]]:
            answers = super().infer(model, rows)
            return [one | (answer if row["origin"] == "odd" else {}) for one, row in zip(answers, rows, strict=True)]

    work, stream = scorer(Odd())
    assert work.handle([entry(1), entry(2, "odd"), entry(3)]) == Outcome(3, 2, 1)
    assert "cannot be written as JSON" in stream.dead["1700000000000-2"]


@pytest.mark.parametrize(
    "error", [KeyError("prediction"), UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"), RuntimeError()]
)
def test_whatever_the_client_raises_for_a_request_puts_it_aside(error: Exception) -> None:
    class Raising(Server):
        def infer(self, model: str, rows: Sequence[Mapping[str, Any]], given: object = None) -> list[dict[str, Any]]:
            if any(row["origin"] == "bad" for row in rows):
                raise error
            return super().infer(model, rows)

    work, stream = scorer(Raising())
    assert work.handle([entry(1), entry(2, "bad"), entry(3)]) == Outcome(3, 2, 1)
    assert stream.dead["1700000000000-2"].endswith(type(error).__name__)
