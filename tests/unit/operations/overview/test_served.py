"""Who served when is what the rollout events say, whatever the names of the releases."""

from datetime import UTC, datetime, timedelta
from typing import Any

from include.contracts.deployment import RolloutEvent
from include.contracts.operations import RetrainPlan
from include.operations.overview import served

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def event(hour: int, champion: str, what: Any = "promoted") -> RolloutEvent:
    return RolloutEvent(
        usecase="flight_delay", at=NOON + timedelta(hours=hour), rollout="", generation=hour, event=what,
        champion=champion, release=champion, share=1, by="ada", reason="",
    )  # fmt: skip


def plan(name: str, hour: int, decision: Any = "retrain") -> RetrainPlan:
    return RetrainPlan(
        usecase="flight_delay", name=name, decision=decision, cause="", evidence=[], action="", train_from=None,
        train_to=None, test_from=None, test_to=None, alerts=[], decided_at=NOON + timedelta(hours=hour),
    )  # fmt: skip


EVENTS = [
    event(0, "r0001"), event(2, "r0001", "shifted"), event(3, "r0001", "aborted"), event(5, "r0003"),
    event(6, "r0001", "drilled"), event(7, "r0001", "rolled_back"), event(9, "r0004"),
]  # fmt: skip


def test_what_a_release_replaced_is_what_served_before_it() -> None:
    assert served.replaced(EVENTS, "r0001") == "r0003", "it was put back for r0003"
    assert served.replaced(EVENTS, "r0003") == "r0001", "r0002 was aborted in its canary"
    assert served.replaced(EVENTS[:1], "r0001") is None
    assert served.replaced(EVENTS, "r0002") is None


def test_a_plan_brought_what_began_to_serve_for_the_first_time_before_the_next_plan() -> None:
    plans = [plan("refused", 1), plan("taken", 4), plan("rolled back", 6), plan("look", 6, "keep"), plan("new", 8)]
    assert served.released(plans, EVENTS) == {"taken": "r0003", "new": "r0004"}
    assert served.released([], EVENTS) == served.released(plans, []) == {}
