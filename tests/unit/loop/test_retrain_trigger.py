"""Alerts of the event and alerts that fire now are one set; every decision is recorded."""

from pathlib import Path

import pytest

from include.contracts.operations import Alert
from include.errors import NotFoundError, ServiceError
from include.loop import retrain_trigger
from include.services.composition import Services
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import APRIL, SPEC, publish


def alert(name: str = "MoebiusPerformanceLoss") -> Alert:
    return Alert(
        name=name, usecase=SPEC.name, severity="retrain", release="r0001", period=APRIL, value=2.0, summary="s"
    )  # fmt: skip


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = services_in(tmp_path)
    publish(made, "2013-01", "2013-02", "2013-03", "2013-04")
    return made


def test_without_a_published_period_there_is_nothing_to_retrain_on(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="run the data pipeline first"):
        retrain_trigger.decide_retrain(SPEC, services_in(tmp_path), [], None)


def test_an_alert_of_the_event_that_still_fires_counts_once(services: Services) -> None:
    services.adapters.metrics_server.firing_now = [alert(), alert("MoebiusFeatureDrift")]  # type: ignore[attr-defined]
    plan = retrain_trigger.decide_retrain(SPEC, services, [alert().json_dict()], None)
    assert sorted(one.name for one in plan.alerts) == ["MoebiusFeatureDrift", "MoebiusPerformanceLoss"]
    assert [one.name for one in services.records.decisions(SPEC)] == [plan.name]


def test_a_person_forces_a_retrain_and_the_record_says_who(services: Services) -> None:
    plan = retrain_trigger.decide_retrain(SPEC, services, [], "ada")
    assert plan.decision == "retrain"
    assert any("ada" in text for text in [plan.cause, plan.action, *plan.evidence])


def test_the_second_run_for_the_same_alert_does_not_retrain_again(services: Services) -> None:
    first = retrain_trigger.decide_retrain(SPEC, services, [alert().json_dict()], None)
    second = retrain_trigger.decide_retrain(SPEC, services, [alert().json_dict()], None)
    assert [one.decision for one in services.records.decisions(SPEC)] == [first.decision, second.decision]
    assert second.decision != "retrain"


def test_a_silent_prometheus_is_asked_again_by_a_retry(services: Services) -> None:
    services.adapters.metrics_server.away = True  # type: ignore[attr-defined]
    with pytest.raises(ServiceError) as raised:
        retrain_trigger.decide_retrain(SPEC, services, [], None)
    assert raised.value.retryable
    assert services.records.decisions(SPEC) == []
