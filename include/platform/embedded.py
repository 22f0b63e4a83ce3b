"""The embedded platform: the declared services as processes of one machine."""

from collections.abc import Callable
from pathlib import Path

from rich.table import Table
from rich.text import Text

from include.adapters import redis_server
from include.contracts.plain_text import visible
from include.platform import state
from include.platform.servers import service
from include.platform.supervisor import Supervisor
from include.platform.topology import TOPOLOGY, Instance, instances, instances_of
from include.settings import Settings

MIB = 1024 * 1024


class Platform:
    """What ``topology`` declares, on one machine. ``up`` is idempotent: what runs already is left alone."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.supervisor = Supervisor(settings.home / "platform", settings.host)

    def up(self, say: Callable[[str], None]) -> None:
        """Start everything.

        Raises
        ------
        SettingsError
            a port is taken (nothing was started then), or the state root is of another environment or version.
        ServiceError
            a service does not start; see its log.
        """
        from include.services.composition import Services

        state.claim(self.settings)
        state.make_keys(self.settings)
        if self.settings.redis_url:
            redis_server.claim(self.settings)
        Services(self.settings).adapters.feature_store.apply()
        wanted = [service(instance) for instance in instances(self.settings)]
        for each in wanted:
            self.supervisor.require_ports(each)
        for each in wanted:
            say(f"starting {each.name} ({each.address})")
            self.supervisor.start(each)

    def down(self) -> list[str]:
        """Stop everything that ``up`` started, last first; the names of what ran."""
        started = [instance.name for declared in TOPOLOGY for instance in instances_of(declared, self.settings)]
        return [name for name in reversed(started) if self.supervisor.stop(name)]

    def memory(self) -> dict[str, int]:
        """Bytes per service."""
        return {i.name: self.supervisor.memory(i.name) for i in instances(self.settings)}

    def table(self) -> Table:
        logs = Text(visible(f"log of a service: {_near(self.supervisor.log('<service>'))}"))
        table = Table(title=Text(visible(f"{self.settings.title}: {_near(self.settings.home)}")), caption=logs)
        for column in ("service", "state", "address", "memory MiB", "expected"):
            table.add_column(column, overflow="fold")
        for instance in instances(self.settings):
            table.add_row(*self._row(instance))
        return table

    def _row(self, instance: Instance) -> tuple[str, ...]:
        process = self.supervisor.process(instance.name)
        status = f"running (pid {process.pid})" if process else "[dim]not running[/]"
        memory = f"{self.supervisor.memory(instance.name) / MIB:.0f}" if process else ""
        return instance.name, status, instance.address, memory, str(instance.declared.memory)


def _near(path: Path) -> Path:
    """Relative to where the command was typed, when it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
