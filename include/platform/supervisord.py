"""supervisord (PyPI): one program per service of this host, each a holder, and what it says of them over its socket.

Traps of supervisor 4.3, each met here: a socket path is limited to 107 bytes with a suffix of its own, so both sides
reach it through ``/proc/self``; ``%``, `` ;`` and spaces in paths are special in its configuration, so paths stand in
its environment only; on a full disk its log raises when it is rotated, and when standard error is full too, so it
rotates nothing, and its standard error is ``/dev/null``; its ``pidfile`` is removed at its end, so it is a file of its
own; a program that ends early is tried again whatever its exit status, so a holder without a service waits.
"""

import http.client
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast
from xmlrpc.client import Error, ServerProxy, Transport

from include.errors import ServiceError
from include.formats.atomic_file import write_atomically
from include.platform import secrets
from include.platform.topology import TOPOLOGY, Declaration, instances_of
from include.process_environment import inherited_environment
from include.settings import ROOT, Settings

NAME = "supervisord"
SOCKET, CONFIGURATION = "supervisor.sock", "supervisord.conf"
ASK_SECONDS = 5.0
START_SECONDS = 20
"""A holder that ends earlier has a service that dies at once: back-off of 1, 2, 3, … seconds, then FATAL."""
RETRIES = 5
HOLDER = {
    "HOLDER_PYTHON": sys.executable,
    "HOLDER_PROGRAM": str(Path(__file__).with_name("holder.py")),
}


class Program(NamedTuple):
    """What supervisord says of one service: ``state`` as it names it; ``pid`` of the holder, 0 when there is none."""

    name: str
    state: str
    pid: int


def directory(settings: Settings) -> Path:
    """Where it runs: the directory of the pid files."""
    return settings.home / "platform" / "run"


def command(settings: Settings) -> tuple[list[str], dict[str, str]]:
    """Arguments, and the environment without secrets."""
    argv = [sys.executable, "-I", "-m", "supervisor.supervisord", "-n", "-c", CONFIGURATION]
    places = {**HOLDER, "HOLDER_DIRECTORY": str(settings.home / "platform"), "PYTHONPATH": str(ROOT)}
    return argv, {**inherited_environment(), **settings.variables(), **places}


def configure(settings: Settings) -> None:
    """Write its configuration unless it is there, and remove the socket of a process before."""
    (directory(settings) / SOCKET).unlink(missing_ok=True)
    (settings.home / "platform" / "log").mkdir(parents=True, exist_ok=True)
    if not is_configured(settings):
        write_atomically(directory(settings) / CONFIGURATION, configuration(settings), private=True)


def is_configured(settings: Settings) -> bool:
    """Whether its configuration has the services that there are now."""
    file = directory(settings) / CONFIGURATION
    return file.is_file() and file.read_text() == configuration(settings)


def configuration(settings: Settings) -> str:
    own = ["nodaemon=true", "silent=true", "nocleanup=true", "umask=077", "minfds=256", "minprocs=1"]
    own += [f"logfile=../log/{NAME}.log", "logfile_maxbytes=0", "pidfile=supervisord.pid"]
    own += ["user=root"] if os.geteuid() == 0 else []
    factory = "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface"
    sections = {
        "supervisord": own,
        "unix_http_server": [f"file=/proc/self/cwd/{SOCKET}", "chmod=0600"],
        "rpcinterface:supervisor": [factory],
    }
    programs = {f"program:{name}": _program(declared, name, settings) for declared, name in held(settings)}
    return "\n".join("\n".join([f"[{name}]", *lines, ""]) for name, lines in (sections | programs).items())


def held(settings: Settings) -> list[tuple[Declaration, str]]:
    """Every service of this host, whether or not it is there now: a holder waits until its service is started."""
    return [(d, instance.name) for d in TOPOLOGY if not d.ends for instance in instances_of(d, settings)]


def _program(declared: Declaration, name: str, settings: Settings) -> list[str]:
    drop = sorted(secrets.carried_names(settings) - secrets.needed_to_start(declared.name, declared.secrets))
    life = declared.silence if declared.health.startswith("file:") else 0
    holder = f'exec "$HOLDER_PYTHON" -I -S "$HOLDER_PROGRAM" "$HOLDER_DIRECTORY" {name} {life:.0f} >/dev/null 2>&1'
    unset = f"unset {' '.join(drop)} && " if drop else ""
    return [
        f"command=/bin/sh -c '{unset}{holder}'",
        "autorestart=true",
        f"startsecs={START_SECONDS}",
        f"startretries={RETRIES}",
        "stopwaitsecs=5",
        "stdout_logfile=NONE",
        "stderr_logfile=NONE",
    ]


# -- asking it
def answers(settings: Settings) -> bool:
    try:
        return bool(programs(settings))
    except ServiceError:
        return False


def programs(settings: Settings) -> list[Program]:
    """Raises ServiceError when it does not answer within 5 s."""
    with _server(settings) as server:
        rows = cast(list[dict[str, Any]], server.supervisor.getAllProcessInfo())
    return [Program(str(row["name"]), str(row["statename"]), int(row["pid"])) for row in rows]


def start_program(settings: Settings, name: str) -> None:
    """Let it try again now. Raises ServiceError when it does not answer, or refuses."""
    with _server(settings) as server:
        server.supervisor.startProcess(name, False)


@contextmanager
def _server(settings: Settings) -> Iterator[ServerProxy]:
    try:
        with _Socket(directory(settings)) as transport, ServerProxy("http://localhost", transport=transport) as server:
            yield server
    except (OSError, Error, http.client.HTTPException) as error:
        raise ServiceError(f"supervisord did not answer: {type(error).__name__}: {error}") from error


class _Socket(Transport):
    """XML-RPC over the socket file in a directory, however long its path is."""

    def __init__(self, place: Path) -> None:
        super().__init__()
        self._place = os.open(place, os.O_PATH | os.O_DIRECTORY)

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("localhost")
        self._connection = (host, connection)  # closed with this transport, also when nobody listens
        connection.sock = socket.socket(socket.AF_UNIX)
        self._connection = (host, connection)  # closed with this transport
        connection.sock.settimeout(ASK_SECONDS)
        connection.sock.connect(f"/proc/self/fd/{self._place}/{SOCKET}")
        return connection

    def __enter__(self) -> "_Socket":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        os.close(self._place)
