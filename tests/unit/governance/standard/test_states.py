"""What probes found says whether a component is healthy, and whether it counts as connected."""

from datetime import UTC, datetime

import pytest

from include.governance.standard.facts import FACTS
from include.governance.standard.states import Answer, State, combined, connected, judged
from include.specification.loader import load_usecase

AT = datetime(2013, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(("states", "state"), [
    ([], "none"), (["none", "none"], "none"), (["healthy", "none"], "healthy"), (["down", "none"], "down"),
    (["healthy", "down"], "degraded"), (["degraded", "healthy"], "degraded"), (["degraded"], "degraded"),
])  # fmt: skip
def test_what_has_no_evidence_neither_heals_nor_harms(states: list[State], state: State) -> None:
    assert combined(states) == state


def test_only_what_answers_is_connected() -> None:
    states: list[State] = ["healthy", "degraded", "down", "none"]
    assert [connected(state) for state in states] == [True, True, False, False]


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
