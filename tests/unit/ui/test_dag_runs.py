"""What pages ask of Airflow's database, on its own tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from airflow.models import import_all_models
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.tasklog import LogTemplate
from sqlalchemy import Engine, create_engine, insert
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from include.errors import ServiceError
from include.ui import dag_runs

AT = datetime(2013, 5, 1, tzinfo=UTC)
PARAMS = [
    ["sampler", {"schema": {"__var": {"enum": ["tpe", "grid"]}, "__type": "dict"}}],
    ["trials", {"schema": {"__var": {"type": "integer"}, "__type": "dict"}}],
]


def dag(name: str, stale: bool = False) -> dict[str, Any]:
    return {
        "dag_id": name, "is_paused": False, "is_stale": stale, "bundle_name": "dags", "timetable_type": "x",
        "timetable_partitioned": False, "timetable_periodic": False, "partition_mapper_info": {}, "max_active_tasks": 1,
        "max_consecutive_failed_dag_runs": 0, "has_task_concurrency_limits": False, "exceeds_max_non_backfill": False,
    }  # fmt: skip


def run(number: int, name: str, state: str) -> dict[str, Any]:
    return {
        "id": number, "dag_id": name, "run_id": f"r{number}", "state": state, "run_type": "manual", "clear_number": 0,
        "run_after": AT + timedelta(days=number), "span_status": "x",
    }  # fmt: skip


def instance(task: str, name: str, run_id: str, state: str, seconds: float, index: int = -1) -> dict[str, Any]:
    return {
        "id": uuid4(), "task_id": task, "dag_id": name, "run_id": run_id, "map_index": index, "state": state,
        "duration": seconds, "end_date": AT, "try_number": 1, "max_tries": 1, "pool": "x", "pool_slots": 1,
        "span_status": "x",
    }  # fmt: skip


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    import_all_models()  # tables refer to each other
    engine = create_engine("sqlite://", poolclass=StaticPool)
    for model in (DagModel, DagRun, TaskInstance, SerializedDagModel, LogTemplate, HITLDetail):
        model.__table__.create(engine)

    @contextmanager
    def session(scoped: bool = True) -> Iterator[Session]:
        with Session(engine) as opened:
            yield opened

    with engine.begin() as connection:
        connection.execute(insert(DagModel.__table__), [dag("a.f"), dag("b.f"), dag("gone.f", stale=True)])
        runs = [run(number, "a.f", "success") for number in range(1, 8)] + [run(8, "a.f", "failed")]
        connection.execute(insert(DagRun.__table__), [*runs, run(9, "b.f", "running"), run(10, "b.g", "success")][:9])
        of = [instance("t", "a.f", f"r{number}", "success", number) for number in range(1, 9)]
        connection.execute(insert(TaskInstance.__table__), [*of, instance("u", "a.f", "r8", "failed", 1.0, index=2)])
    monkeypatch.setattr(dag_runs, "create_session", session)
    yield engine
    engine.dispose()


@pytest.mark.usefixtures("database")
def test_each_dag_has_its_newest_run_and_one_that_is_gone_is_left_out() -> None:
    found = {one.dag_id: one for one in dag_runs.families()}
    assert {name: (one.state, one.run_id) for name, one in found.items()} == {
        "a.f": ("failed", "r8"), "b.f": ("running", "r9"),
    }  # fmt: skip
    assert (found["a.f"].usecase, found["a.f"].family, found["a.f"].at) == ("a", "f", AT + timedelta(days=8))


@pytest.mark.usefixtures("database")
def test_tasks_of_the_newest_runs_come_newest_first() -> None:
    found = dag_runs.task_runs("a", ["f", "g"], newest=2)
    assert [(one.run_id, one.task, one.map_index, one.state, one.seconds) for one in found] == [
        ("r8", "t", -1, "success", 8.0), ("r8", "u", 2, "failed", 1.0), ("r7", "t", -1, "success", 7.0),
    ]  # fmt: skip
    assert not dag_runs.task_runs("unknown", ["f"])


@pytest.mark.usefixtures("database")
def test_without_a_dag_a_form_offers_nothing() -> None:
    assert dag_runs.form_choices("f") == {}


def test_choices_are_what_the_schema_lists() -> None:
    assert {name: dag_runs._choices(param) for name, param in PARAMS} == {"sampler": ["tpe", "grid"], "trials": []}


@pytest.fixture
def work(database: Engine) -> None:
    """Runs of our DAGs and of another one; questions, one of them answered, one of a task that ended."""
    dags = ("flights.training", "flights.labelling", "flights.retrain_evaluation", "my_own", "a.b.training")
    asked = [
        ("flights.retrain_evaluation", "deferred", None), ("flights.labelling", "deferred", None),
        ("flights.training", "deferred", AT), ("flights.training", "failed", None),
    ]  # fmt: skip
    tasks = [instance(f"t{place}", name, "r", state, 1.0) for place, (name, state, _) in enumerate(asked)]
    details = [
        {"ti_id": task["id"], "options": ["yes"], "subject": "s", "params": {}, "params_input": {}, "multiple": False,
         "created_at": AT, "responded_at": answered}
        for task, (_, _, answered) in zip(tasks, asked, strict=True)
    ]  # fmt: skip
    with database.begin() as connection:
        runs = [run(20 + place, name, "running" if place else "queued") for place, name in enumerate(dags)]
        connection.execute(insert(DagRun.__table__), runs)
        connection.execute(insert(TaskInstance.__table__), tasks)
        connection.execute(insert(HITLDetail.__table__), details)


@pytest.mark.usefixtures("work")
def test_who_reads_everything_gets_the_runs_and_questions_of_our_dags() -> None:
    work = dag_runs.open_work("admin", "personal")
    assert {(run.usecase, run.family) for run in work.runs} == {
        ("flights", "training"), ("flights", "labelling"), ("flights", "retrain_evaluation"), ("a.b", "training"),
    }  # fmt: skip
    assert {one.family for one in work.questions} == {"retrain_evaluation", "labelling"}
    assert (work.unknown, len(work.of("flights").runs), work.of("other").questions) == ("", 3, ())


@pytest.mark.usefixtures("work")
def test_a_role_gets_what_the_matrix_gives_it() -> None:
    work = dag_runs.open_work("auditor", "internal")
    assert "labelling" not in {run.family for run in work.runs}, "who labels alone looks at labelling"
    assert [one.family for one in work.questions] == ["retrain_evaluation"]


@pytest.mark.usefixtures("work")
def test_who_reads_no_internal_tables_reads_no_question() -> None:
    assert dag_runs.open_work("viewer", "public").questions == ()


def test_a_database_that_is_away_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def away(scoped: bool = True) -> Iterator[Session]:
        with Session(create_engine("sqlite:////nowhere/at/all.db")) as opened:
            yield opened

    monkeypatch.setattr(dag_runs, "create_session", away)
    with pytest.raises(ServiceError, match="Airflow's database did not answer"):
        dag_runs.families()
    work = dag_runs.open_work("admin", "personal")
    assert work.unknown == "Airflow's database did not answer: OperationalError"
    assert work.of("flights").unknown == work.unknown
