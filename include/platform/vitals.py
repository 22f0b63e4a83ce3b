"""Every process of the platform in figures, for the exporter: services, and the processes of models."""

from include.contracts.platform import GIVEN_UP, ProcessEvent, ProcessFigures, figures, read_events
from include.platform.supervisor import Supervisor
from include.platform.topology import instances, instances_of, model_processes
from include.settings import Settings


def vitals(settings: Settings) -> list[ProcessFigures]:
    """What was started at least once; what somebody stopped does not run, either."""
    supervisor = Supervisor(settings.home / "platform", settings.host)
    events = read_events(supervisor.events)
    known = [i.name for i in instances(settings) if not i.declared.ends and supervisor.known(i.name)]
    services = [figures(name, supervisor.process(name) is not None, events) for name in known]
    return [*services, *(_of_model(name, events) for name in _models(settings, supervisor))]


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
