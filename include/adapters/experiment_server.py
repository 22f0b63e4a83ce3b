"""How to start the MLflow tracking server of the embedded platform."""

import sys

from include.settings import Settings


def mlflow_server(settings: Settings) -> tuple[list[str], dict[str, str]]:
    """Command and additional environment: SQLite and served artifacts below ``<home>/mlflow``, one worker, loopback.

    ``mlflow server`` only sets these variables and starts the same uvicorn as a child; without it one process
    of about 260 MB stays away. ``/health`` answers before the database is there: the first real request
    creates it and takes some seconds.
    """
    home = settings.home / "mlflow"
    home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "uvicorn", "mlflow.server.fastapi_app:app", "--workers", "1", "--no-access-log"]
    address = ["--host", settings.host, "--port", str(settings.mlflow_port)]
    return [*command, *address], {
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{home / 'mlflow.db'}",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(home / "artifacts"),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
    }
