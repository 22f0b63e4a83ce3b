"""The course of a rollout, from its events: shares without a gap, judgements, its end, and curves while it ran."""

from datetime import UTC, datetime, timedelta
from typing import Any

from include.contracts.deployment import RolloutEvent
from include.deployment import course
from include.specification.loader import load_usecase

SPEC = load_usecase("flight_delay")
BEGAN = datetime(2026, 1, 31, 12, tzinfo=UTC)
JUDGED = {
    "enough": True, "passed": True, "reason": "153 requests without a breach", "requests": {"r0001": 600, "r0002": 153},
    "error_rate": {"r0001": 0.0, "r0002": 0.0}, "p99_ms": {"r0001": 2.5, "r0002": None},
    "mean_answer": {"r0001": 0.25, "r0002": 0.26},
}  # fmt: skip


def event(what: str, seconds: float, share: float, rollout: str = "two", **changes: Any) -> RolloutEvent:
    named = {"champion": "r0001", "release": "r0002", "by": "ada", "reason": what, "generation": 2, **changes}
    at = BEGAN + timedelta(seconds=seconds)
    return RolloutEvent(usecase=SPEC.name, at=at, rollout=rollout, event=what, share=share, **named)  # type: ignore[arg-type]


FIRST = event("promoted", -600, 1.0, "one", release="r0001")
CANARY = [
    event("shifted", 0, 0.2), event("judged", 28, 0.2, figures=JUDGED), event("shifted", 30, 0.5),
    event("promoted", 70, 1.0, champion="r0002"),
]  # fmt: skip
DRILL = event("drilled", 900, 0.0, "two", release="r0001")


def test_the_newest_rollout_is_shown_also_when_it_is_over() -> None:
    found = course.newest([FIRST, *CANARY, DRILL])
    assert found is not None
    assert (found.champion, found.challenger, found.events) == ("r0001", "r0002", CANARY)
    assert found.ended == CANARY[-1]
    assert [one.passed for _, one in found.judged] == [True]
    assert course.newest([DRILL]) is None
    assert course.newest([]) is None


def test_the_shares_follow_one_another_without_a_gap() -> None:
    found = course.newest([FIRST, *CANARY])
    assert found is not None
    now = BEGAN + timedelta(days=3)
    stretches = found.stretches(now)
    assert [s.share for s in stretches] == [0.2, 0.5, 1.0]
    assert [s.end for s in stretches[:-1]] == [s.start for s in stretches[1:]]
    assert stretches[-1].end == BEGAN + timedelta(seconds=75), "a little after its end, whatever time it is"


def test_of_a_running_rollout_the_picture_ends_now() -> None:
    found = course.newest(CANARY[:3])
    assert found is not None
    now = BEGAN + timedelta(seconds=100)
    assert found.ended is None
    assert found.stretches(now)[-1].end == now + timedelta(seconds=5)


def test_what_was_aborted_has_nothing_afterwards_and_copies_are_marked() -> None:
    found = course.newest([event("shadowed", 0, 0.3), event("aborted", 10, 0.0)])
    assert found is not None
    assert [(s.share, s.copies) for s in found.stretches(BEGAN)] == [(0.3, True), (0.0, False)]


def test_a_first_release_is_its_own_champion() -> None:
    found = course.newest([FIRST])
    assert found is not None
    assert (found.champion, found.challenger) == ("r0001", "r0001")


class Metrics:
    """A series for both arms and a stranger, with a sample that is no number."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, datetime, datetime, float]] = []

    def series(self, promql: str, start: datetime, end: datetime, step: float, patience: float) -> list[Any]:
        self.asked.append((promql, start, end, step))
        samples = [(start, 1.0), (end, float("nan"))]
        return [({"release": name}, samples) for name in ("r0001", "r0002", "r0009")]


def test_curves_are_of_both_arms_while_it_ran_and_of_few_samples() -> None:
    found, metrics = course.newest([FIRST, *CANARY]), Metrics()
    assert found is not None
    curves = course.curves(SPEC, metrics, found, BEGAN + timedelta(days=1))  # type: ignore[arg-type]
    assert set(curves) == set(course.FIGURES)
    assert curves["p99_ms"] == {"r0001": [(BEGAN, 1.0)], "r0002": [(BEGAN, 1.0)]}
    assert {(start, end) for _, start, end, _ in metrics.asked} == {(BEGAN, BEGAN + timedelta(seconds=75))}
    assert all(SPEC.name in promql for promql, *_ in metrics.asked)
    assert course.step_seconds(BEGAN, BEGAN + timedelta(days=14)) * course.POINTS >= 14 * 24 * 3600
