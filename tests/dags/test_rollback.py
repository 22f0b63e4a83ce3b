"""The form that asks which release shall serve: made of the releases there are, answered by a name or by keeping."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.operators import hitl
from airflow.sdk.exceptions import AirflowSkipException, TaskAwaitingInput

from include.deployment import release, rollout
from include.orchestration.rollback_form import KEEP, RollbackForm
from include.services import composition
from include.services.composition import Services
from include.specification.loader import load_usecase
from tests.unit.fakes.adapters import services_in
from tests.unit.fakes.approvals import approve

SPEC = load_usecase("flight_delay")
CONTEXT: Any = {"ti": SimpleNamespace(), "task_instance": SimpleNamespace(id="42")}


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Three releases on disk, the last of which serves."""
    found = services_in(tmp_path, airflow_users={"ada": "operator"})
    for version in (1, 2, 3):
        staged = tmp_path / f"staged{version}"
        staged.mkdir()
        auc = {"value": 0.7 + version / 100, "low": 0.6, "high": 0.8, "n": 100}
        (staged / "baseline.json").write_text(f'{{"metrics": {{"roc_auc": {auc}}}}}'.replace("'", '"'))
        release.seal(staged, {"usecase": SPEC.name, "model_version": version, "model_hash": "0" * 64})
        found.adapters.releases.add(SPEC.name, staged, version)
    rollout.write(found.adapters.state, rollout.first(SPEC, "r0003"))
    for version in (1, 2, 3):  # judged against what serves
        approve(found, SPEC, version)
    monkeypatch.setattr(composition, "services", lambda *_: found)
    return found


def form() -> RollbackForm:
    return RollbackForm(task_id="ask", spec=SPEC)


def answer(chosen: str) -> dict[str, Any]:
    who, at = {"id": "1", "name": "ada"}, datetime(2026, 1, 2, tzinfo=UTC)
    return {"chosen_options": [chosen], "params_input": {}, "responded_by_user": who, "responded_at": at}


def test_the_options_are_the_other_releases_with_their_figures(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: dict[str, Any] = {}
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **detail: sent.update(detail))  # the API server's end
    with pytest.raises(TaskAwaitingInput):
        form().execute(CONTEXT)
    assert (sent["options"], sent["defaults"]) == (["r0002", "r0001", KEEP], [KEEP])
    assert "| **r0003** (serves) | 3 | 0.7300 [0.6000, 0.8000] |" in sent["body"]
    assert "| r0001 | 1 | 0.7100 [0.6000, 0.8000] | not monitored |" in sent["body"]


def test_a_name_goes_on_and_keeping_skips(services: Services) -> None:
    assert form().execute_complete(CONTEXT, answer("r0001")) == "r0001"
    with pytest.raises(AirflowSkipException):
        form().execute_complete(CONTEXT, answer(KEEP))
    with pytest.raises(ValueError, match="r0003"):
        form().execute_complete(CONTEXT, answer("r0003"))
    assert [(e.action, e.by, e.what, e.outcome) for e in services.adapters.audit.read()] == [
        ("choose_release", "ada", "release r0001", "asked"),
        ("choose_release", "ada", "release r0001", "done"),
    ]
