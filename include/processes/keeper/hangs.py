"""Asks every service for a sign of life, and kills what lives and gives none: its holder then has it started again.

A service is not blamed for the machine: silence counts only while the keeper itself gets time, and what works, or
shares a machine that is busy, is given more of it. What somebody stopped (SIGSTOP) is not given more.
"""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psutil

from include.adapters import redis_server
from include.formats import certificates
from include.platform import patience, processes, supervisord
from include.platform.supervisor import Supervisor
from include.platform.topology import TOPOLOGY, Instance, instances_of
from include.processes.keeper.supervision import Counted
from include.processes.keeper.watch import Watch
from include.settings import Settings

log = logging.getLogger("keeper")
EVERY_SECONDS, ASK_SECONDS = 2.0, 5.0
STOPPED_SECONDS = 6.0
"""After which a process that somebody stopped is killed, whatever its declared silence."""
MORE = 4.0
"""So many times its silence is given to what works, or shares a busy machine."""
WORKS = 0.02
"""Share of one core."""
OTHERS = ("keeper", supervisord.NAME, "triton")
"""Looked after by the keeper's holder, by ``supervision``, and by ``models``, which asks more of a model server."""

Sign = str | None
"""A sign of life, which counts when it is another one than before; None: there is none; '': nobody can tell now."""
UNKNOWN = ""


class Seen(NamedTuple):
    """What was seen of a service in the last round: its process, its sign of life, its CPU seconds."""

    process: psutil.Process
    sign: Sign
    cpu: float


class Hangs:
    """``ask`` gives the sign of life of each instance."""

    def __init__(
        self,
        watched: Callable[[], list[Instance]],
        supervisor: Supervisor,
        ask: Callable[[list[Instance]], Mapping[str, Sign]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watched, self.supervisor, self._ask = watched, supervisor, ask
        self._silent = Counted(2 * (EVERY_SECONDS + ASK_SECONDS), clock)
        self._answered: set[tuple[str, int]] = set()  # processes that are past their start
        self._last: dict[str, Seen] = {}

    def look(self) -> None:
        running = [(i, p) for i in self._watched() if (p := self.supervisor.process(i.name))]
        signs = self._ask([instance for instance, _ in running])
        for instance, process in running:
            self._judge(instance, process, signs[instance.name])

    def _judge(self, instance: Instance, process: psutil.Process, sign: Sign) -> None:
        name, last = instance.name, self._last.get(instance.name)
        now = Seen(process, sign, processes.cpu_seconds([process]))
        self._last[name] = now
        if last is None or last.process != process:
            self._silent.forget(name)
            last = None
        if sign == UNKNOWN and not processes.stopped(process):
            return
        alive = bool(sign) and (last is None or sign != last.sign)
        if alive:
            self._answered.add((name, process.pid))
        silent = self._silent.hold(name, not alive)
        if silent > self._allowed(instance, now, last):
            self._end(instance, process, silent)

    def _allowed(self, instance: Instance, now: Seen, last: Seen | None) -> float:
        """Seconds of silence."""
        declared = instance.declared
        if processes.stopped(now.process):
            return min(STOPPED_SECONDS, declared.silence)
        started = (instance.name, now.process.pid) in self._answered
        allowed = declared.silence if started else max(declared.seconds, declared.silence)
        works = last is not None and now.cpu - last.cpu > WORKS * EVERY_SECONDS
        return allowed * MORE if works or patience.machine_is_busy() else allowed

    def _end(self, instance: Instance, process: psutil.Process, silent: float) -> None:
        name, stopped = instance.name, "it was stopped, and " if processes.stopped(process) else ""
        reason = f"{stopped}it answered nothing for {silent:.0f} s"
        log.error("%s: %s: it is killed, and started again", name, reason)
        self.supervisor.end_hung(name, reason, instance.declared.workers_finish)
        self._silent.forget(name)
        self._last.pop(name)


def watched(settings: Settings, supervisor: Supervisor) -> list[Instance]:
    """What was started on this host, also what would not be started now."""
    known = [i for declared in TOPOLOGY if not declared.ends for i in instances_of(declared, settings)]
    return [i for i in known if i.declared.name not in OTHERS and supervisor.is_wanted(i.name)]


def signs_of_life(asked: list[Instance]) -> dict[str, Sign]:
    """Of all at the same time."""
    with ThreadPoolExecutor(max_workers=max(1, len(asked))) as pool:
        return dict(zip((i.name for i in asked), pool.map(sign_of_life, asked), strict=True))


def sign_of_life(instance: Instance) -> Sign:
    """Any answer of a server is one, also an error; of a part of Airflow it is its next heartbeat."""
    url = urlsplit(instance.health)
    if instance.sign_file:
        return _touched(instance.sign_file)
    if url.scheme == "redis":
        return _now() if redis_server.answers(instance.health) else None
    try:
        answer = httpx.get(
            instance.health, timeout=ASK_SECONDS, trust_env=False, verify=certificates.needed(instance.health)
        )
    except httpx.HTTPError:
        return UNKNOWN if instance.declared.beat else None
    return _heartbeat(answer, instance.declared.beat) if instance.declared.beat else _now()


def _heartbeat(answer: httpx.Response, component: str) -> Sign:
    """'' when the API server has no word of it."""
    if not answer.is_success:
        return UNKNOWN
    health: dict[str, Any] = answer.json().get(component) or {}
    return str(health.get(f"latest_{component}_heartbeat") or "") or None


def _touched(file: Path) -> Sign:
    try:
        return str(file.stat().st_mtime_ns)
    except OSError:
        return None


def _now() -> str:
    """Unlike every sign before."""
    return uuid4().hex


def watch(settings: Settings) -> Watch:
    supervisor = Supervisor(settings.home / "platform", settings.host)
    hangs = Hangs(lambda: watched(settings, supervisor), supervisor, signs_of_life)
    return Watch("hangs", hangs.look, EVERY_SECONDS)
