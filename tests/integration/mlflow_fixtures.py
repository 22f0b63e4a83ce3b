"""A real MLflow server for all files of one worker: starting one takes seconds, and emptying it a moment."""

import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from include.adapters.experiment_server import mlflow_server
from include.formats import certificates
from include.platform import secrets
from include.settings import Settings
from tests.integration.ports import free_port
from tests.integration.progress import Started

PASSWORD = "of-the-tests-only"
DATABASES = ("mlflow.db", "basic_auth.db")


@contextmanager
def mlflow_running(home: Path) -> Iterator[Settings]:
    """A real MLflow server below ``home`` on a free port; stopped at the end."""
    for name in ("MOEBIUS_MLFLOW_PASSWORD", "MLFLOW_TRACKING_PASSWORD"):
        os.environ[name] = PASSWORD  # of every server and client of this test process, whatever a test before left
    settings = Settings(home=home, mlflow_port=free_port())
    command, environment = mlflow_server(settings)
    environment |= secrets.environment(settings, ["mlflow_password", "mlflow_admin", "mlflow_flask"])
    with (home / "mlflow.log").open("w") as log:
        process = subprocess.Popen(
            command,
            env=os.environ | environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=settings.home / "mlflow",
        )
    try:
        _await_answer(settings, process, home / "mlflow.log")
        yield settings
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


def _await_answer(settings: Settings, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until the database is there too, which ``/health`` does not wait for."""
    url = f"{settings.mlflow_url}/api/2.0/mlflow/experiments/get?experiment_id=0"
    login, verify = (settings.mlflow_user, PASSWORD), certificates.needed(url)
    with httpx.Client(timeout=60, auth=login, verify=verify) as client:

        def answers() -> bool:
            try:
                return client.get(url).is_success
            except httpx.TransportError:
                return False

        Started(process, log).until(answers, f"MLflow at {settings.mlflow_url} does not answer")


@pytest.fixture(scope="session")
def tracking_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Ask for ``mlflow``: what other files left is gone there."""
    with mlflow_running(tmp_path_factory.mktemp("tracking")) as settings:
        for name in DATABASES:
            _copy(settings.home / "mlflow" / name, settings.home / f"empty-{name}")
        yield settings


@contextmanager
def emptied(server: Settings) -> Iterator[Settings]:
    """The server without experiments and models, as it is new; what the block leaves is taken away."""
    try:
        yield server
    finally:
        for name in DATABASES:
            _copy(server.home / f"empty-{name}", server.home / "mlflow" / name)


def _copy(source: Path, target: Path) -> None:
    """By SQLite's own backup: whoever has the target open reads the new content from then on."""
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target, timeout=60)) as written:
        read.backup(written)


@pytest.fixture(scope="module")
def mlflow(tracking_server: Settings) -> Iterator[Settings]:
    """A real MLflow server, at first without any content."""
    with emptied(tracking_server) as settings:
        yield settings
