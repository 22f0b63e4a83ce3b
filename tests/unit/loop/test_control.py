"""A pause holds retrains and deployments back, a silence one alert, for a time; a person still may."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.errors import NotFoundError, PausedError, PeriodError
from include.loop import control, deployment, retrain_trigger
from include.services.composition import Services
from tests.unit.fakes.adapters import services_in
from tests.unit.fakes.approvals import approve
from tests.unit.loop.loop_worlds import SPEC
from tests.unit.loop.test_retrain_trigger import alert, decaying

LATER = datetime.now(UTC) + timedelta(days=3)


def operate(services: Services, name: str, alert: str | None = None, length: str | None = "2 days") -> str:
    return control.operate(SPEC, services, name, alert, length, "the source moves", "olga")  # type: ignore[arg-type]


def test_a_paused_use_case_retrains_for_a_person_only(tmp_path: Path) -> None:
    services = decaying(tmp_path)
    assert "paused by olga, until" in operate(services, "pause")
    held = retrain_trigger.decide_retrain(SPEC, services, [alert().json_dict()], None)
    assert held.decision == "keep"
    assert held.action.startswith("keep the champion: paused by olga, until ")
    forced = retrain_trigger.decide_retrain(SPEC, services, [], "ada", reason="it cannot wait")
    assert forced.decision == "retrain"
    assert "ada (it cannot wait) asked for a retrain" in [forced.cause, *forced.evidence]
    operate(services, "resume", length=None)
    assert services.controls.pause(SPEC.name) is None


def test_nothing_is_deployed_by_itself_during_a_pause(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    approve(services, SPEC, 1)
    operate(services, "pause")
    with pytest.raises(PausedError, match=r"paused by olga, until .*: the source moves"):
        deployment.begin(SPEC, services, 1, by_hand=False)
    deployment.begin(SPEC, services, 1)


def test_a_silent_alert_counts_for_nothing(tmp_path: Path) -> None:
    services = decaying(tmp_path)
    operate(services, "silence", alert().name)
    assert services.controls.audible(SPEC.name, [alert()]) == []
    plan = retrain_trigger.decide_retrain(SPEC, services, [alert().json_dict()], None)
    assert plan.alerts == []
    assert operate(services, "unsilence", alert().name).endswith("nothing is paused or silent")
    assert services.controls.audible(SPEC.name, [alert()]) == [alert()]


def test_both_end_by_themselves(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    operate(services, "pause")
    operate(services, "silence", alert().name)
    assert services.controls.pause(SPEC.name, LATER) is None
    assert services.controls.silences(SPEC.name, LATER) == {}


@pytest.mark.parametrize(
    ("operation", "name", "length", "error", "why"),
    [
        ("pause", None, None, NotFoundError, "say how long"),
        ("pause", None, "0 hours", NotFoundError, "is no time"),
        ("pause", None, "4 months", NotFoundError, "longer than 90 days"),
        ("pause", None, "soon", PeriodError, "length of time"),
        ("silence", "MoebiusNothing", "2 days", NotFoundError, "decides on no alert 'MoebiusNothing'"),
        ("resume", None, None, NotFoundError, "is not paused"),
        ("unsilence", "MoebiusNothing", None, NotFoundError, "is not silent"),
    ],
)
def test_what_cannot_be_done_is_said(
    tmp_path: Path, operation: str, name: str | None, length: str | None, error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        operate(services_in(tmp_path), operation, name, length)
