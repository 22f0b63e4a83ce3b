"""Alerts of the event and alerts that fire now are one set; every decision is recorded."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.contracts.operations import Alert, Figure
from include.contracts.period import Period
from include.deployment import events, rollout
from include.errors import NotFoundError, ServiceError
from include.loop import retrain_trigger
from include.records.registry import FIGURES
from include.services.composition import Services
from include.specification.learning import Training
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.loop.loop_worlds import APRIL, SPEC, dataset, publish

NEVER_REFITTED = SPEC.model_copy(update={"training": Training(refit="never")})


def alert(name: str = "MoebiusPerformanceLoss") -> Alert:
    return Alert(
        name=name, usecase=SPEC.name, severity="retrain", release="r0001", period=APRIL, value=2.0, summary="s"
    )  # fmt: skip


def lost(period: str, release: str = "r0001", loss: float = 0.1) -> list[Figure]:
    """A month of a release that lost so much."""
    values = {"rows": 8000.0, "labelled": 8000.0, "unmatched": 0.0, "performance_loss": loss, "breached": loss > 0.03}
    return [
        Figure(
            usecase=SPEC.name, release=release, period=Period(period), name=name, value=value, low=value - 0.01,
            high=value + 0.01, n=8000,
        )
        for name, value in values.items()
    ]  # fmt: skip


def monitored(services: Services, period: str, *figures: Figure) -> None:
    FIGURES.replace(SPEC.name, services.adapters.lake, Period(period), list(figures))


def serve(services: Services, release: str, hours: int = 0) -> None:
    """The rollout state and its event, so many hours from now, as a promotion and a roll back write them."""
    if release not in [one.name for one in services.adapters.releases.all(SPEC.name)]:
        assert packaged(services, SPEC, int(release[1:])) == release
    state = services.serving.rollout_state(SPEC)
    new = rollout.promote(state, release) if state else rollout.first(SPEC, release)
    rollout.write(services.adapters.state, new)
    event = events.event(new, "promoted", "ada").model_copy(update={"at": datetime.now(UTC) + timedelta(hours=hours)})
    events.record(SPEC, services.adapters.lake, event)


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return decaying(tmp_path)


def decaying(home: Path) -> Services:
    """r0001 serves, and lost in March and April."""
    made = services_in(home)
    publish(made, "2013-01", "2013-02", "2013-03", "2013-04")
    serve(made, "r0001", hours=-1)
    for period in ("2013-03", "2013-04"):
        monitored(made, period, *lost(period))
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
    assert (first.decision, second.decision) == ("retrain", "keep")
    assert "already retrains for 2013-04" in second.action


def test_a_run_whose_task_is_killed_after_its_decision_decides_the_same_again(services: Services) -> None:
    """Asked anew it would find its own retrain under way, keep the champion, and nobody would train."""
    raised = [alert().json_dict()]
    first = retrain_trigger.decide_retrain(SPEC, services, raised, None, "run-1")
    assert retrain_trigger.decide_retrain(SPEC, services, raised, None, "run-1") == first
    assert [one.decision for one in services.records.decisions(SPEC)] == ["retrain"]
    assert retrain_trigger.decide_retrain(SPEC, services, raised, None, "run-2").decision == "keep"


def test_only_the_release_that_the_rollout_state_names_can_ask_for_a_retrain(services: Services) -> None:
    """r0002 replaces r0001 and is put back: whose alert counts follows the state, not the names and the figures."""
    serve(services, "r0002")
    monitored(services, "2013-04", *lost("2013-04"), *lost("2013-04", "r0002", loss=0.0))
    replaced = retrain_trigger.decide_retrain(SPEC, services, [alert().json_dict()], None)
    assert (replaced.decision, replaced.action) == (
        "keep", "keep the champion: the alerts are about r0001, r0002 serves",
    )  # fmt: skip
    serve(services, "r0001")
    assert retrain_trigger.decide_retrain(SPEC, services, [alert().json_dict()], None).decision == "retrain"


def test_only_a_retrain_that_was_released_spends_cooldown_and_budget(services: Services) -> None:
    raised = [alert().json_dict()]
    assert retrain_trigger.decide_retrain(SPEC, services, raised, None).decision == "retrain"
    publish(services, "2013-05")
    monitored(services, "2013-05", *lost("2013-05"))
    again = retrain_trigger.decide_retrain(SPEC, services, raised, None)
    assert (again.decision, again.test_to) == ("retrain", "2013-05"), "the first candidate was refused"
    serve(services, "r0002", hours=1)
    publish(services, "2013-06")
    monitored(services, "2013-05", *lost("2013-05"), *lost("2013-05", "r0002"))
    monitored(services, "2013-06", *lost("2013-06", "r0002"))
    held = retrain_trigger.decide_retrain(
        SPEC, services, [alert().model_copy(update={"release": "r0002"}).json_dict()], None
    )
    assert held.decision == "keep"
    assert f"r0002 of plan {again.name} serves since the end of 2013-05, and the cooldown is 1 month" in held.action


def test_a_silent_prometheus_is_asked_again_by_a_retry(services: Services) -> None:
    services.adapters.metrics_server.away = True  # type: ignore[attr-defined]
    with pytest.raises(ServiceError) as raised:
        retrain_trigger.decide_retrain(SPEC, services, [], None)
    assert raised.value.retryable
    assert services.records.decisions(SPEC) == []


def trained(services: Services, *tested: str) -> None:
    """Version 1 of the serving r0001, on January and February, tested on ``tested``."""
    home = services.settings.home
    learned, part = ["2013-01", "2013-02"], dataset(home).test
    parts = {name: part.model_copy(update={"periods": learned}) for name in ("train", "validation")}
    parts["test"] = part.model_copy(update={"periods": [*tested]})
    known = {period: f"{period}-abc" for period in [*learned, *tested]}
    learned_from = dataset(home).model_copy(update={**parts, "snapshots": known})
    model = services.adapters.tracker.log_training(SPEC.name, learned_from, b"model", {}, {}, {})
    services.approvals.register(SPEC, model, by="asset_triggered", people=[])


def test_a_retrain_on_what_the_champion_learned_already_is_refused_with_that_reason(services: Services) -> None:
    """March was its test, so a month later April tests and nothing new is left to learn from."""
    trained(services, "2013-03")
    held = retrain_trigger.decide_retrain(NEVER_REFITTED, services, [alert().json_dict()], None)
    assert (held.decision, held.train_to) == ("keep", None)
    assert "a retrain would see no new training rows. 2013-04 would test, and it has learned from every" in held.action
    forced = retrain_trigger.decide_retrain(NEVER_REFITTED, services, [], "ada")
    assert forced.decision == "keep", "a person cannot force it"
    publish(services, "2013-05")
    monitored(services, "2013-05", *lost("2013-05"))
    found = retrain_trigger.decide_retrain(NEVER_REFITTED, services, [alert().json_dict()], None)
    assert (found.decision, found.train_to, found.test_from, found.test_to) == (
        "retrain", "2013-04", "2013-05", "2013-05",
    )  # fmt: skip


def test_where_it_is_refitted_the_month_that_tests_is_learned_next(services: Services) -> None:
    trained(services, "2013-03")
    found = retrain_trigger.decide_retrain(SPEC, services, [alert().json_dict()], None)
    assert (found.decision, found.train_to, found.test_to) == ("retrain", "2013-03", "2013-04")


def test_the_test_set_of_the_champion_does_not_test_again(services: Services) -> None:
    trained(services, "2013-03", "2013-04")
    held = retrain_trigger.decide_retrain(SPEC, services, [alert().json_dict()], None)
    assert "2013-04 is in the test set that it was released with (up to 2013-04)" in held.action
