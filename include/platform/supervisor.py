"""Start, find and stop the platform's own processes: one process group and one pid file each.

What they write is readable by their owner only.
"""

import fcntl
import hashlib
import json
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

from include.contracts.atomic_file import write_atomically
from include.errors import ServiceError, SettingsError
from include.platform.patience import Patience

STOP_SECONDS = 20.0
_CHILDREN: dict[int, subprocess.Popen] = {}
"""What this process started itself, so that whoever stops it can also collect it."""


@dataclass(frozen=True)
class Service:
    """One process: how to start it, which ports it takes, when it is ready; without ``ready``, when it has ended well.

    ``timeout``: how long it may show no sign of progress while it starts, in seconds. ``watched``: variables of its
    environment that are settings.
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
        """Raises SettingsError when the service does not run and one of its ports is taken."""
        if self.process(service.name) is None:
            for setting, port in service.ports.items():
                self._require_free(service.name, setting, port)

    def died(self, name: str) -> bool:
        """Whether it was started, was not stopped since, and does not run."""
        return self._identity(name) is not None and self.process(name) is None

    def revive(self, service: Service) -> bool:
        """Start again what died; False when it runs, or was never started, or was stopped. Raises as ``start`` does."""
        with self._alone(service.name):
            if not self.died(service.name):
                return False
            self._spawn(service)
        self._await(service)
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
        if (before := self._identity(service.name)) and (ended := _CHILDREN.pop(before["pid"], None)):
            ended.poll()
        self.require_ports(service)
        service.prepare()
        self.log(service.name).parent.mkdir(parents=True, exist_ok=True)
        with open(self.log(service.name), "ab", opener=_private) as log:
            child = subprocess.Popen(
                service.argv,
                env=dict(service.env),
                cwd=service.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
            )
        _CHILDREN[child.pid] = child
        created = psutil.Process(child.pid).create_time()
        identity = {"pid": child.pid, "created": created, "settings": _hashes(service)}
        write_atomically(self._pid_file(service.name), json.dumps(identity), private=True)

    def changed(self, service: Service) -> list[str]:
        """The settings that it would be started with now, unlike those that it runs with."""
        identity = self._identity(service.name)
        if identity is None or "settings" not in identity:
            return []
        before, now = identity["settings"], _hashes(service)
        return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))

    def _await(self, service: Service) -> None:
        patience = self.patience(service)
        while not self.arrived(service, patience):
            time.sleep(0.1)

    def patience(self, service: Service) -> Patience:
        return Patience(service.timeout, lambda: (self._log_size(service.name), self._cpu_seconds(service.name)))

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
        return sum(_cpu(process) for process in self._members(name))

    def stop(self, name: str) -> bool:
        """Stop the whole session that ``start`` made; True when something ran."""
        with self._alone(name):
            return self._stop(name)

    def _stop(self, name: str) -> bool:
        leader, members = self.process(name), self._members(name)
        _signal(members, signal.SIGTERM)
        _, alive = psutil.wait_procs(members, timeout=STOP_SECONDS)
        _signal(alive, signal.SIGKILL)
        psutil.wait_procs(alive, timeout=STOP_SECONDS)
        if (known := self._identity(name)) and (child := _CHILDREN.pop(known["pid"], None)):
            child.wait(timeout=STOP_SECONDS)
        self._pid_file(name).unlink(missing_ok=True)
        return leader is not None or bool(members)

    def process(self, name: str) -> psutil.Process | None:
        """The running group leader, or None; a recycled pid does not count."""
        identity = self._identity(name)
        if identity is None:
            return None
        try:
            leader = psutil.Process(identity["pid"])
            same = abs(leader.create_time() - identity["created"]) < 1
        except psutil.NoSuchProcess:
            return None
        return leader if same and leader.status() != psutil.STATUS_ZOMBIE else None

    def memory(self, name: str) -> int:
        """Bytes (proportional set size) of all processes of the service."""
        return sum(_pss(p) for p in self._members(name))

    def log(self, name: str) -> Path:
        return self.directory / "log" / f"{name}.log"

    def _members(self, name: str) -> list[psutil.Process]:
        """Everything in the session of the leader and below it: children may have made groups of their own.

        Not another service, which this one may have started when it died.
        """
        identity = self._identity(name)
        if identity is None:
            return []
        processes = {p.pid: p for p in psutil.process_iter() if _session(p) == identity["pid"]}
        if leader := self.process(name):
            processes |= {p.pid: p for p in [leader, *leader.children(recursive=True)]}
        for member in list(processes.values()):
            processes |= {p.pid: p for p in _children(member)}
        known = [self._identity(file.stem) for file in self._pid_file(name).parent.glob("*.json")]
        others = {one["pid"] for one in known if one} - {identity["pid"]}
        return [p for p in processes.values() if _session(p) not in others]

    def _identity(self, name: str) -> dict | None:
        path = self._pid_file(name)
        return json.loads(path.read_text()) if path.is_file() else None

    def _pid_file(self, name: str) -> Path:
        return self.directory / "run" / f"{name}.json"

    def _log_tail(self, name: str) -> str:
        lines = self.log(name).read_text(errors="replace").splitlines()[-15:]
        return f"see {self.log(name)}:\n" + "\n".join(lines)

    def _require_free(self, name: str, setting: str, port: int) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, port))
            except OSError as error:
                variable = f"MOEBIUS_{setting.upper()}"
                raise SettingsError(
                    f"port {port} for {name} is taken{_holder(port)}; stop it, or set {variable} to a free port"
                ) from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _holder(port: int) -> str:
    for connection in psutil.net_connections("tcp"):
        local, listens = connection.laddr, connection.status == psutil.CONN_LISTEN
        if local and local.port == port and listens and connection.pid:
            return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return ""


def _signal(processes: Sequence[psutil.Process], number: int) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _session(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:
        return None


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _cpu(process: psutil.Process) -> float:
    try:
        used = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(used.user + used.system)


def _hashes(service: Service) -> dict[str, str]:
    """What tells one value of a watched variable from another, without the value."""
    return {name: hashlib.sha256(service.env[name].encode()).hexdigest()[:12] for name in service.watched}


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0
