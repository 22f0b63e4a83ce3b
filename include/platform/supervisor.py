"""Start, find and stop the platform's own processes: one session and one pid file each.

What they write is readable by their owner only. Files below ``run/`` say what is wanted, and the holders
(``include/platform/holder.py``) read the same ones: ``<name>.json`` is the pid file of what was started;
``<name>.died``: its death was noted, and it is to be started again; ``<name>.stopped``: a person stopped it. One
becomes the other by a new name, which needs no space on the disk.
"""

import fcntl
import hashlib
import json
import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from include.contracts import steady
from include.contracts.platform import append_event
from include.errors import ServiceError, SettingsError
from include.formats.atomic_file import write_atomically
from include.platform import processes
from include.platform.patience import Patience, Sign

log = logging.getLogger(__name__)
STOP_SECONDS = 20.0
TAIL_BYTES, LAST_CHARACTERS = 8192, 200
_CHILDREN: dict[int, subprocess.Popen] = {}
"""What this process started itself, so that whoever stops it can also collect it."""


@dataclass(frozen=True)
class Service:
    """One process: how to start it, which ports it takes, when it is ready; without ``ready``, when it has ended well.

    ``timeout``: how long it may show no sign of progress while it starts, in seconds. ``watched``: variables of its
    environment that are settings. ``own_log``: it writes its log itself. ``workers_finish``: what it started may finish
    its work after its death.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    ports: Mapping[str, int]
    ready: Callable[[], bool] | None
    address: str
    timeout: float = 90.0
    cwd: Path | None = None
    watched: Collection[str] = ()
    prepare: Callable[[], None] = field(default=lambda: None)
    own_log: bool = False
    workers_finish: bool = False


@dataclass(frozen=True)
class Supervisor:
    """Keeps pid files and logs of services below ``directory``."""

    directory: Path
    host: str

    def start(self, service: Service) -> None:
        """Start unless it runs already, and wait until it is ready.

        Raises
        ------
        SettingsError
            a port is taken; names the port, its setting and, where it can be seen, who holds it.
        ServiceError
            it ended, or it is not ready and shows no progress; names the log and shows its last lines.
        """
        self.launch(service)
        self._await(service)

    def launch(self, service: Service) -> None:
        """Start unless it runs already, and do not wait. Raises SettingsError as ``start`` does."""
        with self._alone(service.name):
            if service.ready is None:
                self._stop(service.name)  # of a start that was interrupted
            if self.process(service.name) is None:
                self._spawn(service)

    def require_ports(self, service: Service) -> None:
        """Raises SettingsError when the service does not run and somebody else has one of its ports."""
        if self.process(service.name) is None:
            for setting, port in service.ports.items():
                self._require_free(service.name, setting, port)

    def died(self, name: str) -> bool:
        """Whether it was started, was not stopped since, and does not run."""
        return self.is_wanted(name) and self.process(name) is None

    def resume(self, service: Service) -> bool:
        """Start again what died, and do not wait; False when it runs, or was never started, or was stopped.

        Raises SettingsError as ``start`` does.
        """
        with self._alone(service.name):
            if not self.died(service.name):
                return False
            self._spawn(service)
            return True

    def revive(self, service: Service) -> bool:
        """Start again what died, and wait until it is ready; else as ``resume``. Raises as ``start`` does."""
        revived = self.resume(service)
        if revived:
            self._await(service)
        return revived

    def end_hung(self, name: str, reason: str, workers_finish: bool) -> bool:
        """Kill what answers nothing, so that it is started again; its workers too, unless they may finish."""
        with self._alone(name):
            hung = self.process(name)
            if hung is None:
                return False
            append_event(self.events, name, "hung", reason)
            if workers_finish:
                processes.kill([hung], STOP_SECONDS)
            else:
                processes.kill_all(lambda: self._members(name), STOP_SECONDS)
            self._mark(name, "died")
            return True

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """While others start or stop it, wait."""
        file = self.directory / "run" / f"{name}.lock"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _spawn(self, service: Service) -> None:
        name, died = service.name, self.died(service.name)
        if died:
            self._note_death(name)
        self._end_leftovers(service)
        self.require_ports(service)
        service.prepare()
        self._file(name, "stopped").unlink(missing_ok=True)
        child = self._open(service)
        _CHILDREN[child.pid] = child
        self._write_identity(name, child.pid, _hashes(service))
        self._file(name, "died").unlink(missing_ok=True)
        if died:
            append_event(self.events, name, "started", "after its death")

    def _open(self, service: Service) -> subprocess.Popen:
        name = service.name
        self.log(name).parent.mkdir(parents=True, exist_ok=True)
        output = Path(os.devnull) if service.own_log else self.log(name)
        with open(output, "ab", opener=_private) as log:
            return subprocess.Popen(
                [*processes.LEADER, *service.argv],
                env={**service.env, processes.MARK: self._mark_of(name)},
                cwd=service.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
            )

    def _write_identity(self, name: str, pid: int, settings: Mapping[str, str]) -> dict:
        """On a full disk in place of the file of the process before; without one, it is found by its mark later."""
        identity = {"pid": pid, "ticks": processes.ticks(pid), "boot": steady.boot(), "settings": dict(settings)}
        try:
            write_atomically(self._file(name, "json"), json.dumps(identity), private=True)
        except OSError as error:
            log.error("no new pid file of %s: %s", name, error)  # a print raises where its file is on the same disk
            self._overwrite_identity(name, json.dumps(identity))
        return identity

    def _overwrite_identity(self, name: str, text: str) -> None:
        """Space that a file has already is not asked for."""
        self._file(name, "json").unlink(missing_ok=True)  # of the process before
        try:
            with self._file(name, "died").open("r+") as file:
                file.write(text)
                file.truncate()
            self._file(name, "died").replace(self._file(name, "json"))
        except OSError as error:
            log.error("no pid file of %s: %s", name, error)

    def _note_death(self, name: str) -> None:
        """Once, by whoever sees it first."""
        identity = self._identity(name)
        if not self._file(name, "json").exists():
            return
        again = bool(identity) and identity["boot"] != steady.boot()  # type: ignore[index]
        reason = "the machine was started anew" if again else f"it is gone{self._last_line(name)}"
        append_event(self.events, name, "died", reason)
        self._mark(name, "died")

    def _end_leftovers(self, service: Service) -> None:
        """What the process before left behind may hold its ports and its memory."""
        for child in list(_CHILDREN.values()):
            child.poll()  # collects what ended
        left = self._members(service.name)
        processes.kill(processes.orphans_at_rest(left) if service.workers_finish else left, STOP_SECONDS)

    def changed(self, service: Service) -> list[str]:
        """The settings that it would be started with now, unlike those that it runs with."""
        identity = self._identity(service.name)
        if identity is None or not identity.get("settings"):
            return []
        before, now = identity["settings"], _hashes(service)
        return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))

    def _await(self, service: Service) -> None:
        patience = self.patience(service)
        while not self.arrived(service, patience):
            time.sleep(0.1)

    def patience(self, service: Service) -> Patience:
        return Patience(service.timeout, lambda: self.sign(service.name))

    def sign(self, name: str) -> Sign:
        """What grows as long as it works."""
        return self._log_size(name), self._cpu_seconds(name)

    def arrived(self, service: Service, patience: Patience) -> bool:
        """Whether it is ready, or has ended when that is its purpose. Raises ServiceError as ``start`` does."""
        if service.ready is None:
            if (code := self._exit_code(service.name)) is None:
                return self._still_worth_it(service.name, patience)
            if code:
                raise ServiceError(f"{service.name} failed (exit {code}); {self._log_tail(service.name)}")
            return True
        if service.ready():
            return True
        if self.process(service.name) is None:
            raise ServiceError(f"{service.name} ended while starting; {self._log_tail(service.name)}")
        return self._still_worth_it(service.name, patience)

    def _still_worth_it(self, name: str, patience: Patience) -> bool:
        """False: not ready yet."""
        if fault := patience.fault():
            raise ServiceError(f"{name} {fault}; {self._log_tail(name)}")
        return False

    def _exit_code(self, name: str) -> int | None:
        identity = self._identity(name)
        child = _CHILDREN.get(identity["pid"]) if identity else None
        return child.poll() if child else 0

    def _log_size(self, name: str) -> int:
        return self.log(name).stat().st_size if self.log(name).is_file() else 0

    def _cpu_seconds(self, name: str) -> float:
        return processes.cpu_seconds(self._members(name))

    def stop(self, name: str) -> bool:
        """Stop the whole session that ``start`` made; True when something ran."""
        with self._alone(name):
            return self._stop(name)

    def _stop(self, name: str) -> bool:
        leader, members = self.process(name), self._members(name)
        processes.send(members, signal.SIGTERM)
        processes.send(members, signal.SIGCONT)  # what was stopped hears nothing else
        psutil.wait_procs(members, timeout=STOP_SECONDS)
        processes.kill_all(lambda: self._members(name), STOP_SECONDS)
        if (known := self._identity(name)) and (child := _CHILDREN.pop(known["pid"], None)):
            child.wait(timeout=STOP_SECONDS)
        ran = leader is not None or bool(members)
        if ran:
            append_event(self.events, name, "stopped", "")
        self._mark(name, "stopped")
        return ran

    def process(self, name: str) -> psutil.Process | None:
        """The running leader, or None; a recycled pid does not count. A lost pid file is written again."""
        identity = self._identity(name) or self._recovered(name)
        if identity is None or processes.ticks(identity["pid"]) != identity["ticks"]:
            return None
        if identity["boot"] != steady.boot():
            return None
        try:
            leader = psutil.Process(identity["pid"])
        except psutil.NoSuchProcess:
            return None
        return leader if processes.alive(leader) else None

    def _recovered(self, name: str) -> dict | None:
        """Of a process that runs without a pid file that can be read."""
        if self._file(name, "stopped").exists() or self._file(name, "died").exists():
            return None
        leader = processes.leader(self._mark_of(name), self.log(name).resolve())
        return self._write_identity(name, leader.pid, {}) if leader else None

    def memory(self, name: str) -> int:
        """Bytes (proportional set size) of all processes of the service."""
        return processes.memory(self._members(name))

    @property
    def events(self) -> Path:
        """Where deaths and restarts are noted; ``include.contracts.platform.events_file`` of the state root."""
        return self.directory / "events.jsonl"

    def log(self, name: str) -> Path:
        return self.directory / "log" / f"{name}.log"

    def _members(self, name: str) -> list[psutil.Process]:
        known = {file.stem: self._identity(file.stem) for file in (self.directory / "run").glob("*.json")}
        leaders = {one: identity["pid"] for one, identity in known.items() if identity and _is_or_was_its(identity)}
        return processes.family(leaders.pop(name, -1), self.log(name).resolve(), leaders.values())

    def _identity(self, name: str) -> dict | None:
        """None also when the pid file cannot be read: the process is looked for then."""
        try:
            identity = json.loads(self._file(name, "json").read_text())
        except (OSError, ValueError):
            return None
        return identity if isinstance(identity, dict) and {"pid", "ticks", "boot"} <= identity.keys() else None

    def is_wanted(self, name: str) -> bool:
        """Whether it was started and not stopped since."""
        if self._file(name, "stopped").exists():
            return False
        return self._file(name, "json").exists() or self._file(name, "died").exists()

    def known(self, name: str) -> bool:
        """Whether it was ever started, whatever became of it."""
        return any(self._file(name, kind).exists() for kind in ("json", "died", "stopped"))

    def _mark(self, name: str, what: str) -> None:
        """The pid file becomes the mark; without one an empty file does."""
        try:
            self._file(name, "json").replace(self._file(name, what))
        except FileNotFoundError:
            self._file(name, what).touch(mode=0o600)
        if what == "stopped":
            self._file(name, "died").unlink(missing_ok=True)

    def _mark_of(self, name: str) -> str:
        return f"{self.directory}:{name}"

    def _file(self, name: str, kind: str) -> Path:
        return self.directory / "run" / f"{name}.{kind}"

    def _last_line(self, name: str) -> str:
        """What the log ends with, for a person who asks why."""
        lines = self._log_end(name).strip().splitlines()
        return f"; its log ends with: {lines[-1][:LAST_CHARACTERS]}" if lines else ""

    def _log_end(self, name: str) -> str:
        try:
            with self.log(name).open("rb") as file:
                file.seek(max(0, self._log_size(name) - TAIL_BYTES))
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def _log_tail(self, name: str) -> str:
        lines = self._log_end(name).splitlines()[-15:]
        return f"see {self.log(name)}:\n" + "\n".join(lines)

    def _require_free(self, name: str, setting: str, port: int) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, port))
            except OSError as error:
                holders, ours = list(processes.holders_of(port)), self._members(name)
                if holders and all(holder in ours for holder in holders):
                    return  # left behind by this service; it is ended before the service starts
                variable = f"MOEBIUS_{setting.upper()}"
                raise SettingsError(
                    f"port {port} for {name} is taken{_by(holders)}; stop it, or set {variable} to a free port"
                ) from error


def _is_or_was_its(identity: dict) -> bool:
    """Whether the pid is still that of the leader, or of nobody since: then its session, too, is nobody else's."""
    return identity["boot"] == steady.boot() and processes.ticks(identity["pid"]) in (None, identity["ticks"])


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _by(holders: Sequence[psutil.Process]) -> str:
    return f" by {holders[0].name()} (pid {holders[0].pid})" if holders else ""


def _hashes(service: Service) -> dict[str, str]:
    """What tells one value of a watched variable from another, without the value."""
    return {name: hashlib.sha256(service.env[name].encode()).hexdigest()[:12] for name in service.watched}
