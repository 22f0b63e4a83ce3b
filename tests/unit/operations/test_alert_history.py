"""What fired in some days: the time that is looked at shrinks to the alerts, and decisions find theirs."""

from datetime import UTC, datetime, timedelta

from include.adapters.metrics_server import _spans
from include.contracts.operations import Alert, FiredAlert, RetrainPlan
from include.operations import alert_history
from tests.unit.fakes.serving import FiringAlerts

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def fired(name: str, since: timedelta, until: timedelta | None, release: str = "r0001") -> FiredAlert:
    ended = None if until is None else NOW - until
    return FiredAlert(name=name, severity="look", release=release, about={}, since=NOW - since, until=ended)


def plan(at: datetime, name: str = "MoebiusFeatureDrift", release: str = "r0001") -> RetrainPlan:
    alert = Alert(
        name=name, usecase="flight_delay", severity="look", release=release, period="2013-06", value=4, summary="drift"
    )
    return RetrainPlan(
        usecase="flight_delay", name="2013-06-keep-1", decision="keep", cause="c", evidence=[], action="none",
        train_from=None, train_to=None, test_from=None, test_to=None, alerts=[alert], decided_at=at,
    )  # fmt: skip


def test_alerts_of_the_newest_part_alone_are_asked_about_in_finer_steps() -> None:
    server = FiringAlerts()
    server.fired_before = [fired("MoebiusFeatureDrift", 2 * HOUR, None)]
    found = alert_history.of(server, "flight_delay", NOW, 14 * DAY)
    assert found.step < timedelta(seconds=15)
    assert NOW - 3 * HOUR < found.since < NOW - 2 * HOUR
    assert (len(found.firing), len(found.resolved)) == (1, 0)


def test_alerts_of_the_whole_time_keep_its_beginning() -> None:
    server = FiringAlerts()
    server.fired_before = [fired("MoebiusFeatureDrift", 10 * DAY, 9 * DAY), fired("MoebiusFeatureDrift", HOUR, None)]
    found = alert_history.of(server, "flight_delay", NOW, 14 * DAY)
    assert found.since == NOW - 14 * DAY
    assert alert_history.of(FiringAlerts(), "flight_delay", NOW, DAY).fired == []


def test_the_oldest_of_very_many_are_left_out_and_counted() -> None:
    server = FiringAlerts()
    server.fired_before = [fired("MoebiusServingErrors", 13 * DAY - n * HOUR, 13 * DAY - n * HOUR) for n in range(250)]
    found = alert_history.of(server, "flight_delay", NOW, 14 * DAY)
    assert (len(found.fired), found.left_out) == (200, 50)


def test_a_decision_belongs_to_the_alert_that_it_names_while_that_fired() -> None:
    alert, patience = fired("MoebiusFeatureDrift", 5 * HOUR, 3 * HOUR), timedelta(minutes=5)
    inside, late, other = plan(NOW - 4 * HOUR), plan(NOW - 2 * HOUR), plan(NOW - 4 * HOUR, "MoebiusReleaseWorse")
    of_another = plan(NOW - 4 * HOUR, release="r0002")
    assert alert_history.decided(alert, [inside, late, other, of_another], patience) == [inside]
    assert alert_history.decided(fired("MoebiusFeatureDrift", 5 * HOUR, None), [late], patience) == [late]


def test_a_gap_between_samples_ends_an_alert_and_one_that_fires_has_no_end() -> None:
    labels = {
        "alertname": "MoebiusGateRefused",
        "alertstate": "firing",
        "usecase": "u",
        "severity": "repair",
        "gate": "raw",
    }
    at = [1000.0, 1060.0, 1120.0, 1600.0, 1660.0]
    first, second = _spans(labels, at, 60, {frozenset(labels.items())})
    assert [first.since.timestamp(), first.until and first.until.timestamp()] == [940.0, 1120.0]
    assert (second.since.timestamp(), second.until) == (1540.0, None)
    assert (first.name, first.severity, first.about) == ("MoebiusGateRefused", "repair", {"gate": "raw"})
    assert [one.until is None for one in _spans(labels, at, 60, set())] == [False, False]
