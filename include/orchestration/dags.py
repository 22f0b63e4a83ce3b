"""What every Moebius DAG has in common: name, owner, tags, retries, form, runbook, failure meaning."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from airflow.sdk import DAG, Param, get_current_context
from airflow.sdk.exceptions import DagRunTriggerException

from include.contracts.period import Period
from include.errors import NotFoundError
from include.specification.loader import load_usecase, usecase_names
from include.specification.usecase import UseCase

RETRY = {"retries": 2, "retry_delay": timedelta(seconds=10), "retry_exponential_backoff": True}
"""For a task that talks to an outside system and repeats without harm."""

NO_RETRY = {"retries": 0}
"""For a task whose failure is an answer: a refused gate, a verdict, an aborted rollout."""


def usecases(where: Callable[[UseCase], object] = lambda spec: True) -> list[UseCase]:
    """The use cases that the DAG family is for, for the one-DAG-per-use-case loop of a DAG file."""
    return [spec for spec in map(load_usecase, usecase_names()) if where(spec)]


def moebius_dag(spec: UseCase, file: str, *, arc: str, component: str, doc: str | None, **options: Any) -> DAG:
    """A DAG ``<usecase>.<file stem>`` with the common tags, owner and runbook.

    ``arc`` is ml, dev or ops; ``component`` is the ISO/IEC 23053 component that the DAG realises.
    """
    begin = datetime(2013, 1, 1, tzinfo=UTC)
    options = {"schedule": None, "catchup": False, "max_active_runs": 1, "start_date": begin} | options
    return DAG(
        dag_id=f"{spec.name}.{Path(file).stem}",
        tags=["moebius", spec.name, f"arc:{arc}", f"iso23053:{component}"],
        default_args={"owner": spec.owner, **RETRY},
        doc_md=doc,
        is_paused_upon_creation=False,
        **options,
    )


def run_period() -> Period:
    """The month this run is for: its partition key, or the ``period`` of the form.

    Raises
    ------
    NotFoundError
        the run has neither.
    """
    context = get_current_context()
    key = context["dag_run"].partition_key or context["params"].get("period")
    if not key:
        raise NotFoundError("this run has no month: trigger it with a partition key or `period`, like 2013-04")
    return Period(key)


def run_key() -> str:
    """A name for this run that is safe in paths."""
    return "".join(c if c.isalnum() else "-" for c in get_current_context()["dag_run"].run_id)


def form() -> dict[str, Any]:
    """The fields of the form that this run was started with."""
    return get_current_context()["params"]


def xcom(task_id: str) -> Any:
    """What a task of this run returned; None when it was skipped."""
    return get_current_context()["ti"].xcom_pull(task_ids=task_id)


def triggering_extra(asset_name: str) -> dict[str, Any]:
    """``extra`` of the newest event of the asset that started this run; {} for a manual run."""
    events = get_current_context()["triggering_asset_events"]
    found = [e for asset, es in events.items() if asset.name == asset_name for e in es]
    return dict(max(found, key=lambda e: e.timestamp).extra) if found else {}


def triggered_by() -> str:
    """Who started this run, as Airflow recorded it."""
    run = get_current_context()["dag_run"]
    return str(getattr(run, "triggering_user_name", None) or getattr(run.run_type, "value", run.run_type))


def start_run(dag_id: str, run_id: str, fields: dict[str, Any]) -> NoReturn:
    """End this task by starting a run of a DAG with its form filled in; skipped when there is a run of that name.

    What ``TriggerDagRunOperator`` does, whose import takes longer than all DAG files together. The run has no logical
    date: today is after the DAG's ``end_date``, and such a run ends without a task.
    """
    unused = ("reset_dag_run", "wait_for_completion", "allowed_states", "failed_states", "poke_interval", "deferrable")
    wish: dict[str, Any] = {
        "trigger_dag_id": dag_id,
        "dag_run_id": run_id,
        "conf": fields,
        **dict.fromkeys(unused, False),
    }
    raise DagRunTriggerException(**wish, skip_when_already_exists=True)


def emit(asset: Any, **extra: Any) -> None:
    """Attach ``extra`` to this task's event of ``asset``."""
    get_current_context()["outlet_events"][asset].extra.update(extra)


def emit_period(asset: Any, period: Period | None = None) -> None:
    """This task's event of ``asset`` is of a month (None: the run's, also when that came by the form)."""
    get_current_context()["outlet_events"][asset].add_partitions(str(period or run_period()))


def text_param(default: str | None, title: str, description: str, pattern: str | None = None) -> Param:
    schema: dict[str, Any] = {"type": ["null", "string"], "title": title, "description": description}
    if pattern:
        schema["pattern"] = pattern
    return Param(default and str(default), **schema)


def period_param(default: str | None, title: str, description: str) -> Param:
    return text_param(default, title, description, Period.PATTERN)


def number(default: float | None, title: str, description: str, least: int | None = None) -> Param:
    """A whole number from ``least`` on, or without ``least`` any number above 0, or none."""
    if least is not None:
        return Param(default, type="integer", minimum=least, title=title, description=description)
    return Param(default, type=["null", "number"], exclusiveMinimum=0, title=title, description=description)


def choice(default: str, allowed: list[str], title: str, description: str) -> Param:
    return Param(default, enum=allowed, title=title, description=description)
