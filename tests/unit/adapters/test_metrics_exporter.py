import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from include.adapters.metrics_exporter import (
    DiskCollector,
    DrillCollector,
    FigureCollector,
    GateCollector,
    HostCollector,
    PeriodCollector,
    ProcessCollector,
    StandingCollector,
    UnreadableCollector,
)
from include.contracts.deployment import RolloutEvent
from include.contracts.operations import Figure, LatePeriods, WindowFigures
from include.contracts.platform import ProcessFigures
from include.contracts.quality import CheckOutcome, GateResult, StandingWarning
from include.contracts.streaming import UnreadableCount
from include.formats.disk_space import DiskSpace

SHOWN = ("moebius_figure", "moebius_window_end_timestamp_seconds")
JULY = datetime(2013, 7, 1, tzinfo=UTC)


def figures(usecase: str, period: str, value: float) -> WindowFigures:
    figure = Figure(usecase=usecase, release="r0001", period=period, name="roc_auc", value=value)
    return WindowFigures(usecase=usecase, window="newest", end=JULY, figures=[figure])


def samples(collector: FigureCollector) -> dict[str, list[float]]:
    return {metric.name: [s.value for s in metric.samples] for metric in collector.collect()}


def test_a_reader_that_fails_exposes_nothing_and_says_so() -> None:
    fault = [True]

    def read() -> list[WindowFigures]:
        if fault:
            raise OSError("away")
        return [figures("a", "2013-06", 0.2)]

    collector = FigureCollector(read, cache_seconds=0, patience=5)
    assert samples(collector) == {"moebius_exporter_up": [0]} | {name: [] for name in SHOWN}
    fault.clear()
    assert samples(collector) == {"moebius_exporter_up": [1], SHOWN[0]: [0.2], SHOWN[1]: [JULY.timestamp()]}
    for metric in collector.collect():
        assert all("period" not in sample.labels for sample in metric.samples), "no window has a series of its own"


def test_a_slow_reader_does_not_hold_up_the_scrape_and_a_hung_one_is_said() -> None:
    go_on = threading.Event()
    go_on.set()

    def read() -> list[WindowFigures]:
        go_on.wait(10)
        return [figures("a", "2013-06", 0.2)]

    collector = FigureCollector(read, cache_seconds=0, patience=5)
    assert samples(collector)["moebius_exporter_up"] == [1]
    go_on.clear()
    collector.patience = 0.01
    assert samples(collector)["moebius_figure"] == [0.2]
    collector.stale_seconds = 0
    assert samples(collector) == {"moebius_exporter_up": [0]} | {name: [] for name in SHOWN}
    go_on.set()


def gate_result(period: str, *checks: CheckOutcome, usecase: str = "a") -> GateResult:
    return GateResult(usecase=usecase, gate="raw", period=period, rows={"flights": 9}, checks=list(checks))


def outcome(dimension: str, passed: bool = False, broken: bool = False) -> CheckOutcome:
    return CheckOutcome(
        table="flights", expectation="e", column=None, dimension=dimension, severity="block", rows=9, passed=passed,
        broken=broken,
    )  # fmt: skip


def test_an_evaluation_of_a_gate_is_exposed_met_expectations_as_nothing_failed() -> None:
    newest = gate_result(
        "2013-06", outcome("volume"), outcome("volume"), outcome("volume", broken=True), outcome("schema", passed=True)
    )
    found = {m.name: m.samples for m in GateCollector(lambda: [newest], cache_seconds=0, patience=5).collect()}
    assert [s.value for s in found["moebius_gates_up"]] == [1]
    failed = {s.labels["dimension"]: s.value for s in found["moebius_gate_failures"]}
    assert failed == {"volume": 2, "schema": 0}
    assert {s.labels["dimension"]: s.value for s in found["moebius_gate_broken"]} == {"volume": 1, "schema": 0}
    assert found["moebius_gate_failures"][0].labels == {
        "usecase": "a", "gate": "raw", "table": "flights", "dimension": "schema", "severity": "block",
    }  # fmt: skip


def test_gate_results_that_cannot_be_read_are_said() -> None:
    def read() -> list[GateResult]:
        raise OSError("away")

    found = samples(GateCollector(read, cache_seconds=0, patience=5))
    assert found == {"moebius_gates_up": [0], "moebius_gate_failures": [], "moebius_gate_broken": []}


def test_a_standing_warning_is_exposed_with_its_periods() -> None:
    warning = StandingWarning(
        usecase="a", gate="raw", table="planes", column="tailnum", expectation="e", check="c", since="2013-01",
        until="2013-04", periods=4, unexpected=9, rows=9, broken=False,
    )  # fmt: skip
    found = samples(StandingCollector(lambda: [warning], cache_seconds=0, patience=5))
    assert found == {"moebius_standing_up": [1], "moebius_standing_warning_periods": [4]}


def test_a_drill_is_exposed() -> None:
    drill = RolloutEvent(
        usecase="a", at="2026-01-08T00:00:00+00:00", rollout="", generation=1, event="drilled", champion="r2",
        release="r1", share=0, by="", reason="", figures={"recovery_seconds": 0.2},
    )  # fmt: skip
    found = samples(DrillCollector(lambda: [drill], cache_seconds=0, patience=5))
    assert found == {
        "moebius_drills_up": [1], "moebius_recovery_seconds": [0.2], "moebius_drill_time_seconds": [1767830400]
    }  # fmt: skip


def test_late_periods_tell_when_the_oldest_begins_and_a_use_case_without_one_says_so() -> None:
    late = [
        LatePeriods(usecase="a", oldest="2013-07", begins=JULY, count=2),
        LatePeriods(usecase="b", oldest="", begins=None, count=0),
    ]
    families = {m.name: m.samples for m in PeriodCollector(lambda: late, cache_seconds=0, patience=5).collect()}
    assert {s.labels["usecase"]: s.value for s in families["moebius_late_periods"]} == {"a": 2, "b": 0}
    [begins] = families["moebius_late_since_timestamp_seconds"]
    assert (begins.labels, begins.value) == ({"usecase": "a"}, JULY.timestamp())


def test_a_keeper_that_never_wrote_is_silent_since_the_exporter_began(tmp_path: Path) -> None:
    file = tmp_path / "keeper"
    host = HostCollector(file)
    begun = samples(host)["moebius_keeper_timestamp_seconds"][0]
    assert time.time() - 60 < begun <= time.time()
    file.write_text("now")
    os.utime(file, (1000, 1000))
    assert samples(host)["moebius_keeper_timestamp_seconds"] == [1000]


def test_each_file_system_is_told_once_and_without_inodes_where_it_has_no_number_of_them() -> None:
    one, other = (
        DiskSpace(mount=mount, holds="state", size_bytes=100, free_bytes=9, inodes=inodes, free_inodes=inodes // 2)
        for mount, inodes in (("/a", 10), ("/b", 0))
    )
    told = samples(DiskCollector(lambda: [one, other], cache_seconds=0, patience=5))
    assert (told["moebius_disks_up"], told["moebius_disk_free_bytes"]) == ([1], [9, 9])
    assert (told["moebius_disk_inodes"], told["moebius_disk_free_inodes"]) == ([10], [5])


def test_what_could_not_be_read_is_a_counter_that_begins_at_0() -> None:
    counts = [UnreadableCount(usecase=name, reader="prediction_log", count=n) for name, n in (("a", 0), ("b", 3))]
    collector = UnreadableCollector(lambda: counts, cache_seconds=0, patience=5)
    told = {s.name: s for metric in collector.collect() for s in metric.samples if s.labels.get("usecase") != "a"}
    assert told["moebius_unreadable_records_total"].labels == {"usecase": "b", "reader": "prediction_log"}
    assert [s.value for m in collector.collect() for s in m.samples] == [1, 0, 3]


def test_a_service_that_never_died_has_a_counter_at_zero() -> None:
    """Else Prometheus would not see its first death as growth."""
    counted = [
        ProcessFigures(service="redis", up=True, cpu_seconds=1.5),
        ProcessFigures(service="mlflow", up=False, died=2, hung=1),
    ]
    found = samples(ProcessCollector(lambda: counted, patience=5))
    assert found == {
        "moebius_processes_up": [1],
        "moebius_process_up": [1, 0],
        "moebius_process_given_up": [0, 0],
        "moebius_process_deaths": [0, 0, 2, 1],
        "moebius_process_cpu_seconds": [1.5],
    }
