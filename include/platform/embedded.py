"""The embedded platform: which services it has, in what order they start and stop."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from rich.table import Table

from include.adapters import redis_server
from include.platform import state
from include.platform.airflow import airflow_service
from include.platform.servers import (
    consumer_service,
    exporter_service,
    facade_service,
    gateway_service,
    keeper_service,
    mlflow_service,
    prometheus_service,
    redis_service,
    replica_services,
    triton_service,
)
from include.platform.supervisor import Service, Supervisor
from include.settings import Settings

MIB = 1024 * 1024


class Platform:
    """Redis, MLflow, Triton and its keeper, the metrics exporter, the stream consumer, Prometheus and Airflow on one
    machine.

    The gateway and its REST facade are among them as soon as it has a client.

    ``up`` is idempotent: what runs already is left alone.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.supervisor = Supervisor(settings.home / "platform", settings.host)

    @cached_property
    def services(self) -> list[Service]:
        """In the order in which they start; made after the key is there that some of them are given."""
        settings = self.settings
        return [
            *([] if settings.redis_url else [redis_service(settings)]),
            mlflow_service(settings),
            triton_service(settings),
            *replica_services(settings),
            exporter_service(settings),
            consumer_service(settings),
            *([facade_service(settings), gateway_service(settings)] if settings.gateway_clients.is_file() else []),
            prometheus_service(settings),
            airflow_service(settings),
            keeper_service(settings),
        ]

    def up(self, say: Callable[[str], None]) -> None:
        """Start everything; raises SettingsError (a port is taken) or ServiceError (see its log)."""
        from include.services.composition import Services

        state.claim(self.settings)
        state.make_keys(self.settings)
        if self.settings.redis_url:
            redis_server.claim(self.settings)
        Services(self.settings).adapters.feature_store.apply()
        for service in self.services:
            say(f"starting {service.name} ({service.address})")
            self.supervisor.start(service)

    def down(self) -> list[str]:
        """Stop everything that ``up`` started, last first; the names of what ran."""
        return [s.name for s in reversed(self.services) if self.supervisor.stop(s.name)]

    def memory(self) -> dict[str, int]:
        """Bytes per service."""
        return {s.name: self.supervisor.memory(s.name) for s in self.services}

    def table(self) -> Table:
        table = Table(title=f"{self.settings.title}: {_near(self.settings.home)}")
        for column in ("service", "state", "address", "memory MiB", "log"):
            table.add_column(column, overflow="fold")
        for service in self.services:
            process, log = self.supervisor.process(service.name), self.supervisor.log(service.name)
            state = f"running (pid {process.pid})" if process else "[dim]not running[/]"
            memory = f"{self.supervisor.memory(service.name) / MIB:.0f}" if process else ""
            table.add_row(service.name, state, service.address, memory, str(_near(log)))
        return table


def _near(path: Path) -> Path:
    """Relative to where the command was typed, when it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
