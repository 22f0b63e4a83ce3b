"""What a person sees of the platform: which service runs, since when, what died, when and why, and what came of it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from shutil import get_terminal_size

import psutil
from rich.table import Table
from rich.text import Text

from include.contracts.platform import ProcessEvent, read_events
from include.formats.plain_text import visible
from include.platform.servers import healthy
from include.platform.supervisor import Supervisor
from include.platform.topology import Instance, instances
from include.settings import Settings

MIB = 1024 * 1024
COLUMNS = ("service", "state (times are UTC)", "address", "MiB", "expected")
DEATHS_SHOWN = 5
NARROW = 60
"""Characters of a terminal below which names of services are folded, so that no other column vanishes."""


def table(settings: Settings, supervisor: Supervisor) -> Table:
    """One row per service that belongs to the platform with these settings, or that was started and runs."""
    shown = [i for i in instances(settings) if not i.declared.ends]
    events = read_events(supervisor.events)
    with ThreadPoolExecutor(max_workers=len(shown)) as pool:
        rows = list(pool.map(lambda i: row(i, supervisor, [e for e in events if e.service == i.name]), shown))
    logs = Text(visible(f"log of a service: {near(supervisor.log('<service>'))}"))
    made = Table(title=Text(visible(f"{settings.title}: {near(settings.home)}")), caption=logs)
    whole = ("service", "MiB") if get_terminal_size().columns >= NARROW else ("MiB",)
    for column in COLUMNS:
        made.add_column(column, overflow="fold", no_wrap=column in whole, min_width=3)
    for cells in rows:
        made.add_row(*(Text(visible(cell)) for cell in cells))
    return made


def row(instance: Instance, supervisor: Supervisor, events: Sequence[ProcessEvent]) -> tuple[str, ...]:
    """The events are those of this service, oldest first."""
    process = supervisor.process(instance.name)
    return (
        instance.name,
        f"{_state(instance, supervisor, process, events)}{_history(events)}",
        instance.address,
        f"{supervisor.memory(instance.name) / MIB:.0f}" if process else "",
        str(instance.declared.memory),
    )


def _state(
    instance: Instance, supervisor: Supervisor, process: psutil.Process | None, events: Sequence[ProcessEvent]
) -> str:
    if process is None:
        since = f" since {moment(events[-1].at)}" if events else ""
        return f"{_missing(instance, supervisor, events)}{since}"
    since = moment(datetime.fromtimestamp(process.create_time(), UTC))
    answers = "" if healthy(instance) else ", does not answer"
    return f"running (pid {process.pid}) since {since}{answers}"


def _history(events: Sequence[ProcessEvent]) -> str:
    """How often it was started again, and its last death."""
    deaths = [event for event in events if event.is_death]
    if not deaths:
        return ""
    restarts = sum(event.times for event in events if event.what == "started")
    return f"; restarts: {restarts}, last death {moment(deaths[-1].at)}: {_short(deaths[-1].reason)}"


def _missing(instance: Instance, supervisor: Supervisor, events: Sequence[ProcessEvent]) -> str:
    if supervisor.died(instance.name):
        last = events[-1].what if events else "died"
        words = {"gave_up": "died too often, tried every minute", "failed": "could not be started, tried again"}
        return words.get(last, "died, is being started")
    return "stopped" if events and events[-1].what == "stopped" else "not running"


def last_deaths(supervisor: Supervisor) -> list[str]:
    """The newest deaths with their whole reason, and what came of each; newest last."""
    events = read_events(supervisor.events)
    numbered = [(number, event) for number, event in enumerate(events) if event.is_death][-DEATHS_SHOWN:]
    return [visible(f"{_told(event)}; {_outcome(event.service, events[number + 1 :])}") for number, event in numbered]


def _told(event: ProcessEvent) -> str:
    return f"{moment(event.at)} {event.service} {event.what}: {event.reason or 'nobody saw how'}"


def _outcome(service: str, later: Sequence[ProcessEvent]) -> str:
    """What happened to the service next."""
    words = {"started": "started again", "gave_up": "not started", "failed": "not started", "stopped": "then stopped"}
    for event in later:
        if event.service == service and event.what in words:
            return f"{words[event.what]} {moment(event.at)}"
    return "not started again yet"


def _short(reason: str) -> str:
    return reason.partition(";")[0]


def moment(at: datetime) -> str:
    """The time of today, or day and time."""
    return f"{at:%H:%M:%S}" if at.date() == datetime.now(UTC).date() else f"{at:%Y-%m-%d %H:%M:%S}"


def near(path: Path) -> Path:
    """Relative to where the command was typed, when it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
