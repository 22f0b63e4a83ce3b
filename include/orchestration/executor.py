"""A local executor whose workers have the heavy libraries loaded already, and whose tasks outlive the scheduler."""

import gc
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.configuration import AIRFLOW_HOME
from airflow.executors.base_executor import BaseExecutor
from airflow.utils.state import TaskInstanceState

from include.orchestration import loaded_ahead, task_worker
from include.orchestration.claims import Claims

if TYPE_CHECKING:
    from airflow.executors.workloads import ExecutorWorkload
    from airflow.models.taskinstance import TaskInstance

log = logging.getLogger(__name__)


@dataclass
class Worker:
    """A process of ``task_worker``, and the workload that it has; None while it is idle."""

    pid: int
    connection: Connection
    workload: "ExecutorWorkload | None" = None


class WarmLocalExecutor(BaseExecutor):
    """Tasks of one machine, each in a worker that was forked when the scheduler started.

    What tasks need is imported once (``loaded_ahead``), before the workers fork, so a task starts within a fraction of
    a second; paid per task, imports would be most of a short task's time. The pages are shared with the forked workers.

    Unlike Airflow's ``LocalExecutor``:

    - a scheduler that ends, in whatever way, leaves its tasks running, and the next one adopts them; they are not run a
      second time. Idle workers end with their scheduler.
    - each worker has a pipe of its own. One that is killed holds up no other; its task is known to be lost at once, and
      a new worker takes its place.
    - only as much is taken on as there are workers: what waits stays with the scheduler, and a task that comes back
      from its trigger waits for its own earlier process to end.
    """

    is_local = True
    serve_logs = True
    supports_callbacks = True
    supports_connection_test = True

    def start(self) -> None:
        loaded_ahead.load(loaded_ahead.OF_TASKS)
        log.info("preloaded %s", ", ".join(loaded_ahead.OF_TASKS))
        self.claims = Claims(Path(AIRFLOW_HOME) / "executor.claims")
        self.workers: list[Worker] = []
        self.adopted: dict[Any, UUID] = {}
        os.register_at_fork(after_in_child=partial(self._leave, os.getpid()))
        if isinstance(self.job_id, int):
            self.claims.hold(self.job_id)
            self._end_dead_schedulers(self.job_id)
        self._hire(self.parallelism)

    def _end_dead_schedulers(self, own: int) -> None:
        """Airflow hands their tasks on after 30 s without a sign of life; that they are gone is known at once."""
        from airflow.jobs.job import Job, JobState
        from airflow.utils.net import get_hostname
        from airflow.utils.session import create_session

        with create_session() as session:
            here = session.query(Job).filter_by(job_type="SchedulerJob", hostname=get_hostname())
            for job in here.filter(Job.state == JobState.RUNNING, Job.id != own):
                if self.claims.holder(job.id) is None:
                    log.info("the scheduler of job %d is gone", job.id)
                    job.state = JobState.FAILED

    def _leave(self, scheduler: int) -> None:
        """In every fork of the scheduler (lineage has some): an open pipe would hide from workers that it is gone.

        What is no worker ends with the scheduler, which nothing else would tell it.
        """
        for worker in self.workers:
            worker.connection.close()
        if os.getppid() == scheduler:
            task_worker.end_with_parent()

    # -- workers
    def _hire(self, count: int) -> None:
        gc.freeze()  # what is there now is not visited by the workers' collector, so its pages stay shared
        try:
            for _ in range(count):
                self.workers.append(self._fork())
        finally:
            gc.unfreeze()

    def _fork(self) -> Worker:
        ours, theirs = Pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        if pid := os.fork():
            theirs.close()
            return Worker(pid, ours)
        try:
            ours.close()
            task_worker.serve(theirs, self.claims, self.conf)
        finally:
            os._exit(0)

    def _process_workloads(self, workload_items: Sequence["ExecutorWorkload"]) -> None:
        """Hand on what an idle worker takes; the rest stays in the queues of the executor."""
        for workload in workload_items:
            idle = next((worker for worker in self.workers if worker.workload is None), None)
            if idle is not None and workload.key not in self.running:
                self._hand_on(workload, idle)

    def _hand_on(self, workload: "ExecutorWorkload", worker: Worker) -> None:
        queues: list[dict[Any, Any]] = [self.queued_tasks, self.queued_callbacks, self.queued_connection_tests]
        for queue in queues:
            queue.pop(workload.key, None)
        worker.workload = workload
        self.running.add(workload.key)
        try:
            worker.connection.send(workload)
        except OSError:  # it died; `sync` finds that out, and reports the task as lost
            log.warning("worker %d took nothing more", worker.pid)

    def sync(self) -> None:
        for worker in list(self.workers):
            dead = os.waitpid(worker.pid, os.WNOHANG)[0] != 0  # before its pipe is read: nothing comes after that
            self._hear(worker)
            if dead:
                self._bury(worker)
        self._let_go(key for key, task in self.adopted.items() if self.claims.holder(task) is None)

    def _hear(self, worker: Worker) -> None:
        try:
            while worker.connection.poll():
                key, state, error = worker.connection.recv()
                done = worker.workload is None or state != worker.workload.running_state
                self.change_state(key, state, error, remove_running=done)
                worker.workload = None if done else worker.workload
        except (EOFError, OSError):
            return  # it is ending

    def _bury(self, worker: Worker) -> None:
        self.workers.remove(worker)
        worker.connection.close()
        if lost := worker.workload:
            log.error("worker %d died with %s", worker.pid, lost.display_name)
            self.change_state(lost.key, lost.failure_state, f"its supervisor (pid {worker.pid}) was killed")
        self._hire(1)

    # -- tasks of an earlier scheduler
    def try_adopt_task_instances(self, tis: Sequence["TaskInstance"]) -> Sequence["TaskInstance"]:
        """Those that no process works on any more: they are run again."""
        running = {ti.key: ti.id for ti in tis if self.claims.holder(ti.id) is not None}
        if running:
            log.info("adopted %s", ", ".join(map(str, running)))
        self.adopted |= running
        self.running |= running.keys()
        return [ti for ti in tis if ti.key not in running]

    def _let_go(self, keys: Iterable[Any]) -> None:
        """Adopted tasks whose worker has ended. Most told Airflow how; one that did not is found running, and lost."""
        for key in list(keys):
            del self.adopted[key]
            self.change_state(key, TaskInstanceState.SUCCESS)

    def end(self) -> None:
        """Nothing is waited for: idle workers end, the others when their task does."""
        busy = [worker.workload.display_name for worker in self.workers if worker.workload]
        if busy:
            log.info("left running for the next scheduler: %s", ", ".join(busy))
        for worker in self.workers:
            worker.connection.close()

    def terminate(self) -> None:
        """As ``end``."""
        self.end()
