"""Nobody does an action without its right, confirmation and reason; the audit log has each before and after."""

from pathlib import Path
from typing import Any

import pytest

from include.errors import AccessError, DeploymentError, ServiceError
from include.governance.actions import ACTIONS, Asked, chosen, refusal
from include.services.composition import Services
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import SPEC

WHY = {"reason": "a complaint", "confirm": SPEC.name, "wanted": "r0001", "subject": "k01-ab"}


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path, airflow_users={"olga": "operator", "vera": "viewer"})


def asked(by: str = "olga", login: bool = True, **fields: Any) -> Asked:
    return Asked(SPEC.name, by, login, {**WHY, **fields}, "manual__1")


def logged(services: Services) -> list[tuple[str, str, str]]:
    return [(event.by, event.what, event.outcome) for event in services.adapters.audit.read()]


def test_what_is_done_is_in_the_log_before_and_after(services: Services) -> None:
    with services.acts.taking(SPEC, ACTIONS["roll_back"], asked()):
        assert logged(services) == [("olga", "release r0001", "asked")]
    begun, done = services.adapters.audit.read()
    assert (done.outcome, done.action, done.reason) == ("done", "roll_back", "a complaint")
    assert (begun.facts["run"], begun.kind, begun.via) == ("manual__1", "change", "form")


@pytest.mark.parametrize(
    ("action", "request_", "why"),
    [
        ("roll_back", asked("vera"), "roll_back is for admin, operator; 'vera' may not do it: its role is viewer"),
        ("roll_back", asked("eve"), "'eve' may not do it: it has no role in MOEBIUS_AIRFLOW_USERS"),
        ("roll_back", asked(reason=" x "), "needs a reason of 3 characters"),
        ("roll_back", asked(""), "no person asked for it"),
        ("erase", asked("admin", confirm="another"), f"type the name of the use case, {SPEC.name}, in `confirm`"),
        ("erase", asked("olga"), "erase is for admin"),
    ],
)
def test_what_is_refused_is_not_done_and_is_in_the_log(
    services: Services, action: str, request_: Asked, why: str
) -> None:
    with pytest.raises(AccessError, match=why), services.acts.taking(SPEC, ACTIONS[action], request_):
        pytest.fail("it was done")
    (event,) = services.adapters.audit.read()
    assert (event.outcome, event.by) == ("refused", request_.by or "nobody")
    assert event.facts["why"] == refusal(ACTIONS[action], request_, services.settings.roles.get(request_.by))


def test_what_fails_is_logged_as_failed_without_its_words(services: Services) -> None:
    with pytest.raises(DeploymentError), services.acts.taking(SPEC, ACTIONS["roll_back"], asked()):
        raise DeploymentError("N10156 was seen")
    assert services.adapters.audit.events[-1].outcome == "failed"
    assert "N10156" not in str(services.adapters.audit.events)


def test_nothing_happens_that_the_log_does_not_take(services: Services) -> None:
    services.adapters.audit.away = True  # type: ignore[attr-defined]
    with pytest.raises(ServiceError), services.acts.taking(SPEC, ACTIONS["roll_back"], asked()):
        pytest.fail("it was done")


def test_without_a_login_it_is_recorded_as_it_was_started(services: Services) -> None:
    with services.acts.taking(SPEC, ACTIONS["roll_back"], asked("manual", login=False)):
        pass
    assert [by for by, _, _ in logged(services)] == ["manual", "manual"]


def test_the_form_says_which_action_is_meant_and_a_look_is_none() -> None:
    meant = {name: chosen("data_versions.asked", {"operation": name}) for name in ("restore", "list")}
    assert meant == {"restore": ACTIONS["restore"], "list": None}
    assert chosen("retrain_trigger.decide_retrain", {"force": False}) is None
    assert ACTIONS["approve"].roles == {"approver", "admin"}
    assert ACTIONS["erase"].rest == "POST /api/v2/dags/<usecase>.subject_deletion/dagRuns"
