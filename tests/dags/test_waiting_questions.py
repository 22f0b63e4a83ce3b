"""A question of any DAG is told to the exporter while it waits for a person, and no longer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.operators import hitl
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import set_current_context

from include.formats.identity import in_paths
from include.orchestration.answers import REJECTIONS, Approval
from include.orchestration.auth import OURS
from include.processes import exporter
from include.services import composition, waiting
from include.services.composition import Services
from include.specification.loader import load_usecase
from tests.unit.fakes.adapters import services_in

SPEC = load_usecase("flight_delay")
RUN = SimpleNamespace(run_id="manual__1", triggering_user_name="olga", conf={})
CONTEXT: Any = {"dag_run": RUN, "params": {}}
FAMILIES = sorted(REJECTIONS)


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    made = services_in(tmp_path, airflow_users={"olga": "operator", "anna": "approver"})
    monkeypatch.setattr(composition, "services", lambda *_: made)
    monkeypatch.setenv("AIRFLOW__CORE__AUTH_MANAGER", OURS)
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **_: None)
    monkeypatch.setattr(ApprovalOperator, "execute", lambda self, context: None)
    with set_current_context(CONTEXT):
        yield made


def told(services: Services) -> list[str]:
    return [one.question for one in exporter.questions(services, SPEC)]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "event", [{"error_type": "timeout"}, {"chosen_options": ["Approve"], "responded_by_user": None}]
)
def test_every_family_that_asks_tells_while_it_waits_however_it_ends(
    services: Services, monkeypatch: pytest.MonkeyPatch, family: str, event: dict[str, Any]
) -> None:
    monkeypatch.setattr(Approval, "dag_id", f"{SPEC.name}.{family}", raising=False)
    form = Approval(subject="May it?")
    form.execute(CONTEXT)
    assert told(services) == [f"{family} {in_paths(RUN.run_id)}"]
    with pytest.raises(AirflowFailException):
        form.execute_complete(CONTEXT, event)
    assert told(services) == []


def test_asked_again_it_waits_since_the_first_time_and_not_beyond_its_end(services: Services) -> None:
    state, now = services.adapters.state, datetime.now(UTC)
    question = exporter.OpenQuestion(usecase=SPEC.name, question="export r", since=now, until=now + timedelta(days=14))
    waiting.opened(state, question, "export", "r")
    waiting.opened(state, question.model_copy(update={"since": now + timedelta(days=1)}), "export", "r")
    assert [one.since for one in waiting.still_open(state, SPEC.name)] == [now]
    assert waiting.still_open(state, SPEC.name, now + timedelta(days=15)) == []
    assert waiting.still_open(state, "another") == []
