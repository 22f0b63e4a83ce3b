"""A real Prometheus on the rules of all use cases and the platform; only how long a fault must last is short."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from include.adapters import metrics_server
from include.adapters.metrics_server import Prometheus
from include.errors import ServiceError
from include.operations.alerts.alerts import rules
from include.settings import Settings
from include.specification.loader import load_usecase, usecase_names
from tests.integration.metrics_server_fixtures import wait_until

PATIENCE = 60.0


def hurried() -> str:
    """The rule file with a second in place of each ``for``; the expressions are as they are."""
    text = yaml.safe_dump(rules((load_usecase(name) for name in usecase_names()), "http://pages"), sort_keys=False)
    return re.sub(r"^(\s+for:) .*$", r"\1 1s", text, flags=re.MULTILINE)


class Alerts:
    """What fires on a Prometheus."""

    def __init__(self, url: str) -> None:
        self.server = Prometheus(url, PATIENCE)

    def firing(self, name: str = "", **labels: str) -> list[dict[str, str]]:
        """The labels of the alerts that fire now."""
        try:
            samples = self.server.query('ALERTS{alertstate="firing"}')
        except ServiceError:  # Prometheus starts
            return []
        wanted = labels | ({"alertname": name} if name else {})
        return [found for found, _ in samples if wanted.items() <= found.items()]

    def wait_for(self, name: str, **labels: str) -> dict[str, str]:
        """The labels of the alert, once it fires."""
        # asked again it may be away: a scrape that takes too long ends all series of its target
        return wait_until(lambda: self.firing(name, **labels), f"{name} firing", PATIENCE)[0]

    def wait_for_the_end_of(self, name: str, seconds: float = PATIENCE, **labels: str) -> None:
        wait_until(lambda: not self.firing(name, **labels), f"the end of {name}", seconds)

    def value(self, promql: str) -> float | None:
        samples = self.server.query(promql)
        return samples[0][1] if samples else None

    def now(self) -> float:
        """Prometheus' clock, epoch seconds."""
        return self.value("time()") or 0.0

    def annotations(self, name: str) -> dict[str, str]:
        """As a person reads them, values filled in, once the alert is active."""

        def active() -> list[dict[str, str]]:
            alerts: list[dict[str, Any]] = self.server._get("/api/v1/alerts", {})["alerts"]
            return [alert["annotations"] for alert in alerts if alert["labels"]["alertname"] == name]

        return wait_until(active, f"{name} being active", PATIENCE)[0]


@contextmanager
def watching(settings: Settings, home: Path | None = None, gateway: bool = False) -> Iterator[Alerts]:
    """Prometheus with the platform's own configuration; ``home`` holds its data from before."""
    metrics_server.configure(settings, hurried(), gateway=gateway)
    argv = metrics_server.command(settings)
    if home:
        argv = [f"--storage.tsdb.path={home}" if "tsdb.path" in part else part for part in argv]
    process = subprocess.Popen(argv, stderr=subprocess.DEVNULL, cwd=metrics_server.directory(settings))
    alerts = Alerts(settings.prometheus_url)
    try:
        wait_until(lambda: _evaluated(alerts), "the first evaluation", PATIENCE)
        yield alerts
    finally:
        process.terminate()
        process.wait(60)


def _evaluated(alerts: Alerts) -> bool:
    try:
        return bool(alerts.server.query("up"))
    except ServiceError:
        return False
