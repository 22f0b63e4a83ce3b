"""A scheduler that is killed leaves its tasks running; the next one adopts them. A worker that is killed is replaced.

Each scheduler is a fork of this process, and so are its workers.
"""

import os
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import psutil
import pytest
from airflow.executors.base_executor import BaseExecutor

from include.orchestration import executor, task_worker
from include.orchestration.claims import Claims
from include.orchestration.executor import WarmLocalExecutor
from tests.waiting import wait_until


@dataclass
class Work:
    """A workload that runs until the file ``<key>.go`` is there."""

    key: str
    ti: Any
    display_name: str = "work"
    running_state: None = None
    success_state: str = "success"
    failure_state: str = "failed"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def run(work: Work, **_: Any) -> None:
        whole = tmp_path / f"{work.key}.whole"
        whole.write_text(str(os.getpid()))
        whole.rename(tmp_path / f"{work.key}.begun")
        until((tmp_path / f"{work.key}.go").exists)

    monkeypatch.setattr(executor, "AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setattr(executor.loaded_ahead, "OF_TASKS", ())
    monkeypatch.setattr(task_worker, "ExecuteTask", Work)
    monkeypatch.setattr(BaseExecutor, "run_workload", staticmethod(run))
    return tmp_path


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    wait_until(condition, seconds, pause=0.005)


def lives(pid: int) -> bool:
    """Nobody may collect it, when its scheduler is gone."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def as_scheduler(act: Callable[[WarmLocalExecutor], None]) -> int:
    """The process of a scheduler with two workers that does this, and ends with 1 when it fails."""
    if pid := os.fork():
        return pid
    code = 1
    try:
        scheduler = WarmLocalExecutor()
        scheduler.parallelism = 2
        scheduler.start()
        act(scheduler)
        scheduler.end()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def ended_well(pid: int) -> bool:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "ended"])
def test_the_next_scheduler_adopts_what_runs_and_only_that(home: Path, number: int) -> None:
    work = Work("long", SimpleNamespace(id=uuid4()))

    def begin(scheduler: WarmLocalExecutor) -> None:
        (home / "workers").write_text(" ".join(str(worker.pid) for worker in scheduler.workers))
        scheduler._process_workloads([work])
        signal.pause()

    first = as_scheduler(begin)
    until((home / "long.begun").exists)
    os.kill(first, number)
    assert not ended_well(first)
    busy, workers = int((home / "long.begun").read_text()), map(int, (home / "workers").read_text().split())
    until(lambda: not any(lives(pid) for pid in workers if pid != busy))
    assert lives(busy), "the task goes on without its scheduler"

    def adopt(scheduler: WarmLocalExecutor) -> None:
        running, lost = SimpleNamespace(id=work.ti.id, key="long"), SimpleNamespace(id=uuid4(), key="lost")
        assert scheduler.try_adopt_task_instances([running, lost]) == [lost]
        scheduler.sync()
        assert scheduler.running == {"long"}, "it takes a slot"
        (home / "long.go").touch()
        until(lambda: scheduler.sync() or not scheduler.running)
        assert scheduler.get_event_buffer() == {"long": ("success", None)}

    assert ended_well(as_scheduler(adopt))
    until(lambda: not lives(busy))


def test_a_killed_worker_loses_its_own_task_only_and_is_replaced(home: Path) -> None:
    def lose(scheduler: WarmLocalExecutor) -> None:
        scheduler._process_workloads([Work("a", SimpleNamespace(id=uuid4())), Work("b", SimpleNamespace(id=uuid4()))])
        until(lambda: (home / "a.begun").exists() and (home / "b.begun").exists())
        os.kill(int((home / "a.begun").read_text()), signal.SIGKILL)
        until(lambda: scheduler.sync() or "a" not in scheduler.running)
        ((key, (state, why)),) = scheduler.get_event_buffer().items()
        assert (key, state) == ("a", "failed")
        assert "was killed" in why
        assert scheduler.running == {"b"}
        scheduler._process_workloads([Work("c", SimpleNamespace(id=uuid4()))])
        for name in ("b", "c"):
            (home / f"{name}.go").touch()
        until(lambda: scheduler.sync() or not scheduler.running)
        assert {key: state for key, (state, _) in scheduler.get_event_buffer().items()} == {
            "b": "success", "c": "success",
        }  # fmt: skip

    assert ended_well(as_scheduler(lose))


def test_what_finds_no_worker_or_still_runs_waits_in_the_queue(home: Path) -> None:
    """A task that its trigger wakes may come back before its earlier process has ended."""

    def fill(scheduler: WarmLocalExecutor) -> None:
        for name in ("a", "again"):
            work = Work("a", SimpleNamespace(id=uuid4()), display_name=name)
            scheduler.queued_tasks[work.key] = work  # type: ignore[index,assignment]
            scheduler._process_workloads([work])
        assert [work.display_name for work in scheduler.queued_tasks.values()] == ["again"]  # type: ignore[attr-defined]
        (home / "a.go").touch()
        until(lambda: scheduler.sync() or not scheduler.running)
        scheduler._process_workloads([*scheduler.queued_tasks.values()])
        assert not scheduler.queued_tasks
        until(lambda: scheduler.sync() or not scheduler.running)

    assert ended_well(as_scheduler(fill))


def test_a_claim_is_its_process_own_and_ends_with_it(tmp_path: Path) -> None:
    task, claims = uuid4(), Claims(tmp_path / "claims")
    if not (child := os.fork()):
        claims.hold(task)
        (tmp_path / "held").touch()
        signal.pause()
    until((tmp_path / "held").exists)
    assert claims.holder(task) == child
    assert claims.holder(uuid4()) is None
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert claims.holder(task) is None
