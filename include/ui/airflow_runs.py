"""What Airflow has under way, of all use cases at once, from the database of the API server that serves the page."""

from collections.abc import Callable, Iterable
from typing import Any

from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from include.contracts.governance import Level
from include.contracts.runs import OpenRun, OpenWork, RequiredAction
from include.governance.rights import family_of, may

UNFINISHED = ("queued", "running")
ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
MOST = 500
"""Runs and questions that are read: more of them are no picture of anything."""


def open_work(role: str, level: Level) -> OpenWork:
    """Unfinished runs that the role sees, and open questions that it reads; a database that is away is said."""
    try:
        with create_session(scoped=False) as session:
            runs = [*session.execute(_runs())]
            questions = [*session.execute(_questions())]
    except (SQLAlchemyError, RuntimeError) as error:
        return OpenWork(unknown=f"Airflow's database does not answer: {type(error).__name__}")
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
