"""A real Airflow API server with our auth manager on a migrated database, and a client per role."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from include.platform import airflow, secrets
from include.settings import Settings
from tests.integration.pipeline_fixtures import free_ports

COMMAND = [str(Path(sys.executable).parent / "airflow")]
LOGINS = {"viewer": "vera", "user": "uwe", "op": "olga", "admin": "admin"}
"""Role → the login that has it."""


def airflow_settings(home: Path, **options: Any) -> Settings:
    users = {login: role for role, login in LOGINS.items() if role != "admin"}
    return Settings(home=home, airflow_users=users, airflow_port=free_ports(1)[0], **options)


@contextmanager
def api_server(settings: Settings, *before: list[str]) -> Iterator[dict[str, httpx.Client]]:
    """Role → a client that is logged in; ``before``: arguments of ``airflow`` that are run on the new database."""
    settings.airflow_home.mkdir(parents=True)
    airflow.write_password(settings)
    for arguments in (["db", "migrate"], *before):
        subprocess.run([*COMMAND, *arguments], env=environment(settings), check=True, capture_output=True)
    with _running(settings, "api-server") as server, ExitStack() as stack:
        _await(server, settings)
        passwords = airflow.logins(settings)
        clients = {role: client(settings, login, passwords[login]) for role, login in LOGINS.items()}
        yield {role: stack.enter_context(clients[role]) for role in clients}


@contextmanager
def scheduler(settings: Settings) -> Iterator[None]:
    """The scheduler with its executor, beside the API server: runs are executed."""
    with _running(settings, "scheduler", "--skip-serve-logs"):
        yield


def environment(settings: Settings) -> dict[str, str]:
    """That of every process of Airflow, with the secrets of this state root."""
    return airflow.environment(settings) | secrets.environment(settings, ["airflow_jwt", "airflow_api"])


@contextmanager
def _running(settings: Settings, *arguments: str) -> Iterator[subprocess.Popen]:
    """A process group of Airflow, which is gone afterwards."""
    with (settings.airflow_home / f"{arguments[0]}.log").open("w") as log:
        process = subprocess.Popen(
            [*COMMAND, *arguments], env=environment(settings), stdout=log, stderr=log, start_new_session=True
        )  # fmt: skip
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _await(server: subprocess.Popen, settings: Settings, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            httpx.get(f"{settings.airflow_url}/api/v2/version").raise_for_status()
            return
        except httpx.HTTPError:
            ended = server.poll() is not None or time.monotonic() > deadline
            assert not ended, (settings.airflow_home / "api-server.log").read_text()[-3000:]
            time.sleep(0.3)


def client(settings: Settings, login: str, password: str) -> httpx.Client:
    body = {"username": login, "password": password}
    token = httpx.post(f"{settings.airflow_url}/auth/token", json=body).raise_for_status().json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=settings.airflow_url, headers=headers, timeout=60)
