"""Open runs and questions of Airflow: those that the role may see; a database that is away is said."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from include.ui import airflow_runs

AT = datetime(2013, 6, 1, tzinfo=UTC)
RUNS = [
    SimpleNamespace(dag_id=dag, run_id="r", start_date=AT)
    for dag in ("flights.training", "flights.labelling", "my_own", "a.b.training")
]
ASKED = {"run_id": "r", "task_id": "t", "map_index": -1, "subject": "s", "created_at": AT}
QUESTIONS = [SimpleNamespace(dag_id=dag, **ASKED) for dag in ("flights.retrain_evaluation", "flights.labelling")]


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([RUNS, QUESTIONS])

    @contextmanager
    def session(scoped: bool) -> Iterator[Any]:
        yield SimpleNamespace(execute=lambda query: next(answers))

    monkeypatch.setattr(airflow_runs, "create_session", session)


@pytest.mark.usefixtures("database")
def test_who_reads_everything_gets_the_runs_and_questions_of_our_dags() -> None:
    work = airflow_runs.open_work("admin", "personal")
    assert [(run.usecase, run.family) for run in work.runs] == [
        ("flights", "training"), ("flights", "labelling"), ("a.b", "training"),
    ]  # fmt: skip
    assert [one.family for one in work.questions] == ["retrain_evaluation", "labelling"]
    assert (work.unknown, len(work.of("flights").runs), work.of("other").questions) == ("", 2, ())


@pytest.mark.usefixtures("database")
def test_a_role_gets_what_the_matrix_gives_it() -> None:
    work = airflow_runs.open_work("auditor", "internal")
    assert {run.family for run in work.runs} == {"training"}, "who labels alone looks at labelling"
    assert [one.family for one in work.questions] == ["retrain_evaluation"]


@pytest.mark.usefixtures("database")
def test_who_reads_no_internal_tables_reads_no_question() -> None:
    assert airflow_runs.open_work("viewer", "public").questions == ()


@pytest.mark.parametrize("error", [OperationalError("select", {}, Exception("no such table")), RuntimeError("not set")])
def test_a_database_that_is_away_is_said(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def session(scoped: bool) -> Any:
        raise error

    monkeypatch.setattr(airflow_runs, "create_session", session)
    work = airflow_runs.open_work("admin", "personal")
    assert work.unknown == f"Airflow's database does not answer: {type(error).__name__}"
    assert work.of("flights").unknown == work.unknown
