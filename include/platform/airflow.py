"""How the four services of the embedded Airflow are started, and how its database is made."""

import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from include.formats import state_file
from include.formats.sqlite_files import sqlite_url
from include.process_environment import inherited_environment
from include.settings import ROOT, Settings

AIRFLOW = str(Path(sys.executable).parent / "airflow")
COMMANDS = {
    "airflow-db": [AIRFLOW, "db", "migrate"],
    "airflow-api": [AIRFLOW, "api-server"],
    "airflow-scheduler": [AIRFLOW, "scheduler", "--skip-serve-logs"],
    "airflow-dag-processor": [sys.executable, "-m", "include.orchestration.dag_processor"],
    "airflow-triggerer": [AIRFLOW, "triggerer", "--skip-serve-logs"],
}
"""Airflow's log servers listen on all addresses, so they stay away: ``include.orchestration.task_logs`` reads files."""

PATIENCE = {
    # A task asks an API server that is away again for about three minutes, and one that hangs for longer. Airflow's
    # default gives up after some 15 s; the task that could not say how it ended would be run again after five minutes.
    "WORKERS__EXECUTION_API_RETRIES": "60",
    "WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "5",
    "WORKERS__EXECUTION_API_TIMEOUT": "20",
    "EXECUTION_API__JWT_EXPIRATION_TIME": "3600",  # it is renewed in its last fifth: not to expire meanwhile
    # A lost task is noticed by the executor; this is for a supervisor that hangs, or has no API server for so long.
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "900",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
}
"""How long a task bears it that another process of Airflow is restarted."""


def command(name: str, settings: Settings) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment, without secrets, of one service of Airflow."""
    return COMMANDS[name], environment(settings)


def environment(settings: Settings) -> dict[str, str]:
    """The environment of every Airflow process but its secrets; also what ``airflow`` needs on the command line."""
    airflow = {
        "CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__AUTH_MANAGER": "include.orchestration.auth.MoebiusAuthManager",
        "CORE__EXECUTOR": "include.orchestration.executor.WarmLocalExecutor",
        "CORE__PARALLELISM": str(settings.parallelism),
        "CORE__EXECUTION_API_SERVER_URL": f"{settings.airflow_url}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": _users(settings),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_password_file(settings)),
        "CORE__FERNET_KEY": "",
        "API__INSTANCE_NAME": settings.title,
        "API__PORT": str(settings.airflow_port),
        "API__HOST": settings.host,
        "API__BASE_URL": settings.airflow_url,
        "API__WORKERS": "1",
        "DATABASE__SQL_ALCHEMY_CONN": sqlite_url(settings.airflow_home / "airflow.db"),
        "DATABASE__SQL_ALCHEMY_CONNECT_ARGS": "include.orchestration.database.CONNECT_ARGS",
        "DATABASE__SQL_ALCHEMY_CONNECT_ARGS_ASYNC": "include.orchestration.database.CONNECT_ARGS",
        "LOGGING__BASE_LOG_FOLDER": str(settings.airflow_home / "logs"),
        "LOGGING__LOGGING_CONFIG_CLASS": "include.orchestration.task_logs.CONFIG",
        "LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
        "LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        **PATIENCE,
        "USAGE_DATA_COLLECTION__ENABLED": "False",
        "TRIGGERER__DEFAULT_CAPACITY": "100",
    }
    inherited = inherited_environment()
    return {
        **inherited,
        **{f"AIRFLOW__{key}": value for key, value in (airflow | _lineage(settings, inherited)).items()},
        "AIRFLOW_HOME": str(settings.airflow_home),
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{inherited.get('PATH', '')}",
        **settings.variables(),
        "NO_PROXY": "*",
        "OMP_WAIT_POLICY": "PASSIVE",  # threads of a fit that wait must not spin: the cores are shared
    }


def _users(settings: Settings) -> str:
    roles = {**settings.airflow_users, settings.airflow_user: "admin"}
    return ",".join(f"{user}:{role}" for user, role in roles.items())


def _lineage(settings: Settings, inherited: Mapping[str, str]) -> dict[str, str]:
    """OpenLineage by Airflow's provider; a transport that the operator configured with Airflow's own means stays."""
    options = {
        "OPENLINEAGE__NAMESPACE": f"moebius.{settings.environment}",
        "OPENLINEAGE__EXTRACTORS": "include.orchestration.lineage.FlowExtractor",
        "OPENLINEAGE__EXECUTE_IN_THREAD": "True",  # a fork of the task costs more than the event
        "OPENLINEAGE__EXECUTION_TIMEOUT": "5",
    }
    if any(f"AIRFLOW__OPENLINEAGE__{name}" in inherited for name in ("TRANSPORT", "CONFIG_PATH", "CONFIG_CONN_ID")):
        return options
    transports = _transports(settings)
    if not transports:
        return {"OPENLINEAGE__DISABLED": "True"}
    return {**options, "OPENLINEAGE__TRANSPORT": json.dumps({"type": "composite", "transports": transports})}


def _transports(settings: Settings) -> dict[str, dict[str, Any]]:
    transports: dict[str, dict[str, Any]] = {}
    if settings.lineage_file:
        kind = "include.orchestration.lineage_file.LineageFile"
        transports["file"] = {"type": kind, "directory": str(settings.lineage)}
    if settings.lineage_url:
        transports["http"] = {"type": "http", "url": settings.lineage_url, "timeout": 2.0, "retry": {"total": 1}}
    return transports


def _password_file(settings: Settings) -> Path:
    return settings.airflow_home / "passwords.json"


def logins(settings: Settings) -> dict[str, str]:
    """Login → password of this state root, for its owner; those that were not made yet are left out."""
    file = _password_file(settings)
    return json.loads(state_file.read_plain(file)) if state_file.exists(file) else {}


def write_password(settings: Settings) -> None:
    """Every login of the settings: the administrator's password is a setting, each other is made once, at random."""
    known = logins(settings)
    made = {user: known.get(user) or secrets.token_urlsafe(12) for user in settings.airflow_users}
    content = {**known, **made, settings.airflow_user: settings.airflow_password.get_secret_value()}
    state_file.write(_password_file(settings), json.dumps(content), private=True, plain=True)
