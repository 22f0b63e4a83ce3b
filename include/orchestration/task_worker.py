"""A worker of the executor: a fork of the scheduler that supervises one task after another.

It outlives its scheduler until the task that it supervises has ended, and is gone then; the next scheduler finds it by
its claim. A task does not outlive its worker: nobody would hear of its end.
"""

import ctypes
import logging
import os
import signal
from contextlib import nullcontext, suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from airflow.executors.base_executor import BaseExecutor, get_execution_api_server_url
from airflow.executors.workloads import ExecuteTask
from setproctitle import setproctitle

from include.orchestration.claims import Claims

if TYPE_CHECKING:
    from airflow.executors.workloads import ExecutorWorkload

log = logging.getLogger(__name__)
PR_SET_PDEATHSIG = 1
TITLE = "airflow worker --"


def serve(executor: Connection, claims: Claims, conf: Any) -> None:
    """Run what the executor sends, and answer (key, state, error) for each; until the executor closes, or is gone."""
    end_with_parent(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a task runs to its end
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):  # what the scheduler did with them is not ours
        signal.signal(number, signal.SIG_DFL)
    os.register_at_fork(after_in_child=partial(_end_with, os.getpid()))
    with suppress(EOFError, OSError):
        while True:
            setproctitle(f"{TITLE} <idle>")
            workload = executor.recv()
            if workload.running_state is not None:
                executor.send((workload.key, workload.running_state, None))
            executor.send(_done(workload, claims, conf))


def _done(workload: "ExecutorWorkload", claims: Claims, conf: Any) -> tuple[Any, Any, str | None]:
    """What became of it; a task itself tells Airflow how it ended."""
    claim = claims.held(workload.ti.id) if isinstance(workload, ExecuteTask) else nullcontext()
    try:
        with claim:
            BaseExecutor.run_workload(
                workload,
                server=get_execution_api_server_url(conf),
                proctitle=f"{TITLE} {workload.display_name}",
                subprocess_logs_to_stdout=True,
            )
    except Exception as error:
        log.exception("%s could not be run", workload.display_name)
        return workload.key, workload.failure_state, f"{type(error).__name__}: {error}"
    return workload.key, workload.success_state, None


def _end_with(worker: int) -> None:
    """In a fork of the worker, not in forks of the task: it ends with the worker."""
    if os.getppid() == worker:
        end_with_parent()


def end_with_parent(number: int = signal.SIGKILL) -> None:
    """The kernel sends this process the signal when the thread that forked it ends; 0: none."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
