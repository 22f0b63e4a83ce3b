"""A real Prometheus that scrapes a real exporter, both on free ports of 127.0.0.1."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.adapters import metrics_exporter, metrics_server
from include.contracts.operations import Figure, WindowFigures
from include.deployment import rollout
from include.operations.alerts.alerts import rules_text
from include.operations.windows import windows
from include.platform.servers import healthy
from include.platform.topology import instances_of
from include.settings import Settings
from include.specification.loader import load_usecase
from tests import waiting
from tests.integration.ports import free_port


def wait_until(condition: Callable[[], waiting.Found], what: str, seconds: float = 30.0) -> waiting.Found:
    return waiting.wait_until(condition, seconds, what, pause=0.1)


class Monitored:
    """What the exporter reads, and the settings that both servers run on."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.figures, self.broken = settings, list[Figure](), False
        self.champion = "r0001"

    def read(self) -> list[WindowFigures]:
        """Every figure is of the newest window, whose labels are due."""
        if self.broken:
            raise OSError("the lake is away")
        if not self.figures:
            return []
        spec, newest = load_usecase("flight_delay"), max(figure.period for figure in self.figures)
        return windows.shown(spec, self.figures, newest, newest)


@pytest.fixture
def monitored(tmp_path: Path) -> Iterator[Monitored]:
    if not shutil.which("prometheus"):
        pytest.skip("Prometheus is not installed: apt-get install prometheus")
    settings = Settings(
        home=tmp_path,
        **{f"{name}_port": free_port() for name in ("prometheus", "exporter", "triton_metrics", "stream")},
    )
    world = Monitored(settings)
    metrics_server.configure(settings, rules_text([load_usecase("flight_delay")], settings.pages_url))
    figures = metrics_exporter.FigureCollector(world.read, cache_seconds=0.2)
    state = rollout.first(load_usecase("flight_delay"), "r0001")
    champions = metrics_exporter.ChampionCollector(lambda: [state.model_copy(update={"champion": world.champion})], 0.2)
    exporter = metrics_exporter.start([figures, champions], settings.host, settings.exporter_port)
    directory = metrics_server.directory(settings)
    process = subprocess.Popen(metrics_server.command(settings), stderr=subprocess.DEVNULL, cwd=directory)
    try:
        wait_until(lambda: healthy(instances_of("prometheus", settings)[0]), "Prometheus being ready")
        yield world
    finally:
        process.terminate()
        process.wait(timeout=60)
        exporter.stop()
