"""DAG families, their runs, tasks and open questions, from the database of the API server that serves the page."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import func, select, union_all
from sqlalchemy.exc import SQLAlchemyError

from include.contracts.governance import Level
from include.contracts.runs import OpenRun, OpenWork, RequiredAction
from include.errors import ServiceError
from include.governance.rights import family_of, may

UNFINISHED = ("queued", "running")
ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
MOST = 500
"""Runs and questions that are read: more of them are no picture of anything."""
NEWEST = 5
"""Runs of a family among which the newest of a task is looked for: of the newest run it may not have begun."""


class Family(NamedTuple):
    """The DAG of a family for one use case, and its newest run; '' and None without a run."""

    dag_id: str
    paused: bool
    state: str
    run_id: str
    at: datetime | None

    @property
    def usecase(self) -> str:
        return self.dag_id.partition(".")[0]

    @property
    def family(self) -> str:
        return self.dag_id.partition(".")[2]


class TaskRun(NamedTuple):
    """One instance of a task in a run; ``map_index`` tells mapped ones apart, and is -1 for others."""

    family: str
    task: str
    map_index: int
    run_id: str
    state: str
    seconds: float | None
    ended: datetime | None
    run: int
    """Rises from run to run."""
    period: str = ""
    """The period that the run is of; '' of a run without one."""


@contextmanager
def _session() -> Iterator[Any]:
    """Raises ServiceError when the database does not answer."""
    try:
        with create_session(scoped=False) as session:
            yield session
    except (SQLAlchemyError, RuntimeError) as error:
        raise ServiceError(f"Airflow's database did not answer: {type(error).__name__}") from error


def families() -> list[Family]:
    """Every DAG that is there with its newest run, by one query that reads one run of each."""
    newest = (
        select(DagRun.id)
        .where(DagRun.dag_id == DagModel.dag_id)
        .order_by(DagRun.id.desc())
        .limit(1)
        .correlate(DagModel)
        .scalar_subquery()
    )
    columns = (DagModel.dag_id, DagModel.is_paused, DagRun.state, DagRun.run_id, DagRun.run_after)
    wanted = select(*columns).outerjoin(DagRun, DagRun.id == newest).where(DagModel.is_stale.is_(False))
    with _session() as session:
        rows = session.execute(wanted.order_by(DagModel.dag_id)).all()
    return [Family(dag, bool(paused), str(state or ""), run or "", at) for dag, paused, state, run, at in rows]


def task_runs(usecase: str, of: Sequence[str], newest: int = NEWEST) -> list[TaskRun]:
    """The tasks in the newest runs of these families, newest run first, by one query."""
    ids = union_all(*(
        select(select(DagRun.id).where(DagRun.dag_id == f"{usecase}.{family}").order_by(DagRun.id.desc()).limit(newest)
               .subquery().c.id)
        for family in of
    ))  # fmt: skip
    columns = (
        TaskInstance.dag_id, TaskInstance.task_id, TaskInstance.map_index, TaskInstance.run_id, TaskInstance.state,
        TaskInstance.duration, TaskInstance.end_date, DagRun.id, DagRun.partition_key,
    )  # fmt: skip
    joined = (DagRun.dag_id == TaskInstance.dag_id) & (DagRun.run_id == TaskInstance.run_id)
    wanted = select(*columns).join(DagRun, joined).where(DagRun.id.in_(ids)).order_by(DagRun.id.desc())
    with _session() as session:
        return [_task_run(*row) for row in session.execute(wanted)]


def _task_run(
    dag: str, task: str, index: int, run_id: str, state: Any, seconds: Any, end: Any, run: int, period: str | None
) -> TaskRun:
    return TaskRun(dag.partition(".")[2], task, index, run_id, str(state or ""), seconds, end, run, period or "")


def form_choices(family: str) -> dict[str, list[Any]]:
    """Field → what its form offers to choose from, of one DAG of the family as Airflow has it; {} without a DAG."""
    wanted = (
        select(SerializedDagModel)
        .where(SerializedDagModel.dag_id.like(f"%.{family}"))
        .order_by(func.length(SerializedDagModel.dag_id), SerializedDagModel.last_updated.desc())
        .limit(1)
    )
    with _session() as session:
        found = session.scalars(wanted).first()
        content: dict[str, Any] = (found.data if found else None) or {}
    params = (content.get("dag") or {}).get("params", [])
    return {name: choices for name, param in params if (choices := _choices(param))}


def _choices(param: Any) -> list[Any]:
    schema: dict[str, Any] = param.get("schema", {}) if isinstance(param, dict) else {}
    return list((schema.get("__var") or schema).get("enum", []))


def open_work(role: str, level: Level) -> OpenWork:
    """Unfinished runs that the role sees, and open questions that it reads; a database that is away is said."""
    try:
        with _session() as session:
            runs = [*session.execute(_runs())]
            questions = [*session.execute(_questions())]
    except ServiceError as error:
        return OpenWork(unknown=str(error))
    looks = _ours(runs, lambda family: may(role, family, "look"))
    reads = _ours(questions, lambda family: may(role, family, "read", level))
    return OpenWork(
        runs=tuple(OpenRun(usecase=u, family=f, run=row.run_id, since=row.start_date) for u, f, row in looks),
        questions=tuple(
            RequiredAction(
                usecase=u, family=f, run=row.run_id, task=row.task_id, map_index=row.map_index, subject=row.subject,
                since=row.created_at,
            )
            for u, f, row in reads
        ),
    )  # fmt: skip


def _runs() -> Any:
    wanted = select(DagRun.dag_id, DagRun.run_id, DagRun.start_date).where(DagRun.state.in_(UNFINISHED))
    return wanted.order_by(DagRun.run_after.desc()).limit(MOST)


def _questions() -> Any:
    """Those that nobody has answered, of tasks that still wait."""
    task = (TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.task_id, TaskInstance.map_index)
    asked = select(*task, HITLDetail.subject, HITLDetail.created_at).join(
        TaskInstance, TaskInstance.id == HITLDetail.ti_id
    )
    open_ones = asked.where(HITLDetail.responded_at.is_(None), TaskInstance.state.not_in(ENDED))
    return open_ones.order_by(HITLDetail.created_at).limit(MOST)


def _ours(rows: Iterable[Any], allowed: Callable[[str], bool]) -> list[tuple[str, str, Any]]:
    """Use case, family and row of those that are of our DAGs and allowed."""
    found = []
    for row in rows:
        family = family_of(row.dag_id)
        if family and allowed(family):
            found.append((row.dag_id.removesuffix(f".{family}"), family, row))
    return found
