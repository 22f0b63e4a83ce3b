"""A real Airflow API server with our auth manager on a migrated database, and a client per role."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from zlib import crc32

import httpx

from include.adapters.file_locks import FileLocks
from include.formats import certificates
from include.platform import airflow, secrets
from include.settings import Settings
from tests.integration.ports import free_ports
from tests.integration.progress import Started

COMMAND = [str(Path(sys.executable).parent / "airflow")]
LOGINS = {
    "viewer": "vera", "engineer": "uwe", "operator": "olga", "approver": "anna", "auditor": "aud", "admin": "admin"
}  # fmt: skip
"""Role → the login that has it."""


def airflow_settings(home: Path, **options: Any) -> Settings:
    users = {login: role for role, login in LOGINS.items() if role != "admin"}
    return Settings(home=home, airflow_users=users, airflow_port=free_ports(1)[0], **options)


class Running:
    """A process group of Airflow, which can be killed and started again."""

    def __init__(self, settings: Settings, *arguments: str) -> None:
        self.settings, self.arguments = settings, arguments
        self.log = settings.airflow_home / f"{arguments[0]}.log"
        self.process = self._started()

    def _started(self) -> subprocess.Popen:
        with self.log.open("a") as log:
            return subprocess.Popen(
                [*COMMAND, *self.arguments], env=environment(self.settings), stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """The process alone, as a crash does: what it forked lives on."""
        self.process.kill()
        self.process.wait()

    def start(self) -> None:
        """Of the API server a fork that lives on would hold the port: what starts it again ends that first."""
        if self.arguments[0] == "api-server":
            self.end()
        self.process = self._started()

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def api_server(settings: Settings, *before: list[str]) -> Iterator[dict[str, httpx.Client]]:
    """Role → a client that is logged in; ``before``: arguments of ``airflow`` that are run on the new database."""
    with mortal_api_server(settings, *before) as (_, clients):
        yield clients


@contextmanager
def mortal_api_server(settings: Settings, *before: list[str]) -> Iterator[tuple[Running, dict[str, httpx.Client]]]:
    """As ``api_server``, and the process."""
    settings.airflow_home.mkdir(parents=True)
    airflow.write_password(settings)
    _new_database(settings, *before)
    with _running(settings, "api-server") as server, ExitStack() as stack:
        await_api(server)
        passwords = airflow.logins(settings)
        clients = {role: client(settings, login, passwords[login]) for role, login in LOGINS.items()}
        yield server, {role: stack.enter_context(clients[role]) for role in clients}


def _new_database(settings: Settings, *before: list[str]) -> None:
    """Made once for all tests of this run that use the same project, and copied: Airflow takes up to 25 s of CPU."""
    base = next((one for one in settings.home.parents if one.name.startswith("popen-")), settings.home).parent
    own, made = settings.airflow_home / "airflow.db", f"airflow-{crc32(str(airflow.ROOT).encode())}"
    with FileLocks(base).hold("airflow_database", wait=900, refusal="another worker makes Airflow's database"):
        for arguments in (["db", "migrate"], *before):
            made = "-".join([made, *arguments])
            kept = base / "airflow_database" / f"{made}.db"
            if not kept.exists():
                _run(settings, arguments)
                kept.parent.mkdir(exist_ok=True)
                shutil.copyfile(own, kept)
            shutil.copyfile(kept, own)


def _run(settings: Settings, arguments: list[str]) -> None:
    subprocess.run([*COMMAND, *arguments], env=environment(settings), check=True, capture_output=True)


@contextmanager
def scheduler(settings: Settings) -> Iterator[Running]:
    """The scheduler with its executor, beside the API server: runs are executed."""
    with _running(settings, "scheduler", "--skip-serve-logs") as process:
        yield process


def environment(settings: Settings) -> dict[str, str]:
    """That of every process of Airflow, with the secrets of this state root."""
    patient = {"AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "600"}  # the first DAG file imports Airflow and our own code
    keys = secrets.environment(settings, ["airflow_jwt", "airflow_api", "approval_key"])
    return airflow.environment(settings) | keys | patient


@contextmanager
def _running(settings: Settings, *arguments: str) -> Iterator[Running]:
    process = Running(settings, *arguments)
    try:
        yield process
    finally:
        process.end()


def await_api(server: Running) -> None:
    """Until it answers."""
    url = f"{server.settings.airflow_url}/api/v2/version"

    def answers() -> bool:
        try:
            return httpx.get(url, verify=certificates.needed(url)).is_success
        except httpx.HTTPError:
            return False

    Started(server.process, server.log).until(answers, f"Airflow at {url} does not answer")


def client(settings: Settings, login: str, password: str) -> httpx.Client:
    url, verify = settings.airflow_url, certificates.needed(settings.airflow_url)
    asked = httpx.post(f"{url}/auth/token", json={"username": login, "password": password}, verify=verify, timeout=60)
    headers = {"Authorization": f"Bearer {asked.raise_for_status().json()['access_token']}"}
    return httpx.Client(base_url=url, headers=headers, timeout=60, verify=verify)
