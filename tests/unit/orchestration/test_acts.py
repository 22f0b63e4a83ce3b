"""A task's loop function asks the registry by who started the run, or by who answered."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.execution_time.context import set_current_context

from include.errors import AccessError
from include.orchestration.acts import guarded
from include.services.composition import Services
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import SPEC

ANSWER = {"chosen_options": ["Approve"], "params_input": {}, "responded_by_user": {"name": "paula"}}
ASKED = {"table": "events", "from": "2013-01", "to": "2013-02"}


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path, airflow_users={"olga": "operator", "paula": "approver"})


def run(login: str | None, **fields: Any) -> Any:
    started = SimpleNamespace(run_id="r 1", run_type="manual", triggering_user_name=login)
    return set_current_context({"dag_run": started, "params": fields})  # type: ignore[typeddict-item]


def events(services: Services) -> list[tuple[str, str, str, str]]:
    return [(e.action, e.by, e.what, e.outcome) for e in services.adapters.audit.read()]


def test_the_person_is_who_started_the_run(services: Services) -> None:
    restore = guarded(SPEC, services, "rollback.restore", lambda wanted, reason, by: wanted)
    with run("olga", operation="roll_back", reason="too slow"):
        assert restore("r0002", "too slow", "olga") == "r0002"
    with run("paula", operation="roll_back", reason="too slow"), pytest.raises(AccessError, match="paula"):
        restore("r0002", "too slow", "olga")
    assert [event for event in events(services) if event[3] != "asked"] == [
        ("roll_back", "olga", "release r0002", "done"),
        ("roll_back", "paula", "release r0002", "refused"),
    ]


def test_the_person_is_who_answered(services: Services) -> None:
    export = guarded(SPEC, services, "export.export", lambda asked, answer, run: "written")
    assert export(ASKED, ANSWER, "run-1") == "written"
    assert events(services)[-1] == ("approve_export", "paula", "table events 2013-01 to 2013-02", "done")
    with pytest.raises(AccessError, match="olga"):
        export(ASKED, {**ANSWER, "responded_by_user": {"name": "olga"}}, "run-1")


def test_what_starts_by_itself_is_no_action_of_a_person(services: Services) -> None:
    begin = guarded(SPEC, services, "deployment.begin", lambda version: "begun")
    with run(None):
        assert begin(3) == "begun"
    assert events(services) == []
    with run("olga", reason=None), pytest.raises(AccessError, match="needs a reason"):
        begin(3)


def test_a_look_is_no_action(services: Services) -> None:
    operate = guarded(SPEC, services, "data_versions.asked", lambda form, by: form["operation"])
    with run("vera", operation="list"):
        assert operate({"operation": "list"}, "vera") == "list"
    assert events(services) == []
