"""Exporter, rules and alerts on a real Prometheus."""

import asyncio
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from include.adapters.metrics_server import Prometheus, directory
from include.contracts.operations import Alert, Figure
from include.errors import ServiceError
from include.operations.alerts.platform_alerts import of_platform
from include.operations.alerts.usecase_alerts import of_usecase
from include.specification.loader import load_usecase
from tests.integration.metrics_server_fixtures import Monitored, monitored, wait_until
from tests.integration.ports import free_port

__all__ = ["monitored"]
pytestmark = pytest.mark.integration
SPEC = load_usecase("flight_delay")
USECASE = SPEC.name


def figure(name: str, value: float, period: str = "2013-06", subject: str = "") -> Figure:
    return Figure(usecase=USECASE, release="r0001", period=period, name=name, value=value, subject=subject)


def ours(server: Prometheus) -> list[Alert]:
    return [a for a in server.alerts(USECASE) if a.name != "MoebiusModelServerDown"]


def names(server: Prometheus) -> set[str]:
    """Every alert that fires, whomever it asks."""
    return {labels["alertname"] for labels, _ in server.query('ALERTS{alertstate="firing"}')}


def test_an_alert_fires_for_a_period_and_resolves_when_the_next_one_is_in_order(monitored: Monitored) -> None:
    server = Prometheus(monitored.settings.prometheus_url)
    monitored.figures = [figure("breached_windows", 1)]
    wait_until(lambda: bool(server.query("moebius_figure")), "the first scrape")
    assert ours(server) == []
    monitored.figures = [figure("breached_windows", 2), figure("breached", 1), figure("psi", 3.5, subject="temp")]
    wait_until(lambda: bool(ours(server)) and "MoebiusPerformanceLoss" in names(server), "the alert and its series")
    [alert] = ours(server)
    assert (alert.name, alert.severity, alert.value) == ("MoebiusPerformanceLoss", "retrain", 2.0)
    assert (alert.usecase, alert.release, alert.period) == (USECASE, "r0001", "2013-06")
    assert "lost more than" in alert.summary
    assert f"in 2 of the last {SPEC.monitoring.windows.of} windows" in alert.summary
    assert "the newest ends 2013-07-01 04:00 UTC" in alert.summary, "June by the clock of New York"
    assert alert in asyncio.run(Prometheus(monitored.settings.prometheus_url).firing())
    assert [a for a in server.alerts("another") if a.name != "MoebiusModelServerDown"] == []
    fired, now = partial(server.fired, USECASE), datetime.now(UTC)
    [firing] = [one for one in fired(now - timedelta(minutes=5), now) if one.name == alert.name]
    assert (firing.severity, firing.release, firing.until) == ("retrain", "r0001", None)
    assert server.fired("another", now - timedelta(minutes=5), now) == []
    monitored.figures = [figure("breached_windows", 1, "2013-07")]
    wait_until(lambda: ours(server) == [] and alert.name not in names(server), "the end of the alert and its series")
    later = datetime.now(UTC)
    [resolved] = [one for one in fired(now - timedelta(minutes=5), later) if one.name == alert.name]
    assert resolved.until is not None
    assert firing.since <= resolved.until <= later + timedelta(seconds=1)
    for seconds in range(3):
        again = fired(later - timedelta(days=14), later + timedelta(seconds=seconds))
        assert resolved in again, "the past is the same whenever it is asked for, and over however many days"


def test_an_alert_ends_in_a_month_without_a_breach_whatever_the_months_before_were(monitored: Monitored) -> None:
    server = Prometheus(monitored.settings.prometheus_url)
    monitored.figures = [figure("breached_windows", 2), figure("breached", 1)]
    wait_until(lambda: bool(ours(server)), "the alert")
    monitored.figures = [figure("breached_windows", 2, "2013-07"), figure("breached", 0, "2013-07")]
    wait_until(lambda: ours(server) == [], "the end of the alert")


def test_labels_that_are_due_and_never_came_raise_an_alert_and_those_that_are_not_due_none(
    monitored: Monitored,
) -> None:
    server = Prometheus(monitored.settings.prometheus_url)
    waits = [figure("labelled", 1200), figure("unmatched", 0), figure("not_due", 800)]
    monitored.figures = waits
    wait_until(lambda: bool(server.query('moebius_figure{name="not_due"}')), "the first scrape")
    assert ours(server) == []
    monitored.figures = [figure("labelled", 1200), figure("unmatched", 800), figure("not_due", 0)]
    wait_until(lambda: bool(ours(server)), "the alert")
    [alert] = ours(server)
    assert (alert.name, alert.severity, alert.period) == ("MoebiusLabelsMissing", "repair", "2013-06")
    assert (
        "40% of the labels of flight_delay that are due in the window that ends 2013-07-01 04:00 UTC" in alert.summary
    )
    monitored.figures = waits
    wait_until(lambda: ours(server) == [], "the end of the alert")


def test_figures_of_a_replaced_release_raise_no_alert(monitored: Monitored) -> None:
    server = Prometheus(monitored.settings.prometheus_url)
    monitored.figures = [figure("drifted_features", 5), figure("breached_windows", 3), figure("breached", 1)]
    wait_until(lambda: {a.release for a in ours(server)} == {"r0001"}, "the alerts of what serves")
    monitored.champion = "r0002"
    wait_until(lambda: ours(server) == [], "the end of the alerts")
    monitored.champion = "r0001"
    wait_until(lambda: {a.release for a in ours(server)} == {"r0001"}, "the alerts after a roll back")


def test_drift_asks_for_a_look_only(monitored: Monitored) -> None:
    server = Prometheus(monitored.settings.prometheus_url)
    monitored.figures = [figure("drifted_features", 3)]
    wait_until(lambda: bool(ours(server)), "the alert")
    assert [(a.name, a.severity) for a in ours(server)] == [("MoebiusFeatureDrift", "look")]


def test_figures_that_cannot_be_read_are_not_shown_stale(monitored: Monitored) -> None:
    server = Prometheus(monitored.settings.prometheus_url)
    monitored.figures = [figure("roc_auc", 0.7)]
    wait_until(lambda: [v for _, v in server.query("moebius_exporter_up")] == [1], "up")
    monitored.broken = True
    wait_until(lambda: [v for _, v in server.query("moebius_exporter_up")] == [0], "the exporter saying so")
    wait_until(lambda: server.query("moebius_figure") == [], "the figures going")
    monitored.broken = False
    wait_until(lambda: [v for _, v in server.query("moebius_figure")] == [0.7], "the figures coming back")


def test_a_model_server_that_is_away_raises_an_alert(monitored: Monitored) -> None:
    server = Prometheus(monitored.settings.prometheus_url)
    wait_until(lambda: [a.name for a in server.alerts(USECASE)] == ["MoebiusModelServerDown"], "the alert")
    [alert] = server.alerts(USECASE)
    assert (alert.severity, alert.release, alert.period) == ("repair", "", "")
    assert [a.name for a in server.alerts("another")] == ["MoebiusModelServerDown"], "it answers for all of them"
    fired = [labels for labels, _ in server.query('ALERTS{alertname="MoebiusModelServerDown"}')]
    assert len(fired) == 1, "once per server"
    wait_until(lambda: "MoebiusConsumerDown" in names(server), "the consumer's alert: it is scraped at another moment")
    assert "MoebiusExporterDown" not in names(server)


def test_a_scalar_a_wrong_query_and_a_server_that_is_away(monitored: Monitored) -> None:
    server = Prometheus(monitored.settings.prometheus_url)
    assert server.query("1 + 1") == [({}, 2.0)]
    with pytest.raises(ServiceError, match="parse error"):
        server.query("moebius_figure{")
    away = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ServiceError, match="did not answer"):
        Prometheus(away).query("up")
    with pytest.raises(ServiceError, match="did not answer"):
        asyncio.run(Prometheus(away).firing())


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_the_generated_files_satisfy_promtool(monitored: Monitored) -> None:
    config = directory(monitored.settings) / "prometheus.yml"
    checked = subprocess.run(["promtool", "check", "config", str(config)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(of_usecase(SPEC)) + len(of_platform())} rules found" in checked.stdout
