"""What probes found says whether a component is healthy, and whether it counts as connected."""

from datetime import UTC, datetime

import pytest

from include.governance.standard.facts import FACTS
from include.governance.standard.states import Answer, State, combined, connected, judged
from include.specification.loader import load_usecase

AT = datetime(2013, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(("states", "state"), [
    ([], "none"), (["none", "none"], "none"), (["healthy", "none"], "partly connected"), (["down", "none"], "down"),
    (["healthy", "down"], "degraded"), (["degraded", "healthy"], "degraded"), (["degraded"], "degraded"),
    (["healthy", "healthy"], "healthy"), (["idle", "idle"], "idle"), (["healthy", "idle"], "partly used"),
    (["idle", "none"], "partly connected"), (["healthy", "partly connected"], "partly connected"),
    (["healthy", "partly used"], "partly used"), (["idle", "down"], "degraded"),
])  # fmt: skip
def test_only_what_is_connected_and_used_in_every_part_is_healthy(states: list[State], state: State) -> None:
    assert combined(states) == state


def test_what_never_ran_is_connected_and_what_does_not_answer_is_not() -> None:
    states: list[State] = ["healthy", "degraded", "idle", "down", "none"]
    assert [connected(state) for state in states] == [True, True, True, False, False]


@pytest.mark.parametrize(("state", "unused"), [("healthy", "idle"), ("degraded", "degraded"), ("none", "none")])
def test_what_was_never_used_is_not_called_healthy(state: State, unused: State) -> None:
    found = {"form:training.sampler=tpe": Answer(state, "found", AT)}
    assert (judged(found), judged(found, used=False)) == (state, unused)


@pytest.mark.parametrize(("found", "state"), [
    ({"spec:streams": "none", "service:consumer": "healthy"}, "none"),
    ({"spec:streams": "healthy", "service:consumer": "down"}, "down"),
    ({"spec:streams": "healthy", "service:consumer": "healthy"}, "healthy"),
    ({"spec:canary": "none", "spec:ab_test": "healthy", "table:rollout_events": "healthy"}, "healthy"),
    ({"spec:streams": "healthy"}, "healthy"), ({"dag:training": "degraded"}, "degraded"),
])  # fmt: skip
def test_what_no_spec_declares_is_not_there(found: dict[str, State], state: State) -> None:
    assert judged({probe: Answer(one, "found", AT) for probe, one in found.items()}) == state


def test_facts_are_read_from_the_specs() -> None:
    holds = {name: [fact for fact, told in FACTS.items() if told(load_usecase(name))] for name in NAMES}
    assert {"cnn", "predicts_class", "file_source"} <= {*holds["digit_image"]}
    assert {"rnn", "predicts_value", "streams"} <= {*holds["weather_forecast"]}
    assert {"predicts_cluster", "dimension_reduction"} <= {*holds["aircraft_segment"]}
    assert "transformer" not in {fact for facts in holds.values() for fact in facts}


NAMES = ("digit_image", "weather_forecast", "aircraft_segment")
