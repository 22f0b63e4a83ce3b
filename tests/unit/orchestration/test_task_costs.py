"""A task writes what it took, also when it fails; outside of a task nothing is written, and no fault stops it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from include.contracts.costs import TaskCost
from include.orchestration import task_costs
from include.services import composition
from include.services.composition import Services
from include.settings import Settings
from tests.unit.evaluation.evaluation_specs import small_spec

SPEC = small_spec()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A task runs."""
    settings = Settings(home=tmp_path)
    ti = SimpleNamespace(dag_id=f"{SPEC.name}.training", task_id="fit", run_id="manual", map_index=-1, try_number=2)
    monkeypatch.setattr(composition, "services", lambda: Services(settings))
    monkeypatch.setattr(task_costs, "get_current_context", lambda: {"ti": ti})
    return settings


def written(settings: Settings) -> list[TaskCost]:
    return Services(settings).adapters.cost_spool(SPEC.name).read()


def test_a_task_says_what_it_took_and_what_it_was_about(settings: Settings) -> None:
    with task_costs.measured(SPEC) as named:
        assert named({"version": 3, "metrics": {}}) == {"version": 3, "metrics": {}}
        sum(range(200_000))
    [cost] = written(settings)
    assert (cost.family, cost.task, cost.attempt, cost.outcome, cost.version) == ("training", "fit", 2, "done", 3)
    assert cost.cpu_seconds > 0
    assert cost.peak_bytes > 10**6


def test_a_task_that_fails_has_a_cost_too(settings: Settings) -> None:
    with pytest.raises(ValueError, match="of the task"), task_costs.measured(SPEC):
        raise ValueError("of the task")
    assert [cost.outcome for cost in written(settings)] == ["failed"]


def test_a_task_that_skips_itself_has_not_failed(settings: Settings) -> None:
    with pytest.raises(AirflowSkipException, match="nothing changed"), task_costs.measured(SPEC):
        raise AirflowSkipException("nothing changed")
    assert [cost.outcome for cost in written(settings)] == ["done"]


def test_a_cost_that_cannot_be_written_stops_no_task(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.cost_spool.write_text("a file, where a directory should be")
    with task_costs.measured(SPEC):
        pass
    assert "could not be written" in caplog.text


def test_outside_of_a_task_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path)
    monkeypatch.setattr(composition, "services", lambda: Services(settings))
    with task_costs.measured(SPEC):
        pass
    assert not settings.cost_spool.exists()


@pytest.mark.parametrize(("result", "subject"), [
    ({"release": "r0002"}, {"release": "r0002"}), ({"version": 2}, {"version": 2}), ([], {}), (None, {}), ("r0001", {}),
    ({"version": True, "release": "all"}, {}), ({"model_version": 4}, {"version": 4}),
    ({"name": "r0003", "model_version": 4, "content_hash": "0"}, {"release": "r0003", "version": 4}),
])  # fmt: skip
def test_what_a_result_names(result: Any, subject: dict[str, Any]) -> None:
    assert task_costs.subject(result) == subject
