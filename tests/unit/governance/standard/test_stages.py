"""Stages take as long as the newest work of their tasks; the slowest is the bottleneck."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from include.governance.standard.model import Stage, Term
from include.governance.standard.stages import newest_of, timed, worst

AT = datetime(2013, 5, 1, tzinfo=UTC)
TERM = Term("a", "가")


def run(task: str, run_id: str, seconds: float | None, state: str = "success", index: int = -1) -> Any:
    family, _, name = task.partition(".")
    ended = AT + timedelta(seconds=seconds) if seconds is not None else None
    return SimpleNamespace(
        period="", family=family, task=name, map_index=index, run_id=run_id, state=state, seconds=seconds, ended=ended
    )


def test_the_newest_run_in_which_a_task_worked_counts() -> None:
    runs = [run("f.a", "new", None, "skipped"), run("f.a", "old", 3.0), run("f.a", "older", 9.0)]
    assert newest_of(runs)["f.a"].run_id == "old"
    assert newest_of(runs)["f.a"].seconds == 3.0


def test_of_mapped_tasks_the_longest_counts_and_the_worst_state() -> None:
    runs = [run("f.a", "new", 3.0, index=0), run("f.a", "new", 5.0, "failed", index=1), run("f.a", "old", 90.0)]
    found = newest_of(runs)["f.a"]
    assert (found.seconds, found.state, found.ended) == (5.0, "failed", AT + timedelta(seconds=5))


def test_the_slowest_stage_is_marked_and_shares_add_up() -> None:
    stages = [Stage("one", TERM, ("f.a", "f.b")), Stage("two", TERM, ("f.c",)), Stage("three", TERM, ("f.d",))]
    found = timed(stages, [run("f.a", "r", 2.0), run("f.b", "r", 1.0), run("f.c", "r", 1.0)])
    assert [one.seconds for one in found] == [3.0, 1.0, None]
    assert [one.slowest for one in found] == [True, False, False]
    assert [one.share for one in found] == [0.75, 0.25, 0.0]
    assert [one.state for one in found] == ["success", "success", ""]


def test_a_task_of_two_stages_is_counted_once() -> None:
    stages = [Stage("load", TERM, ("f.a",)), Stage("split", TERM, ("f.a",))]
    load, split = timed(stages, [run("f.a", "r", 2.0)])
    assert (load.seconds, load.shared) == (2.0, False)
    assert (split.seconds, split.shared, split.state) == (None, True, "success")
    assert not load.slowest, "one stage alone is no bottleneck"


def test_without_runs_nothing_is_slow() -> None:
    found = timed([Stage("one", TERM, ("f.a",)), Stage("source", TERM)], [])
    assert [(one.seconds, one.slowest, one.ended, one.state) for one in found] == [(None, False, None, "")] * 2


@pytest.mark.parametrize(("states", "state"), [
    (["success", "running"], "running"), (["running", "failed"], "failed"), (["success"], "success"), ([], ""),
])  # fmt: skip
def test_the_worst_state(states: list[str], state: str) -> None:
    assert worst(states) == state
