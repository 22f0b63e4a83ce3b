"""The exporter process: figures, gates, drills and due times of every use case, for Prometheus to scrape."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from include.adapters.metrics_exporter import (
    SELDOM_SECONDS,
    Collector,
    DrillCollector,
    FigureCollector,
    GateCollector,
    HostCollector,
    PeriodCollector,
    UnreadableCollector,
    start,
)
from include.contracts.operations import LatePeriods
from include.contracts.streaming import UnreadableCount
from include.operations import lateness
from include.platform.topology import keeper_file
from include.services.adapters import PREDICTION_LOG
from include.services.composition import Services
from include.services.records import Records
from include.settings import Settings, load_settings
from include.specification.loader import usecases
from include.specification.usecase import UseCase

T = TypeVar("T")


def every(settings: Settings, newest: Callable[[Records, UseCase], list[T]]) -> Callable[[], list[T]]:
    """Reads the newest records of every use case whose spec can be used now."""
    return lambda: [record for spec in usecases() for record in newest(Services(settings).records, spec)]


def late(records: Records, spec: UseCase) -> list[LatePeriods]:
    """What is late now."""
    return [lateness.late(spec, records.published(spec), records.gate_periods(spec), datetime.now(UTC))]


def unreadable(settings: Settings) -> list[UnreadableCount]:
    """What every reader skipped; 0 is told too, so that Prometheus sees the first one as growth."""
    adapters = Services(settings).adapters
    counts = {spec.name: adapters.unreadable_records(spec.name, PREDICTION_LOG).count() for spec in usecases()}
    return [UnreadableCount(usecase=name, reader=PREDICTION_LOG, count=count) for name, count in counts.items()]


def collectors(settings: Settings) -> list[Collector]:
    """Everything that this process exposes."""
    return [
        FigureCollector(every(settings, Records.last_figures)),
        GateCollector(every(settings, Records.last_gate_results), SELDOM_SECONDS),
        DrillCollector(every(settings, Records.last_drill), SELDOM_SECONDS),
        PeriodCollector(every(settings, late), SELDOM_SECONDS),
        UnreadableCollector(lambda: unreadable(settings)),
        HostCollector(settings.home, keeper_file(settings)),
    ]


if __name__ == "__main__":
    settings = load_settings()
    start(collectors(settings), settings.host, settings.exporter_port).thread.join()
