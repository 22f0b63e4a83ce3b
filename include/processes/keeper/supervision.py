"""Looks after supervisord and its holders, as they look after everything else.

supervisord that died is started again by its holder; this one acts when that does not happen, and when supervisord or a
holder hangs. What supervisord gave up is tried again after a rest.
"""

import logging
import time
from collections.abc import Callable

import psutil

from include.contracts.platform import append_event
from include.errors import ServiceError
from include.platform import servers, supervisord
from include.platform.processes import stopped
from include.platform.supervisor import Supervisor
from include.platform.supervisord import Program
from include.processes.keeper.watch import Watch
from include.settings import Settings

log = logging.getLogger("keeper")
EVERY_SECONDS = 2.0
DEAD_SECONDS = 6.0  # for its holder to start it
SILENT_SECONDS = 15.0
UNHELD_SECONDS = 30.0  # for a holder to have a dead service started
REST_SECONDS = 60.0  # after a service that supervisord gave up


class Counted:
    """For how many seconds something holds without a break; a round that was late counts as one that was not.

    So a machine that gives this process no time is not taken for a fault of others.
    """

    def __init__(self, longest_round: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._longest, self._clock = longest_round, clock
        self._seconds: dict[str, float] = {}
        self._seen: dict[str, float] = {}

    def hold(self, name: str, holds: bool) -> float:
        """Seconds for which it has held, this round included; 0 when it does not hold now."""
        now = self._clock()
        passed = min(now - self._seen.get(name, now), self._longest)
        self._seen[name] = now
        self._seconds[name] = self._seconds.get(name, 0.0) + passed if holds else 0.0
        return self._seconds[name]

    def forget(self, name: str) -> None:
        self._seconds[name] = 0.0


class Supervision:
    """One round after the other; what is found and done is logged, and noted as an event."""

    def __init__(self, settings: Settings, supervisor: Supervisor) -> None:
        self.settings, self.supervisor = settings, supervisor
        self._dead, self._silent, self._unheld = Counted(5.0), Counted(10.0), Counted(5.0)
        self._rests_until: dict[str, float] = {}

    def look(self) -> None:
        if not self.supervisor.is_wanted(supervisord.NAME) or not self._lives():
            return
        try:
            programs = supervisord.programs(self.settings)
        except ServiceError as error:
            self._unanswered(error)
            return
        self._silent.forget(supervisord.NAME)
        for program in programs:
            self._given_up(program)
            self._held(program)

    def _lives(self) -> bool:
        dead = self.supervisor.died(supervisord.NAME)
        if self._dead.hold(supervisord.NAME, dead) > DEAD_SECONDS:
            log.error("supervisord is gone and nobody starts it: the keeper does")
            self.supervisor.resume(servers.called(supervisord.NAME, self.settings))
        return self.supervisor.process(supervisord.NAME) is not None

    def _unanswered(self, error: ServiceError) -> None:
        silent = self._silent.hold(supervisord.NAME, True)
        process = self.supervisor.process(supervisord.NAME)
        if silent > SILENT_SECONDS or (process and stopped(process)):
            log.error("%s for %.0f s: it is killed, and started again", error, silent)
            self.supervisor.end_hung(supervisord.NAME, f"it answered nothing for {silent:.0f} s", workers_finish=True)
            self._silent.forget(supervisord.NAME)

    def _given_up(self, program: Program) -> None:
        """Noted once, and tried again after a rest."""
        name, now = program.name, time.monotonic()
        if program.state != "FATAL":
            self._rests_until.pop(name, None)
        elif name not in self._rests_until:
            self._note(name)
            self._rests_until[name] = now + REST_SECONDS
        elif now > self._rests_until[name]:
            self._rests_until.pop(name)
            supervisord.start_program(self.settings, name)

    def _note(self, name: str) -> None:
        """That supervisord gave up; a service that lives on has only lost its holder."""
        if self.supervisor.process(name):
            log.error("the holder of %s fails again and again, %s runs: `make up` renews the holder", name, name)
            return
        log.error("%s died or failed too often: the next try is in %.0f s", name, REST_SECONDS)
        append_event(self.supervisor.events, name, "gave_up", f"the next try is {REST_SECONDS:.0f} s later")

    def _held(self, program: Program) -> None:
        """A holder that was stopped, or that leaves its service dead, is replaced; that costs nothing."""
        holder = _process(program.pid)
        if holder is None:
            return
        dead = program.state == "RUNNING" and self.supervisor.died(program.name)
        if stopped(holder) or self._unheld.hold(program.name, dead) > UNHELD_SECONDS:
            log.error("the holder of %s (pid %d) hangs: it is killed, and replaced", program.name, program.pid)
            holder.kill()
            self._unheld.forget(program.name)


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid) if pid else None
    except psutil.NoSuchProcess:
        return None


def watch(settings: Settings) -> Watch:
    supervision = Supervision(settings, Supervisor(settings.home / "platform", settings.host))
    return Watch("supervision", supervision.look, EVERY_SECONDS)
