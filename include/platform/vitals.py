"""Every process of the platform in figures, for the exporter: services, and the processes of models."""

import os

import psutil

from include.contracts.platform import GIVEN_UP, ProcessEvent, ProcessFigures, figures, read_events
from include.platform.supervisor import Supervisor
from include.platform.topology import instances, instances_of, model_processes
from include.settings import Settings

TICKS = os.sysconf("SC_CLK_TCK")
"""Parts of a second in which the system counts."""
READINGS = 5
"""Times that the processes of a service are read before it is left without a figure."""


def vitals(settings: Settings) -> list[ProcessFigures]:
    """What was started at least once; what somebody stopped does not run, either."""
    supervisor = Supervisor(settings.home / "platform", settings.host)
    events = read_events(supervisor.events)
    known = [i.name for i in instances(settings) if not i.declared.ends and supervisor.known(i.name)]
    leaders = {name: supervisor.process(name) for name in known}
    below = children()
    services = [_of_service(name, leader, events, below) for name, leader in leaders.items()]
    return [*services, *(_of_model(name, events) for name in _models(settings, supervisor))]


Children = dict[int, list[psutil.Process]]
"""Pid → the processes that it started and that live."""


def children() -> Children:
    """Of every process of this machine, in one look."""
    found: Children = {}
    for process in psutil.process_iter(["ppid"]):
        found.setdefault(process.info["ppid"], []).append(process)
    return found


def _of_service(
    name: str, leader: psutil.Process | None, events: list[ProcessEvent], below: Children
) -> ProcessFigures:
    return figures(name, leader is not None, events, cpu_seconds(leader, below) if leader else None)


def cpu_seconds(leader: psutil.Process, below: Children | None = None) -> float | None:
    """Of the process and of all below it, ended ones among them: it does not fall while the leader lives.

    ``below``: a look that is not older than the leader's start. None when the leader ends meanwhile, or when children
    end faster than they can be read.
    """
    for _ in range(READINGS):
        try:
            return sum(map(ticks, _family(leader, children() if below is None else below))) / TICKS
        except psutil.Error:  # one ended after the look: its time would be missing
            below = None
    return None


def _family(leader: psutil.Process, below: Children) -> list[psutil.Process]:
    """The leader and all below it."""
    family = [leader]
    for one in family:
        family += below.get(one.pid, [])
    return family


def ticks(process: psutil.Process) -> int:
    """As the system counts: sums of seconds differ in their last bit by who of a family has spent them."""
    times = process.cpu_times()
    return round((times.user + times.system + times.children_user + times.children_system) * TICKS)


def _models(settings: Settings, supervisor: Supervisor) -> list[str]:
    """The processes of each model on each server."""
    servers = [i.name for i in instances_of("triton", settings) if supervisor.known(i.name)]
    installed = sorted(file.parent.parent.name for file in settings.triton_repository.glob("*/1/model.py"))
    return [model_processes(server, model) for server in servers for model in installed if "--" not in model]


def _of_model(name: str, events: list[ProcessEvent]) -> ProcessFigures:
    """The keeper tells when one of them is missed, and when all of them answer again."""
    own = [event for event in events if event.service == name]
    ill = bool(own) and (own[-1].is_death or own[-1].what in GIVEN_UP)
    return figures(name, not ill, own)
