"""What a probe found, and what it says of a component."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple

State = Literal["healthy", "partly used", "partly connected", "idle", "degraded", "down", "none"]
"""``idle``: it is connected, and nothing shows that it was ever used here. ``partly used``, ``partly connected``: that
holds of some of its parts. ``none``: no evidence, so nothing is judged."""
CONNECTED: frozenset[State] = frozenset({"healthy", "partly used", "partly connected", "idle", "degraded"})
ILL: frozenset[State] = frozenset({"degraded", "down"})


class Answer(NamedTuple):
    """What one probe found at a moment. ``code`` names the sentence that says it, ``facts`` fill it in."""

    state: State
    code: str
    at: datetime
    facts: Mapping[str, str] = {}


def combined(states: Iterable[State]) -> State:
    """The state of what has several parts: healthy only when every part is connected and was used."""
    every = set(states)
    known: set[State] = every - {"none"}
    if len(known) < 2 and (known & ILL or not known):
        return next(iter(known), "none")
    if known & ILL:
        return "degraded"
    if "none" in every or "partly connected" in known:
        return "partly connected"
    return next(iter(known)) if len(known) == 1 else "partly used"


def judged(answers: Mapping[str, "Answer"], used: bool = True) -> State:
    """The state of a component by the answers of its probes: what no spec asks for is not there, whatever runs.

    ``used``: whether there is evidence that it was; what is connected and was never used is not called healthy.
    """
    declared = [answer.state for probe, answer in answers.items() if probe.startswith("spec:")]
    if declared and set(declared) == {"none"}:
        return "none"
    others = [answer.state for probe, answer in answers.items() if not probe.startswith("spec:")]
    state = combined(others or [one for one in declared if one != "none"])
    return state if used or state not in ("healthy", "partly used") else "idle"


def connected(state: State) -> bool:
    """Whether it is there now: something answered, or a DAG, a form or a table of records has it."""
    return state in CONNECTED
