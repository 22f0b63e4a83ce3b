"""Alerts on what the exporter reads: each by a fault in the real records, on the real exporter and Prometheus."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from include.adapters import metrics_exporter
from include.adapters.metrics_exporter import AuditCollector, DiskCollector, HostCollector, Polled
from include.contracts.approval import ApprovalEntry, RecordedApproval
from include.contracts.audit_check import AuditCheck
from include.contracts.operations import Figure, OpenQuestion
from include.contracts.period import Period
from include.contracts.quality import CheckRecord
from include.contracts.streaming import UnreadableRecord
from include.contracts.tables import SnapshotRef
from include.data.manifests import Turn
from include.deployment import rollout
from include.errors import DamagedFileError
from include.formats import delta_log
from include.loop import scrub
from include.platform.doctor import Doctor
from include.platform.state import make_keys
from include.platform.topology import keeper_file
from include.processes import exporter
from include.records.registry import APPROVALS, FIGURES, GATE_RESULTS
from include.services import audit_checks, waiting
from include.services.adapters import PREDICTION_LOG
from include.services.composition import Services
from include.services.disks import disks
from include.settings import Settings
from include.specification.loader import load_usecase
from tests.integration.alert_fixtures import Alerts, watching
from tests.integration.metrics_server_fixtures import wait_until
from tests.integration.ports import free_port, free_ports
from tests.integration.small_disk_fixtures import mounted
from tests.unit.fakes.tracker import MemoryTracker

pytestmark = pytest.mark.integration
SPEC = load_usecase("flight_delay")


class Kept:
    """The state root of a platform whose exporter is scraped."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.lake = settings, Services(settings).adapters.lake
        self.snapshots = Services(settings).records.snapshots(SPEC)
        self.alerts: Alerts
        self.audit: AuditCollector

    def measured(self, period: str, **figures: float) -> None:
        rows = [
            Figure(usecase=SPEC.name, release="r0001", period=Period(period), name=name, value=value)
            for name, value in {"rows": 1000.0, **figures}.items()
        ]
        FIGURES.replace(SPEC.name, self.lake, Period(period), rows)

    def published(self, *periods: str) -> None:
        for period in periods:
            snapshot = SnapshotRef(usecase=SPEC.name, period=Period(period), name=f"s-{period}", tables={})
            self.snapshots.make_current(snapshot, Turn.of(snapshot.name, datetime.now(UTC), "ann", "test"))

    def checked(self, period: str, passed: bool, broken: bool = False, severity: str = "block") -> None:
        check = CheckRecord(
            period=Period(period), gate="raw", run="run", evaluation=f"{period}-{passed}-{broken}", position=0,
            table="flights", expectation="e", column=None, rows=9, passed=passed, broken=broken,
            evaluated_at=datetime.now(UTC), severity="warn" if severity == "warn" else "block",
        )  # fmt: skip
        GATE_RESULTS.append(SPEC.name, self.lake, [check])

    def recorded(self, event: str, hours_ago: float, about: int = 0) -> None:
        """A signed entry of the record of approvals."""
        rows, signatures = APPROVALS.read(SPEC.name, self.lake), Services(self.settings).adapters.signatures
        entry = ApprovalEntry(
            usecase=SPEC.name, environment="prod", sequence=len(rows) + 1,
            previous=rows[-1].content_hash if rows else "",
            at=datetime.now(UTC) - timedelta(hours=hours_ago), event=event, version=3, artifact_hash="hash", by="ann",
            reason="as asked", about=about, decision="canary",
        )  # fmt: skip
        value, key = signatures.sign(entry.content)
        shown = {name: getattr(entry, name) for name in ("sequence", "at", "event", "version", "by", "reason")}
        row = RecordedApproval(**shown, content=entry.content, signature=value, key=key)
        APPROVALS.append(SPEC.name, self.lake, [row])


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    names = ("prometheus_port", "exporter_port", "stream_port", "triton_metrics_port")
    settings = Settings.model_validate(
        {"home": tmp_path_factory.mktemp("kept"), **dict(zip(names, free_ports(4), strict=True))}
    )
    make_keys(settings)
    world = Kept(settings)
    collectors = exporter.collectors(settings)
    (world.audit,) = (one for one in collectors if isinstance(one, AuditCollector))
    for collector in collectors:
        if isinstance(collector, Polled):
            collector.cache_seconds = 0.5
    keeper_file(settings).parent.mkdir(parents=True)
    keeper_file(settings).write_text("lives")
    rollout.write(Services(settings).adapters.state, rollout.first(SPEC, "r0001"))
    world.published("2013-01", "2013-02")
    world.checked("2013-02", passed=True)
    world.measured("2013-02", breached_windows=0, drifted_features=0)
    running = metrics_exporter.start(collectors, settings.host, settings.exporter_port)
    try:
        with watching(settings) as world.alerts:
            yield world
    finally:
        running.stop()


def end_of(month: str) -> str:
    return f"{SPEC.calendar.end(Period(month)).timestamp():.0f}"


def test_records_in_order_raise_nothing(kept: Kept) -> None:
    wait_until(lambda: kept.alerts.value(f'moebius_figure{{usecase="{SPEC.name}",name="rows"}}') == 1000, "figures")
    wait_until(lambda: kept.alerts.value("moebius_periods_up") == 1, "due times")
    os.utime(keeper_file(kept.settings))
    kept.alerts.wait_for_the_end_of("MoebiusKeeperSilent")
    begun, missing = time.time(), {"MoebiusModelServerDown", "MoebiusConsumerDown", "MoebiusProcessDown"}

    def fired() -> set[str]:
        os.utime(keeper_file(kept.settings))  # it lives on, however long the rounds take
        return {labels["alertname"] for labels in kept.alerts.firing()}

    # no service was started here; what the exporter has not read yet is said, too
    wait_until(lambda: kept.alerts.now() > begun + 5 and fired() == missing, f"five rounds, then only {missing}", 60)


@pytest.mark.fires("MoebiusPerformanceLoss")
def test_months_below_the_limit_ask_for_a_retrain_until_a_better_one(kept: Kept) -> None:
    kept.measured("2013-03", breached_windows=SPEC.monitoring.windows.breached, breached=1)
    found = kept.alerts.wait_for("MoebiusPerformanceLoss")
    assert (found["usecase"], found["release"]) == (SPEC.name, "r0001")
    assert kept.alerts.annotations("MoebiusPerformanceLoss")["window_end"] == end_of("2013-03")
    assert found["severity"] == "retrain"
    kept.measured("2013-04", breached_windows=SPEC.monitoring.windows.breached, breached=0)
    kept.alerts.wait_for_the_end_of("MoebiusPerformanceLoss")


@pytest.mark.fires("MoebiusEstimatedLoss")
def test_a_loss_that_is_estimated_asks_for_a_retrain_while_labels_wait(kept: Kept) -> None:
    breached = SPEC.monitoring.windows.breached
    kept.measured("2013-04", estimated_breached_windows=breached, estimated_breached=1)
    found = kept.alerts.wait_for("MoebiusEstimatedLoss")
    assert (found["usecase"], found["release"], found["severity"]) == (SPEC.name, "r0001", "retrain")
    assert kept.alerts.annotations("MoebiusEstimatedLoss")["window_end"] == end_of("2013-04")
    kept.measured("2013-04", estimated_breached_windows=breached, estimated_breached=0, breached=0)
    kept.alerts.wait_for_the_end_of("MoebiusEstimatedLoss")


@pytest.mark.fires("MoebiusReleaseWorse")
def test_a_release_that_is_worse_than_the_one_it_replaced_is_said(kept: Kept) -> None:
    kept.measured("2013-04", gain_over_replaced=-0.01, worse_than_replaced=1)
    assert kept.alerts.wait_for("MoebiusReleaseWorse")["severity"] == "look"
    assert (
        "answers worse than the one that it replaced would have: -0.01"
        in (kept.alerts.annotations("MoebiusReleaseWorse")["summary"])
    )
    kept.measured("2013-04", gain_over_replaced=-0.01, worse_than_replaced=0)
    kept.alerts.wait_for_the_end_of("MoebiusReleaseWorse")


@pytest.mark.fires("MoebiusLabelsMissing")
def test_labels_that_are_due_and_never_came_are_said(kept: Kept) -> None:
    kept.measured("2013-04", unmatched=600, labelled=400)
    kept.alerts.wait_for("MoebiusLabelsMissing")
    assert kept.alerts.annotations("MoebiusLabelsMissing")["window_end"] == end_of("2013-04")
    kept.measured("2013-04", unmatched=0, labelled=1000)
    kept.alerts.wait_for_the_end_of("MoebiusLabelsMissing")


@pytest.mark.fires("MoebiusFeatureDrift")
def test_drifted_features_ask_for_a_look(kept: Kept) -> None:
    kept.measured("2013-05", drifted_features=SPEC.monitoring.drift_features)
    assert kept.alerts.wait_for("MoebiusFeatureDrift")["severity"] == "look"
    kept.measured("2013-06", drifted_features=0)
    kept.alerts.wait_for_the_end_of("MoebiusFeatureDrift")


@pytest.mark.fires("MoebiusGateRefused")
@pytest.mark.parametrize("broken", [False, True])
def test_a_gate_that_refused_says_so_until_the_data_are_repaired(kept: Kept, broken: bool) -> None:
    kept.checked("2013-03", passed=False, broken=broken)
    found = kept.alerts.wait_for("MoebiusGateRefused")
    assert (found["usecase"], found["gate"], found["table"]) == (SPEC.name, "raw", "flights")
    assert kept.alerts.annotations("MoebiusGateRefused")["summary"] == (
        f"raw gate of {SPEC.name}: 1 checks refused flights"
    )
    kept.checked("2013-03", passed=True, broken=broken)
    kept.alerts.wait_for_the_end_of("MoebiusGateRefused")


@pytest.mark.fires("MoebiusWarningStands")
def test_a_warning_that_fires_in_every_period_is_itself_reported_until_it_does_not(kept: Kept) -> None:
    for month in ("2013-05", "2013-06", "2013-07"):
        kept.checked(month, passed=False, severity="warn")
    found = kept.alerts.wait_for("MoebiusWarningStands")
    assert (found["severity"], found["gate"], found["table"]) == ("look", "raw", "flights")
    kept.checked("2013-07", passed=True, severity="warn")
    kept.alerts.wait_for_the_end_of("MoebiusWarningStands")


@pytest.mark.fires("MoebiusPeriodLate")
def test_a_month_that_a_later_one_overtook_is_late_until_it_is_published(kept: Kept) -> None:
    kept.published("2013-04")
    kept.alerts.wait_for("MoebiusPeriodLate")
    assert "the first began 2013-03-01 05:00 UTC" in kept.alerts.annotations("MoebiusPeriodLate")["summary"]
    kept.published("2013-03", "2013-05", "2013-06")  # of these the gates checked a later one
    kept.alerts.wait_for_the_end_of("MoebiusPeriodLate")


@pytest.mark.fires("MoebiusFiguresGone")
def test_figures_that_were_there_and_are_not_any_more_are_missed(kept: Kept) -> None:
    kept.measured("2013-07")
    figures = kept.settings.lake / SPEC.name / FIGURES.name
    wait_until(lambda: kept.alerts.value('moebius_figure{name="rows"}') == 1000, "the figures")
    aside = figures.rename(figures.with_name("aside"))
    found = kept.alerts.wait_for("MoebiusFiguresGone")
    assert found["usecase"] == SPEC.name
    aside.rename(figures)
    kept.alerts.wait_for_the_end_of("MoebiusFiguresGone")


@pytest.mark.fires("MoebiusRecordsUnread")
@pytest.mark.parametrize(
    ("table", "metric"), [(FIGURES.name, "moebius_exporter_up"), (GATE_RESULTS.name, "moebius_gates_up")]
)
def test_records_that_cannot_be_read_are_said(kept: Kept, table: str, metric: str) -> None:
    place = kept.settings.lake / SPEC.name / table
    aside = {name: (place / name).rename(place / f"aside-{name}") for name in (delta_log.LOG, delta_log.COPIES)}
    (place / delta_log.LOG).mkdir()
    (place / delta_log.LOG / "00000000000000000000.json").write_text("no commit")
    assert kept.alerts.wait_for("MoebiusRecordsUnread", records=metric)["severity"] == "repair"
    for name, kept_aside in aside.items():
        shutil.rmtree(place / name, ignore_errors=True)
        kept_aside.rename(place / name)
    kept.alerts.wait_for_the_end_of("MoebiusRecordsUnread", records=metric)


@pytest.mark.fires("MoebiusApprovalWaiting")
def test_a_question_that_nobody_answers_for_a_day_is_said_until_the_answer(kept: Kept) -> None:
    kept.recorded("verdict", hours_ago=1)
    asked = f'moebius_question_timestamp_seconds{{usecase="{SPEC.name}",question="approval of version 3"}}'
    wait_until(lambda: bool(kept.alerts.server.query(asked)), "the question")
    begun = time.time()
    wait_until(lambda: kept.alerts.now() > begun + 4, "some evaluations")
    assert not kept.alerts.firing("MoebiusApprovalWaiting"), "it waits for an hour only"
    kept.recorded("rejected", hours_ago=0, about=1)
    kept.recorded("verdict", hours_ago=25)
    assert kept.alerts.wait_for("MoebiusApprovalWaiting")["question"] == "approval of version 3"
    kept.recorded("approved", hours_ago=0, about=3)
    kept.alerts.wait_for_the_end_of("MoebiusApprovalWaiting")
    state, now = Services(kept.settings).adapters.state, datetime.now(UTC)
    about = OpenQuestion(usecase=SPEC.name, question="export r", since=now - timedelta(hours=25), until=None)
    waiting.opened(state, about, "export", "r")
    assert kept.alerts.wait_for("MoebiusApprovalWaiting")["question"] == "export r"
    waiting.ended(state, SPEC.name, "export", "r")
    kept.alerts.wait_for_the_end_of("MoebiusApprovalWaiting")


@pytest.mark.fires("MoebiusUnreadableRecords")
def test_records_that_a_reader_kept_aside_are_said(kept: Kept) -> None:
    counted = f'moebius_unreadable_records_total{{usecase="{SPEC.name}"}}'
    wait_until(lambda: kept.alerts.value(f"count_over_time({counted}[1m]) >= 2") is not None, "two scrapes of 0")
    assert kept.alerts.value(f"max_over_time({counted}[1h])") == 0  # a scrape that takes too long ends the series
    broken = UnreadableRecord.of("20130401-1.jsonl:0", "no JSON", b"{")
    Services(kept.settings).adapters.unreadable_records(SPEC.name, PREDICTION_LOG).keep([broken])
    assert kept.alerts.wait_for("MoebiusUnreadableRecords")["usecase"] == SPEC.name


@pytest.mark.fires("MoebiusFilesDamaged")
def test_a_flipped_bit_is_found_by_the_scrub_and_said_until_the_file_is_whole(kept: Kept) -> None:
    services = Services(kept.settings)
    services.adapters.__dict__["tracker"] = MemoryTracker()  # no MLflow runs here: the bit is in the lake
    rows = pa.table({"n": list(range(1000))})
    kept.lake.publish(SPEC.name, "events", rows, Period("2013-01"))
    assert scrub.scrub(SPEC, services)["lake"] > 0
    damaged = f'moebius_damaged_files{{usecase="{SPEC.name}",kind="lake"}}'
    wait_until(lambda: kept.alerts.value(damaged) == 0, "the first scrub")
    file = Path(kept.lake.files(SPEC.name, "events", [Period("2013-01")])[0].file)
    content = file.read_bytes()
    file.write_bytes(content[:300] + bytes([content[300] ^ 1]) + content[301:])
    with pytest.raises(DamagedFileError, match=rf"1 stored files are damaged\n- flight_delay\.events.*{file.name}"):
        scrub.scrub(SPEC, services)
    assert kept.alerts.wait_for("MoebiusFilesDamaged")["kind"] == "lake"
    kept.lake.publish(SPEC.name, "events", rows, Period("2013-01"))  # from the source again
    scrub.scrub(SPEC, services)
    kept.alerts.wait_for_the_end_of("MoebiusFilesDamaged")


@pytest.mark.fires("MoebiusKeeperSilent")
def test_a_keeper_that_writes_no_more_is_silent(kept: Kept) -> None:
    os.utime(keeper_file(kept.settings))
    kept.alerts.wait_for_the_end_of("MoebiusKeeperSilent")
    long_ago = time.time() - timedelta(hours=5).total_seconds()
    os.utime(keeper_file(kept.settings), (long_ago, long_ago))
    kept.alerts.wait_for("MoebiusKeeperSilent")
    assert "for 5h" in kept.alerts.annotations("MoebiusKeeperSilent")["summary"]
    os.utime(keeper_file(kept.settings))
    kept.alerts.wait_for_the_end_of("MoebiusKeeperSilent")


@pytest.mark.fires("MoebiusDiskFilling", "MoebiusDiskAlmostFull", "MoebiusInodesAlmostFull")
def test_a_disk_that_fills_is_said_before_it_is_full(tmp_path: Path) -> None:
    names = ("prometheus_port", "exporter_port", "stream_port", "triton_metrics_port")
    settings = Settings.model_validate({"home": tmp_path, **dict(zip(names, free_ports(4), strict=True))})
    with ExitStack() as stack:
        small = stack.enter_context(mounted(tmp_path / "spool", "4m", inodes=100)).path  # one room of the state root
        running = metrics_exporter.start(
            [DiskCollector(lambda: disks(settings))], settings.host, settings.exporter_port
        )
        stack.callback(running.stop)
        alerts = stack.enter_context(watching(settings))
        of = {"mount": str(small), "holds": "spool"}
        free = f'moebius_disk_free_bytes{{mount="{small}"}}'
        wait_until(lambda: alerts.value(free) == 4 * 2**20, "the first scrape")
        assert not alerts.firing("MoebiusDiskFilling", **of)
        # an exporter that tells nothing about its records is noticed as well
        assert alerts.wait_for("MoebiusRecordsUnread", records="moebius_gates_up")
        (small / "log").write_bytes(b"0" * (3 * 2**20))
        alerts.wait_for("MoebiusDiskFilling", **of)
        assert not alerts.firing("MoebiusDiskAlmostFull", **of)
        (small / "more").write_bytes(b"0" * (2**20 - 100 * 1024))
        alerts.wait_for("MoebiusDiskAlmostFull", **of)
        (small / "log").unlink()
        alerts.wait_for_the_end_of("MoebiusDiskAlmostFull", **of)
        assert not alerts.firing("MoebiusInodesAlmostFull", **of)
        for number in range(95):
            (small / f"small-{number}").touch()
        alerts.wait_for("MoebiusInodesAlmostFull", **of)
        assert f"the disk {small} (holds spool)" in alerts.annotations("MoebiusInodesAlmostFull")["summary"]


@pytest.mark.fires("MoebiusStateDamaged")
def test_a_damaged_file_is_said_until_it_is_put_back(kept: Kept) -> None:
    room = {"room": "snapshots"}
    wait_until(lambda: kept.alerts.value('moebius_state_files_damaged{room="snapshots"}') == 0, "the first scrape")
    manifest = kept.settings.snapshots / SPEC.name / "2013-01.json"
    manifest.write_bytes(manifest.read_bytes()[:40])
    kept.alerts.wait_for("MoebiusStateDamaged", **room)
    assert Doctor(kept.settings).repair() == [manifest]
    kept.alerts.wait_for_the_end_of("MoebiusStateDamaged", **room)


@pytest.mark.fires("MoebiusExporterDown")
def test_an_exporter_that_does_not_answer_is_down(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, prometheus_port=free_port(), exporter_port=free_port())
    with watching(settings) as alerts:
        alerts.wait_for("MoebiusExporterDown", instance=f"127.0.0.1:{settings.exporter_port}")
        wait_until(lambda: len(alerts.firing("MoebiusExporterDown")) == 1, "one alert")
        host = HostCollector(tmp_path / "keeper")
        running = metrics_exporter.start([host], settings.host, settings.exporter_port)
        alerts.wait_for_the_end_of("MoebiusExporterDown")
        running.stop()


@pytest.mark.fires("MoebiusNoTraffic")
@pytest.mark.parametrize("days", [1, 2])
def test_no_traffic_is_missed_where_it_is_usual_at_this_hour(tmp_path: Path, days: int) -> None:
    """Traffic of the days before is written into the data of the real Prometheus; then nobody asks."""
    now, lines = time.time(), ["# TYPE moebius_requests counter"]
    labels = f'{{usecase="{SPEC.name}",release="r0001",outcome="ok"}}'
    for minute in range(days * 24 * 60 + 90, 65, -1):
        lines.append(f"moebius_requests_total{labels} {10_000 - 2 * minute} {now - 60 * minute:.0f}")
    (tmp_path / "history.txt").write_text("\n".join([*lines, "# EOF", ""]))
    data = tmp_path / "data"
    argv = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(tmp_path / "history.txt"), str(data)]
    subprocess.run(argv, check=True, capture_output=True)
    settings = Settings(home=tmp_path / "home", prometheus_port=free_port(), exporter_port=free_port())
    with watching(settings, data) as alerts:
        usual = f'sum(increase(moebius_requests_total{{usecase="{SPEC.name}"}}[1h] offset 1d))'
        wait_until(lambda: (alerts.value(usual) or 0) > 100, "the history")
        begun = time.time()
        if days == 2:
            found = alerts.wait_for("MoebiusNoTraffic")
            assert found["usecase"] == SPEC.name
        else:
            wait_until(lambda: alerts.now() > begun + 5, "some evaluations")
            assert not alerts.firing("MoebiusNoTraffic"), "one day is no rhythm: the demo of yesterday is not missed"


@pytest.mark.fires("MoebiusAuditLogAltered", "MoebiusAuditLogUnverified")
def test_an_altered_audit_log_and_one_that_nobody_verifies_are_said(kept: Kept) -> None:
    state, now = Services(kept.settings).adapters.state, datetime.now(UTC)
    wait_until(lambda: kept.alerts.value("moebius_audit_time_seconds") is not None, "the start of the exporter")
    kept.audit.read = partial(exporter.audit_checked, kept.settings, now - timedelta(hours=60))  # when it began
    kept.alerts.wait_for("MoebiusAuditLogUnverified")
    old = AuditCheck(at=now - timedelta(hours=60), faults=["2026-01-01.jsonl: entry 1 was changed"])
    state.put(audit_checks.KEY, old.model_dump_json())
    assert kept.alerts.wait_for("MoebiusAuditLogAltered")["severity"] == "repair"
    kept.alerts.wait_for("MoebiusAuditLogUnverified")
    state.put(audit_checks.KEY, AuditCheck(at=now, faults=[]).model_dump_json())
    for name in ("MoebiusAuditLogAltered", "MoebiusAuditLogUnverified"):
        kept.alerts.wait_for_the_end_of(name)
