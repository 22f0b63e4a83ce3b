"""What the lake, the manifests and the disk say, as Prometheus gauges; a restart loses nothing."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, TypeVar
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from include.contracts.audit_check import AuditCheck
from include.contracts.deployment import RolloutEvent, RolloutState
from include.contracts.operations import DamagedState, FailedNotices, LatePeriods, OpenQuestion, WindowFigures
from include.contracts.platform import ProcessFigures
from include.contracts.quality import CheckOutcome, GateResult, StandingWarning
from include.contracts.scrub import Scrubbed
from include.contracts.streaming import UnreadableCount
from include.formats.disk_space import DiskSpace

log = logging.getLogger(__name__)
T = TypeVar("T")
LABELS = ["usecase", "release", "name", "subject"]
GATE_LABELS = ["usecase", "gate", "table", "dimension", "severity"]
SELDOM_SECONDS = 15.0
"""How often to read what changes a few times a month."""

PATIENCE = 0.05
"""Seconds that a scrape waits for each kind of record: for all of them less than its time-out, or `up` would be 0."""


class Polled(Collector, Generic[T]):
    """The newest records, for which a scrape asks ``read`` at most once per ``cache_seconds``.

    It waits ``patience`` seconds; if that is not enough it gets the records read before. When reading fails, or hangs
    for ``stale_seconds``, there are none: a stale figure would keep an alert alive, and nobody would know.
    """

    what: ClassVar = "records"
    up: ClassVar[str]
    """The gauge that says whether they could be read."""

    def __init__(
        self,
        read: Callable[[], Sequence[T]],
        cache_seconds: float = 1.0,
        patience: float = PATIENCE,
        stale_seconds: float = 60.0,
    ) -> None:
        self.read, self.cache_seconds, self.patience, self.stale_seconds = read, cache_seconds, patience, stale_seconds
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix=self.what.replace(" ", "-"))
        self._lock = threading.Lock()
        self._pending: Future[list[T]] | None = None
        self._read_at, self._records, self._up = float("-inf"), list[T](), False

    def describe(self) -> list[Metric]:
        return []  # registering must not read the lake

    def current(self) -> list[T] | None:
        """The newest records, or None when they could not be read."""
        with self._lock:
            self._refresh()
            up = self._up and time.monotonic() - self._read_at < self.stale_seconds
            return self._records if up else None

    def readable(self) -> tuple[Metric, list[T]]:
        """The gauge ``up``, and the newest records; none when they could not be read."""
        records = self.current()
        gauge = GaugeMetricFamily(self.up, f"1 when the {self.what} could be read", value=float(records is not None))
        return gauge, records or []

    def _refresh(self) -> None:
        if self._pending is None and time.monotonic() - self._read_at >= self.cache_seconds:
            self._pending = self._reader.submit(lambda: list(self.read()))
        if self._pending is None or not wait([self._pending], timeout=self.patience).done:
            return
        self._read_at, failure = time.monotonic(), self._pending.exception()
        self._records, self._up = ([], False) if failure else (self._pending.result(), True)
        self._pending = None
        if failure:
            log.error("the %s could not be read", self.what, exc_info=failure)


class FigureCollector(Polled[WindowFigures]):
    """``moebius_figure{usecase, release, name, subject}``: the newest window of every use case, and what is known by
    labels of the newest window whose labels are due; ``moebius_window_end_timestamp_seconds``: when these end.

    Older windows are left out, so that their alerts resolve; no window has a series of its own.
    """

    what, up = "monitored figures", "moebius_exporter_up"

    def collect(self) -> Iterator[Metric]:
        up, shown = self.readable()
        yield up
        gauge = GaugeMetricFamily("moebius_figure", "Monitored figure of the newest window", labels=LABELS)
        text = "When the newest window ends, and the newest whose labels are due"
        ends = GaugeMetricFamily("moebius_window_end_timestamp_seconds", text, labels=["usecase", "window"])
        for one in shown:
            ends.add_metric([one.usecase, one.window], one.end.timestamp())
            for f in one.figures:
                gauge.add_metric([f.usecase, f.release, f.name, f.subject], f.value)
        yield from (gauge, ends)


class ChampionCollector(Polled[RolloutState]):
    """``moebius_champion{usecase, release}``: 1 for the release that serves; figures of others raise no alert."""

    what, up = "rollout states", "moebius_champions_up"

    def collect(self) -> Iterator[Metric]:
        up, states = self.readable()
        yield up
        gauge = GaugeMetricFamily("moebius_champion", "1 for the release that serves", labels=["usecase", "release"])
        for state in states:
            gauge.add_metric([state.usecase, state.champion], 1)
        yield gauge


class GateCollector(Polled[GateResult]):
    """The newest evaluation of every gate: expectations that failed, and that broke, by table and dimension.

    What was met is 0, so that an alert resolves when the data are repaired.
    """

    what, up = "gate results", "moebius_gates_up"

    def collect(self) -> Iterator[Metric]:
        up, results = self.readable()
        yield up
        failed = GaugeMetricFamily("moebius_gate_failures", "Expectations that data did not meet", labels=GATE_LABELS)
        broken = GaugeMetricFamily("moebius_gate_broken", "Checks that could not be evaluated", labels=GATE_LABELS)
        for result in results:
            for labels in sorted({_gate_labels(result, c) for c in result.checks}):
                of_these = [c for c in result.failures if _gate_labels(result, c) == labels]
                failed.add_metric(labels, sum(not c.broken for c in of_these))
                broken.add_metric(labels, sum(c.broken for c in of_these))
        yield failed
        yield broken


class StandingCollector(Polled[StandingWarning]):
    """Warnings of gates that fire in period after period: how many periods in a row."""

    what, up = "standing warnings", "moebius_standing_up"

    def collect(self) -> Iterator[Metric]:
        up, warnings = self.readable()
        yield up
        labels = ["usecase", "gate", "table", "column", "expectation", "check"]
        about = "Periods in a row, up to the newest, in which a warning of a gate fired"
        periods = GaugeMetricFamily("moebius_standing_warning_periods", about, labels=labels)
        for warning in warnings:
            periods.add_metric([str(getattr(warning, label)) for label in labels], warning.periods)
        yield periods


class DrillCollector(Polled[RolloutEvent]):
    """The newest rollback drill of every use case: its seconds, and when it was (seconds since 1970)."""

    what, up = "rollback drills", "moebius_drills_up"

    def collect(self) -> Iterator[Metric]:
        up, drills = self.readable()
        yield up
        took = GaugeMetricFamily("moebius_recovery_seconds", "A roll back in the newest drill", labels=["usecase"])
        when = GaugeMetricFamily("moebius_drill_time_seconds", "When the newest drill was", labels=["usecase"])
        for drill in drills:
            took.add_metric([drill.usecase], float(drill.figures["recovery_seconds"]))
            when.add_metric([drill.usecase], drill.at.timestamp())
        yield took
        yield when


class PeriodCollector(Polled[LatePeriods]):
    """``moebius_late_periods{usecase}``: how many are due and not published; and when the oldest of them begins."""

    what, up = "published periods", "moebius_periods_up"

    def collect(self) -> Iterator[Metric]:
        up, late = self.readable()
        yield up
        text = "Periods that are due and not published"
        gauge = GaugeMetricFamily("moebius_late_periods", text, labels=["usecase"])
        begins = GaugeMetricFamily("moebius_late_since_timestamp_seconds", "Start of the oldest", labels=["usecase"])
        for one in late:
            gauge.add_metric([one.usecase], one.count)
            if one.begins:
                begins.add_metric([one.usecase], one.begins.timestamp())
        yield from (gauge, begins)


class QuestionCollector(Polled[OpenQuestion]):
    """``moebius_question_timestamp_seconds{usecase, question}``: since when a question waits for a person."""

    what, up = "open questions", "moebius_questions_up"

    def collect(self) -> Iterator[Metric]:
        up, questions = self.readable()
        yield up
        text = "Since when a question waits for a person"
        gauge = GaugeMetricFamily("moebius_question_timestamp_seconds", text, labels=["usecase", "question"])
        for question in questions:
            gauge.add_metric([question.usecase, question.question], question.since.timestamp())
        yield gauge


class NoticeCollector(Polled[FailedNotices]):
    """``moebius_notices_failed_total{usecase}``: notices about questions that could not be sent."""

    what, up = "notices", "moebius_notices_up"

    def collect(self) -> Iterator[Metric]:
        up, counts = self.readable()
        yield up
        family = CounterMetricFamily("moebius_notices_failed", "Notices that could not be sent", labels=["usecase"])
        for counted in counts:
            family.add_metric([counted.usecase], counted.count)
        yield family


class UnreadableCollector(Polled[UnreadableCount]):
    """``moebius_unreadable_records_total{usecase, reader}``: records that a reader skipped and kept aside."""

    what, up = "counts of unreadable records", "moebius_unreadable_up"

    def collect(self) -> Iterator[Metric]:
        up, counts = self.readable()
        yield up
        text = "Records that could not be read: skipped, and kept aside"
        family = CounterMetricFamily("moebius_unreadable_records", text, labels=["usecase", "reader"])
        for counted in counts:
            family.add_metric([counted.usecase, counted.reader], counted.count)
        yield family


class DiskCollector(Polled[DiskSpace]):
    """``moebius_disk_…{mount, holds}``: bytes and inodes of every file system that holds state, in all and free.

    ``holds`` names the directories of ours on it. A file system without a fixed number of inodes has no series of them.
    """

    what, up = "file systems", "moebius_disks_up"

    def collect(self) -> Iterator[Metric]:
        up, disks = self.readable()
        yield up
        series = {
            "size_bytes": ("Bytes of the file system", False),
            "free_bytes": ("Bytes that are free", False),
            "inodes": ("Files that the file system can hold", True),
            "free_inodes": ("Files that it can still take", True),
        }
        for name, (text, of_inodes) in series.items():
            gauge = GaugeMetricFamily(f"moebius_disk_{name}", text, labels=["mount", "holds"])
            for disk in (disk for disk in disks if disk.inodes or not of_inodes):
                gauge.add_metric([disk.mount, disk.holds], getattr(disk, name))
            yield gauge


class ScrubCollector(Polled[Scrubbed]):
    """The newest scrub of every use case, by kind of file: how many were proved, how many are damaged, and when."""

    what, up = "scrubs", "moebius_scrubs_up"

    def collect(self) -> Iterator[Metric]:
        up, scrubs = self.readable()
        yield up
        labels = ["usecase", "kind"]
        proved = GaugeMetricFamily("moebius_scrubbed_files", "Stored files that the newest scrub read", labels=labels)
        damaged = GaugeMetricFamily("moebius_damaged_files", "Those that are damaged or gone", labels=labels)
        when = GaugeMetricFamily("moebius_scrub_time_seconds", "When the newest scrub began", labels=labels)
        for scrub in scrubs:
            proved.add_metric([scrub.usecase, scrub.kind], scrub.files)
            damaged.add_metric([scrub.usecase, scrub.kind], len(scrub.damaged))
            when.add_metric([scrub.usecase, scrub.kind], scrub.at.timestamp())
        yield proved
        yield damaged
        yield when


class AuditCollector(Polled[AuditCheck]):
    """The newest verification of the audit log: what it found altered, and when it was made."""

    what, up = "verification of the audit log", "moebius_audit_up"

    def collect(self) -> Iterator[Metric]:
        up, checks = self.readable()
        yield up
        faults = GaugeMetricFamily("moebius_audit_faults", "What the newest verification found altered")
        when = GaugeMetricFamily("moebius_audit_time_seconds", "When the newest verification ended")
        for check in checks:
            faults.add_metric([], len(check.faults))
            when.add_metric([], check.at.timestamp())
        yield faults
        yield when


class StateCollector(Polled[DamagedState]):
    """``moebius_state_files_damaged{room}``: small files, keys and databases that are damaged or gone; 0 too."""

    what, up = "state files", "moebius_state_up"

    def collect(self) -> Iterator[Metric]:
        up, rooms = self.readable()
        yield up
        text = "Files of the state root that are damaged or gone"
        gauge = GaugeMetricFamily("moebius_state_files_damaged", text, labels=["room"])
        for one in rooms:
            gauge.add_metric([one.room], one.files)
        yield gauge


class ProcessCollector(Polled[ProcessFigures]):
    """``moebius_process_up{service}``, ``moebius_process_deaths_total{service, what}``,
    ``moebius_process_given_up{service}``, ``moebius_process_cpu_seconds_total{service}``.

    A service that never died has 0 deaths, so that Prometheus sees the first one as growth.
    """

    what, up = "processes of the platform", "moebius_processes_up"

    def collect(self) -> Iterator[Metric]:
        up, services = self.readable()
        yield up
        runs = GaugeMetricFamily("moebius_process_up", "1 for a service that runs", labels=["service"])
        given_up = GaugeMetricFamily("moebius_process_given_up", "1 while nobody starts it", labels=["service"])
        deaths = CounterMetricFamily("moebius_process_deaths", "Deaths of a service", labels=["service", "what"])
        spent = CounterMetricFamily(
            "moebius_process_cpu_seconds", "Seconds on the CPU of a service and its processes", labels=["service"]
        )
        for one in services:
            runs.add_metric([one.service], float(one.up))
            given_up.add_metric([one.service], float(one.given_up))
            deaths.add_metric([one.service, "died"], one.died)
            deaths.add_metric([one.service, "hung"], one.hung)
            if one.cpu_seconds is not None:
                spent.add_metric([one.service], one.cpu_seconds)
        yield from (runs, given_up, deaths, spent)


class HostCollector(Collector):
    """The keeper's last sign of life: when it wrote its file.

    A keeper that never wrote counts as silent since this process began.
    """

    def __init__(self, keeper_file: Path) -> None:
        self._keeper_file, self._begun = keeper_file, time.time()

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        try:
            seen = self._keeper_file.stat().st_mtime
        except FileNotFoundError:
            seen = self._begun
        yield GaugeMetricFamily("moebius_keeper_timestamp_seconds", "Last sign of life of the keeper", value=seen)


def _gate_labels(result: GateResult, check: CheckOutcome) -> tuple[str, ...]:
    return result.usecase, result.gate, check.table, check.dimension, check.severity


@dataclass(frozen=True)
class Exporter:
    """A running exporter; ``port`` is the one it got when 0 was asked for."""

    server: WSGIServer
    thread: threading.Thread

    @property
    def port(self) -> int:
        return int(self.server.server_port)

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def start(collectors: Iterable[Collector], host: str, port: int) -> Exporter:
    """Serve ``/metrics`` in a thread of this process; raises OSError when the port is taken."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return Exporter(*start_http_server(port, addr=host, registry=registry))
