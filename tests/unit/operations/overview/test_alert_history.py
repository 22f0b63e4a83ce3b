"""What fired in some days: the time that is looked at shrinks to the alerts, and decisions find theirs."""

from datetime import UTC, datetime, timedelta

from include.contracts.operations import Alert, FiredAlert, RetrainPlan
from include.operations.overview import alert_history
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


def test_a_history_of_the_newest_part_alone_begins_shortly_before_its_first_alert() -> None:
    server = FiringAlerts()
    server.fired_before = [fired("MoebiusFeatureDrift", 2 * HOUR, None)]
    found = alert_history.of(server, "flight_delay", NOW, 14 * DAY)
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
