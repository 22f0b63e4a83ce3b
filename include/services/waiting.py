"""Exports, hand-overs, looks at answers and retirements that wait for a person, for the alert that says so."""

from datetime import UTC, datetime

from include.contracts.operations import OpenQuestion
from include.ports.state import StateStore


def opened(state: StateStore, question: OpenQuestion, family: str, run: str) -> None:
    """The question is asked; asked again, it waits since the first time."""
    key = _key(question.usecase, family, run)
    known = state.get(key)
    since = OpenQuestion.read_back(known.text, key).since if known else question.since
    state.put(key, question.model_copy(update={"since": since}).model_dump_json())


def ended(state: StateStore, usecase: str, family: str, run: str) -> None:
    """It waits no more."""
    state.delete(_key(usecase, family, run))


def still_open(state: StateStore, usecase: str, now: datetime | None = None) -> list[OpenQuestion]:
    """Those whose time is not over: a run that was deleted meanwhile ended without a word."""
    found = [OpenQuestion.read_back(value.text, key) for key in state.keys(_room(usecase)) if (value := state.get(key))]
    return [one for one in found if one.until is None or (now or datetime.now(UTC)) < one.until]


def _room(usecase: str) -> str:
    return f"questions/{usecase}"


def _key(usecase: str, family: str, run: str) -> str:
    return f"{_room(usecase)}/{family}-{run}.json"
