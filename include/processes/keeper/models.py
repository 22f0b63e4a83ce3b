"""Restarts a model server that died, and reloads a model whose process died.

The server itself does neither: after its Python process was killed a model counts as ready and fails every request.
"""

import functools
import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import psutil

from include.adapters.model_control import TritonControl
from include.errors import MoebiusError, ServiceError
from include.platform.patience import LONGEST
from include.platform.servers import service
from include.platform.supervisor import Service, Supervisor
from include.platform.topology import instances_of
from include.ports.serving import ModelControl
from include.processes.keeper.watch import Watch
from include.settings import Settings

log = logging.getLogger("keeper")
EVERY_SECONDS, SILENT_SECONDS = 2.0, 8.0
REST_SECONDS = 30.0  # after a server that does not start
LEAVE_SECONDS = 10.0  # for the processes of before, once a model is loaded again


Process = tuple[str, str]
"""A model, and the name of one of its processes."""


class Beat(NamedTuple):
    """The last sign of life of one process of a model, and since when it is the last (monotonic seconds)."""

    value: float
    since: float


class Server:
    """One Triton server of this host; ``service`` makes how it is started now, with the models that it has now."""

    def __init__(self, name: str, service: Callable[[], Service], control: ModelControl) -> None:
        self.name, self.service, self._control = name, service, control
        self._beats: dict[Process, Beat] = {}
        self._answered: set[tuple[Process, Beat]] = set()  # what was the last when the model was loaded again

    def silent_models(self) -> list[str]:
        """Models with a process that has given no sign of life for 8 s.

        A silence counts until the model was loaded again: the series of a process that it has no more stays for ever.
        Raises ServiceError when the server does not answer.
        """
        now = time.monotonic()
        for process, value in self._control.beats().items():
            if process not in self._beats or self._beats[process].value != value:
                self._beats[process] = Beat(value, now)
        silent = {process for process, beat in self._beats.items() if now - beat.since > SILENT_SECONDS}
        models = {process[0] for process in silent if (process, self._beats[process]) not in self._answered}
        return sorted(models & self._control.loaded()) if models else []

    def load(self, model: str) -> None:
        """Load it again. Raises ServiceError when the server does not answer, or refuses."""
        self._control.load(model)
        self._answered |= {(process, beat) for process, beat in self._beats.items() if process[0] == model}


class ModelKeeper:
    """Looks after the model servers that ``supervisor`` started."""

    def __init__(self, servers: Sequence[Server], supervisor: Supervisor) -> None:
        self.servers, self.supervisor = servers, supervisor
        self._rests_until: dict[str, float] = {}
        self._leaving: list[tuple[psutil.Process, float]] = []

    def look(self) -> None:
        """One round: what is found and done is logged, and what fails is tried again in the next."""
        for server in self.servers:
            name = server.name
            if time.monotonic() < self._rests_until.get(name, 0.0):
                continue
            try:
                self._revive(server)
            except MoebiusError as error:
                log.error("%s: %s: %s", name, type(error).__name__, error)
                self._rests_until[name] = time.monotonic() + REST_SECONDS
                continue
            try:
                self._load_silent(server)
            except ServiceError as error:
                log.error("%s: %s", name, error)
        self._end_leftovers()

    def _revive(self, server: Server) -> None:
        if self.supervisor.died(server.name) and self.supervisor.revive(server.service()):
            log.error("%s was gone, and is started again", server.name)

    def _load_silent(self, server: Server) -> None:
        name = server.name
        for model in server.silent_models():
            before = self._processes(name, model)
            server.load(model)
            log.error("%s: a process of model %s was gone, and the model is loaded again", name, model)
            self._leaving += [(process, time.monotonic() + LEAVE_SECONDS) for process in before]

    def _processes(self, name: str, model: str) -> list[psutil.Process]:
        leader, file = self.supervisor.process(name), f"/{model}/1/model.py"
        below = leader.children(recursive=True) if leader else []
        return [p for p in below if any(part.endswith(file) for part in _command(p))]

    def _end_leftovers(self) -> None:
        """The server waits for ever for an answer of a dead process, and so keeps the living ones beside it."""
        now = time.monotonic()
        for process, _ in (one for one in self._leaving if now > one[1] and one[0].is_running()):
            process.kill()
            log.warning("process %d of a model that was loaded again did not leave, and is ended", process.pid)
        self._leaving = [one for one in self._leaving if now <= one[1]]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def servers(settings: Settings) -> list[Server]:
    """All that the platform starts on this host: the embedded one, and the gateway's others."""
    tritons = instances_of("triton", settings)
    return [Server(i.name, functools.partial(service, i), TritonControl(i.settings)) for i in tritons]


def watch(settings: Settings) -> Watch:
    """Of the model servers; starting one again may take as long as a start is waited for."""
    keeper = ModelKeeper(servers(settings), Supervisor(settings.home / "platform", settings.host))
    return Watch("models", keeper.look, EVERY_SECONDS, longest=LONGEST)
