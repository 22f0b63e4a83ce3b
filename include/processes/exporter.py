"""The exporter process: monitored figures and gate results from the lake, exposed for Prometheus to scrape."""

from collections.abc import Callable
from typing import TypeVar

from include.adapters.metrics_exporter import start
from include.services.composition import Services
from include.services.records import Records
from include.settings import Settings, load_settings
from include.specification.loader import load_usecase, usecase_names
from include.specification.usecase import UseCase

T = TypeVar("T")


def every(settings: Settings, newest: Callable[[Records, UseCase], list[T]]) -> Callable[[], list[T]]:
    """Reads the newest records of every use case."""
    return lambda: [r for name in usecase_names() for r in newest(Services(settings).records, load_usecase(name))]


if __name__ == "__main__":
    settings = load_settings()
    start(
        every(settings, Records.last_figures),
        settings.host,
        settings.exporter_port,
        gates=every(settings, Records.last_gate_results),
        drills=every(settings, Records.last_drill),
    ).thread.join()
