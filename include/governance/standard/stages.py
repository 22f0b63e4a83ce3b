"""Stages of a pipeline from the runs of their tasks: how long each took, how it ended, which is the slowest."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from include.governance.standard.model import Stage

UNDER_WAY = frozenset({"running", "queued", "scheduled", "deferred", "restarting", "up_for_retry", "up_for_reschedule"})
FAILED = frozenset({"failed", "upstream_failed"})
NOT_RUN = frozenset({"", "skipped", "removed"})


class TaskInstance(Protocol):
    """A task of a run, as Airflow recorded it."""

    @property
    def family(self) -> str: ...
    @property
    def task(self) -> str: ...
    @property
    def map_index(self) -> int: ...
    @property
    def run_id(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def seconds(self) -> float | None: ...
    @property
    def ended(self) -> datetime | None: ...
    @property
    def period(self) -> str: ...


class TaskTime(NamedTuple):
    """The newest time that a task did its work: mapped ones together, of which the longest counts."""

    family: str
    task: str
    run_id: str
    state: str
    seconds: float | None
    ended: datetime | None
    period: str = ""


class StageTime(NamedTuple):
    """A stage: its tasks, how long they took in all, and the worst way in which one ended; '' when none ran.

    ``shared``: its tasks are those of an earlier stage, where their time is counted.
    """

    stage: Stage
    tasks: list[TaskTime]
    seconds: float | None
    state: str
    shared: bool
    slowest: bool = False
    share: float = 0.0

    @property
    def ended(self) -> datetime | None:
        return max((task.ended for task in self.tasks if task.ended), default=None)


def newest_of(runs: Iterable[TaskInstance]) -> dict[str, TaskTime]:
    """``<family>.<task>`` → its newest work; ``runs`` come newest first. What was skipped did nothing."""
    of: dict[str, list[TaskInstance]] = {}
    for one in runs:
        if one.state in NOT_RUN:
            continue
        known = of.setdefault(f"{one.family}.{one.task}", [])
        if not known or known[0].run_id == one.run_id:
            known.append(one)
    return {name: _together(instances) for name, instances in of.items()}


def _together(instances: Sequence[TaskInstance]) -> TaskTime:
    first = instances[0]
    seconds = [one.seconds for one in instances if one.seconds is not None]
    ended = [one.ended for one in instances if one.ended]
    state = worst([one.state for one in instances])
    longest, last = max(seconds, default=None), max(ended, default=None)
    return TaskTime(first.family, first.task, first.run_id, state, longest, last, first.period)


def worst(states: Sequence[str]) -> str:
    """One that failed, else one under way, else any; '' for none."""
    for group in (FAILED, UNDER_WAY):
        if matching := [state for state in states if state in group]:
            return matching[0]
    return states[0] if states else ""


def timed(stages: Sequence[Stage], runs: Iterable[TaskInstance]) -> list[StageTime]:
    """Each stage with its time; the slowest of several is the bottleneck."""
    newest, counted, found = newest_of(runs), set[str](), []
    for stage in stages:
        own = [newest[task] for task in stage.tasks if task in newest]
        shared = bool(stage.tasks) and set(stage.tasks) <= counted
        seconds = None if shared else _sum([task.seconds for task in own])
        found.append(StageTime(stage, own, seconds, worst([task.state for task in own]), shared))
        counted |= set(stage.tasks)
    return _compared(found)


def _sum(seconds: Sequence[float | None]) -> float | None:
    known = [each for each in seconds if each is not None]
    return sum(known) if known else None


def _compared(stages: list[StageTime]) -> list[StageTime]:
    known = [stage.seconds for stage in stages if stage.seconds is not None]
    total, longest = sum(known), max(known, default=0.0)
    return [
        stage._replace(
            slowest=len(known) > 1 and longest > 0 and stage.seconds == longest,
            share=(stage.seconds or 0.0) / total if total else 0.0,
        )
        for stage in stages
    ]
