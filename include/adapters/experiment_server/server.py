"""How to start the MLflow tracking server of the embedded platform."""

import sys
from pathlib import Path

from include.formats.atomic_file import write_atomically
from include.settings import ROOT, Settings

ADMIN = "admin"
"""The login of people who manage MLflow's users."""
LOGIN = f"""\
[mlflow]
default_permission = READ
database_uri = sqlite:///basic_auth.db
admin_username = {ADMIN}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
# one process checks every password, so what it remembers is never older than what it changed
auth_cache_ttl_seconds = 3600
"""
OF_LOGINS = ("MOEBIUS_HOME", "MOEBIUS_MLFLOW_USER", "MOEBIUS_AIRFLOW_USER", "MOEBIUS_AIRFLOW_USERS", "MOEBIUS_ACCESS")
"""Settings that say who logs in."""


def directory(settings: Settings) -> Path:
    """Where it must start: it makes the directories of a database by a name of its own, unless that is relative."""
    return settings.home / "mlflow"


def mlflow_server(settings: Settings) -> tuple[list[str], dict[str, str]]:
    """Command and additional environment: SQLite and served artifacts below ``<home>/mlflow``, one worker, loopback.

    ``mlflow server`` only sets these variables and starts the same uvicorn as a child; without it one process
    of about 260 MB stays away. ``/health`` answers before the database is there: the first real request
    creates it and takes some seconds. Everything but ``/health`` needs a login. The passwords are secrets of the
    process: ``MLFLOW_AUTH_ADMIN_PASSWORD``, ``MOEBIUS_MLFLOW_PASSWORD``, ``MLFLOW_FLASK_SERVER_SECRET_KEY``.
    """
    home = directory(settings)
    home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "uvicorn", "--factory", "include.adapters.experiment_server.app:create_app"]
    options = ["--workers", "1", "--no-access-log", "--host", settings.host, "--port", str(settings.mlflow_port)]
    return [*command, *options], {
        "PYTHONPATH": str(ROOT),
        "_MLFLOW_SGI_NAME": "uvicorn",
        "_MLFLOW_SERVER_FILE_STORE": "sqlite:///mlflow.db",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": (home / "artifacts").as_uri(),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "MLFLOW_AUTH_CONFIG_PATH": str(_login_file(home)),
        "MLFLOW_BASIC_AUTH_FAIL_CLOSED": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **{name: value for name, value in settings.variables().items() if name in OF_LOGINS},
        "GIT_PYTHON_REFRESH": "quiet",
    }


def _login_file(home: Path) -> Path:
    file = home / "basic_auth.ini"
    write_atomically(file, LOGIN, private=True)
    return file
