"""What a probe found, and what it says of a component."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple

State = Literal["healthy", "degraded", "down", "none"]
"""``none``: no evidence, so nothing is judged."""
CONNECTED: frozenset[State] = frozenset({"healthy", "degraded"})


class Answer(NamedTuple):
    """What one probe found at a moment. ``code`` names the sentence that says it, ``facts`` fill it in."""

    state: State
    code: str
    at: datetime
    facts: Mapping[str, str] = {}


def combined(states: Iterable[State]) -> State:
    """The state of what has several parts: one without evidence does not count."""
    known = [state for state in states if state != "none"]
    if not known:
        return "none"
    return known[0] if len(set(known)) == 1 else "degraded"


def judged(answers: Mapping[str, "Answer"]) -> State:
    """The state of a component by the answers of its probes: what no spec asks for is not there, whatever runs."""
    declared = [answer.state for probe, answer in answers.items() if probe.startswith("spec:")]
    if declared and set(declared) == {"none"}:
        return "none"
    others = [answer.state for probe, answer in answers.items() if not probe.startswith("spec:")]
    return combined(others or declared)


def connected(state: State) -> bool:
    """Whether something answered now, or a record proves it."""
    return state in CONNECTED
