"""Keeps the model servers of this host and the processes of their models answering.

The server itself does not: after its Python process was killed a model counts as ready and fails every request. What
is healed is said after a real request to every served model was answered, by every process of it.
"""

import functools
import logging
import time
from collections.abc import Callable

import psutil

from include.adapters.model_control import TritonControl
from include.contracts.platform import What, append_event, events_file
from include.errors import MoebiusError, RequestFailedError, ServiceError
from include.platform.patience import LONGEST, machine_is_busy
from include.platform.servers import service
from include.platform.supervisor import Service, Supervisor
from include.platform.topology import instances_of, model_processes, server_name
from include.ports.serving import ModelControl
from include.processes.keeper.edge import Edge
from include.processes.keeper.exits import Leftovers, alert, end, is_stopped, stubs
from include.processes.keeper.healing import Healing
from include.processes.keeper.start import Start
from include.processes.keeper.watch import Watch
from include.settings import Settings

log = logging.getLogger("keeper")
LOOK_SECONDS = 1.0
STOPPED_SECONDS = 1.0
"""After so long a process that was stopped by a signal counts as hanging."""
HUNG_SECONDS, BUSY_SECONDS = 8.0, 16.0
"""How long a server that answered before may answer nothing; and when the machine is busy."""
START_SECONDS = 0.2
"""Between two looks at a server that starts."""
FREE_STARTS, REST_SECONDS = 2, 30.0
"""So many starts may fail; then there is a pause before the next, at most this long."""
LEAVE_SECONDS = 10.0
"""For the processes of before, once a model was loaded again."""


class Kept:
    """One Triton server; ``service`` makes how it is started now, with the models that it has now."""

    def __init__(
        self,
        name: str,
        service: Callable[[], Service],
        control: ModelControl,
        supervisor: Supervisor,
        edge: Edge,
        tell: Callable[[str, What, str], object],
    ) -> None:
        self.name, self.service, self.control, self.supervisor, self.edge = name, service, control, supervisor, edge
        self._tell = tell
        self.healing = Healing(name, control, self._replace, self._tell_of_model, edge, self._living)
        self._leader: psutil.Process | None = None
        self._start: Start | None = None  # of a server that has not answered yet
        self._failed_starts = 0
        self._answered = 0.0
        self._stubs: dict[int, tuple[str, str]] = {}
        self._stopped: dict[int, float] = {}
        self._leftovers = Leftovers(LEAVE_SECONDS)
        self._missed: float | None = None  # since when a server is missed whose models are not all healthy yet
        self._rests_until = 0.0

    def look(self) -> None:
        """One round: what is found and done is logged, and what fails is tried again in the next."""
        self._avoid_what(alert(self._watched(), START_SECONDS if self._start else LOOK_SECONDS))
        leader = self.supervisor.process(self.name)
        if leader is None:
            self._lose()
            return self._revive()
        if leader != self._leader:
            self._meet(leader)
        stopped = self._hanging()
        if leader.pid in stopped:
            return self._hung(leader, "a signal stopped it")
        self._stubs = stubs(leader)
        self._end_stopped(stopped)
        try:
            self._examine()
        except RequestFailedError as error:
            log.error("%s: %s", self.name, error)
        except ServiceError as error:
            self._unanswered(leader, error)
        return None

    def _lose(self) -> None:
        """It died; after some that never answered, the next one is started after a pause that grows."""
        if self._leader is None:
            return
        self._missed = self._missed or time.monotonic()
        self._failed_starts = self._failed_starts + 1 if self._start else 0
        self._leader, self._start = None, None
        if self._failed_starts > FREE_STARTS:
            pause = min(2.0 ** (self._failed_starts - FREE_STARTS), REST_SECONDS)
            self._rest(pause, f"it ended {self._failed_starts} times before it answered; see its log")

    def _rest(self, seconds: float, reason: str) -> None:
        self._rests_until = time.monotonic() + seconds
        log.error("%s does not start, the next try is in %.0f s: %s", self.name, seconds, reason)
        self._tell(self.name, "gave_up", reason.splitlines()[0])

    def _living(self, model: str) -> set[str]:
        here = stubs(self._leader) if self._leader else {}
        return {name for of, name in here.values() if of == model}

    def _watched(self) -> set[int]:
        return {*self._stubs, self._leader.pid} if self._leader and self._leader.is_running() else set()

    def _avoid_what(self, gone: set[int]) -> None:
        """The gateway hears of it before anybody has asked what it means: its checks would see it much later."""
        whole = self._leader is not None and self._leader.pid in gone
        for model in sorted({model for pid, (model, _) in self._stubs.items() if whole or pid in gone}):
            self.edge.avoid(model)

    def _meet(self, leader: psutil.Process) -> None:
        self._leader, self._stopped, self._stubs = leader, {}, {}
        self._start = Start(self.supervisor.patience(self.service()), lambda: self.supervisor.sign(self.name))
        self.control.close()

    def _hanging(self) -> set[int]:
        """Processes that have been stopped for a while."""
        now, stopped = time.monotonic(), {pid for pid in self._watched() if is_stopped(pid)}
        self._stopped = {pid: self._stopped.get(pid, now) for pid in stopped}
        return {pid for pid, since in self._stopped.items() if now - since >= STOPPED_SECONDS}

    def _end_stopped(self, stopped: set[int]) -> None:
        """Once it went on, a process whose requests the server has given up would take the server down."""
        for pid in stopped & self._stubs.keys():
            log.error(
                "%s: process %s of model %s was stopped by a signal, and is ended", self.name, *self._stubs[pid][::-1]
            )
            end(pid)

    def _examine(self) -> None:
        self.control.states()
        models = self.control.installed()
        self.healing.forget(self.healing.ill - set(models))
        paused = {model for pid, (model, _) in self._stubs.items() if pid in self._stopped}
        healthy = [model for model in models if model not in paused and self.healing.look(model)]
        self._answered, self._start, self._failed_starts = time.monotonic(), None, 0
        self._well(models, healthy)
        for pid in self._leftovers.overdue(self._stubs):
            log.warning("%s: process %d of a model that was loaded again did not leave, and is ended", self.name, pid)
            end(pid)

    def _well(self, models: list[str], healthy: list[str]) -> None:
        if self._missed is not None and models == healthy:
            seconds, self._missed = time.monotonic() - self._missed, None
            asked = f"every process of {', '.join(models)} answered a request" if models else "it serves no model"
            log.warning("%s is healed: %s, %.1f s after it was missed", self.name, asked, seconds)

    def _revive(self) -> None:
        """Start again what died; what was stopped on purpose stays stopped."""
        if not self.supervisor.died(self.name) or time.monotonic() < self._rests_until:
            return
        self._missed = self._missed or time.monotonic()
        try:
            if self.supervisor.resume(self.service()):
                log.error("%s was gone, and is started again", self.name)
        except MoebiusError as error:
            self._rest(REST_SECONDS, str(error))

    def _unanswered(self, leader: psutil.Process, error: ServiceError) -> None:
        if self._start:
            if fault := self._start.fault(set(self.control.installed()) - {model for model, _ in self._stubs.values()}):
                self._hung(leader, fault)
            return
        silence = time.monotonic() - self._answered
        if silence > (BUSY_SECONDS if machine_is_busy() else HUNG_SECONDS):
            self._hung(leader, f"no answer for {silence:.0f} s: {error}")

    def _hung(self, leader: psutil.Process, reason: str) -> None:
        log.error("%s hangs and is ended: %s", self.name, reason)
        if self.supervisor.process(self.name) == leader:
            self.supervisor.end_hung(self.name, reason, workers_finish=False)
        self._lose()
        self._revive()

    def _replace(self, reason: str) -> None:
        if self._leader:
            self._hung(self._leader, reason)

    def _tell_of_model(self, model: str, what: What, reason: str) -> None:
        self._tell(model_processes(self.name, model), what, reason)


def watches(settings: Settings) -> list[Watch]:
    """One for each server, so that none waits for another; starting one may take as long as a start is waited for."""
    return [Watch(one.name, one.look, every=0.01, longest=LONGEST) for one in kept(settings)]


def kept(settings: Settings) -> list[Kept]:
    """All that the platform starts on this host: the embedded one, and the gateway's others."""
    supervisor, tell = (
        Supervisor(settings.home / "platform", settings.host),
        functools.partial(append_event, events_file(settings.home)),
    )
    return [
        Kept(
            instance.name,
            functools.partial(service, instance),
            TritonControl(instance.settings),
            supervisor,
            Edge(settings, server_name(instance.name)),
            tell,
        )
        for instance in instances_of("triton", settings)
    ]
