"""What a task took, written to the use case's spool when its step ends: one line, a fraction of a millisecond."""

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from include.contracts.costs import TaskCost
from include.contracts.period import Period
from include.specification.usecase import UseCase

log = logging.getLogger(__name__)
Named = Callable[[Any], Any]
"""Takes the step's result, notes the release or version that it names, and gives it back."""


@contextmanager
def measured(spec: UseCase) -> Iterator[Named]:
    """Measure what is done inside, also when it fails. Outside of a task nothing is written."""
    from include.development.cost import process_cpu_seconds

    about: dict[str, Any] = {}
    wall, cpu = time.perf_counter(), process_cpu_seconds()
    outcome: Literal["done", "failed"] = "failed"

    def named(result: Any) -> Any:
        about.update(subject(result))
        return result

    try:
        yield named
        outcome = "done"
    except AirflowSkipException:  # the task has found that there is nothing to do
        outcome = "done"
        raise
    finally:
        spent = (time.perf_counter() - wall, process_cpu_seconds() - cpu)
        _write(spec, outcome, *spent, about)


def subject(result: Any) -> dict[str, Any]:
    """The release or the model version that a result names: ``{release}``, ``{version}`` or nothing."""
    if not isinstance(result, Mapping):
        return {}
    found: dict[str, Any] = {}
    release, version = (
        result.get("release"),
        result.get("model_version", result.get("version", result.get("candidate"))),
    )
    if "content_hash" in result and "model_version" in result:
        release = result.get("name")
    if isinstance(release, str) and release.startswith("r") and release[1:].isdigit():
        found["release"] = release
    if isinstance(version, int) and not isinstance(version, bool):
        found["version"] = version
    return found


def _write(
    spec: UseCase, outcome: Literal["done", "failed"], seconds: float, cpu: float, about: dict[str, Any]
) -> None:
    """A cost that cannot be written is said in the log; it fails no task."""
    from include.development.cost import process_peak_bytes
    from include.services import composition

    try:
        ti: Any = get_current_context()["ti"]
    except RuntimeError:  # no task runs
        return
    try:
        now = datetime.now(UTC)
        cost = TaskCost(
            period=Period.recorded(now), family=ti.dag_id.rpartition(".")[2], task=ti.task_id, run=ti.run_id,
            map_index=ti.map_index if ti.map_index is not None else -1, attempt=ti.try_number, ended_at=now,
            outcome=outcome, seconds=seconds, cpu_seconds=max(cpu, 0.0), gpu_seconds=seconds if holds_gpu() else 0.0,
            peak_bytes=process_peak_bytes(), **about,
        )  # fmt: skip
        composition.services().adapters.cost_spool(spec.name).add(cost)
    except (OSError, ValueError) as error:
        log.warning("what this task took could not be written: %s", error)


def holds_gpu() -> bool:
    """Whether this process has opened a GPU by torch."""
    torch = sys.modules.get("torch")
    return bool(torch is not None and torch.cuda.is_initialized())
