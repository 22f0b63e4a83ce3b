"""How a declared service becomes a process of this machine; an adapter knows the command of its own server."""

import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from include.adapters import haproxy, metrics_server, model_server, redis_server
from include.adapters.experiment_server import mlflow_server
from include.operations import alerts
from include.platform import airflow, gateway
from include.platform.supervisor import Service
from include.platform.topology import Instance
from include.settings import ROOT, Settings, inherited_environment
from include.specification.loader import usecases

Command = tuple[list[str], dict[str, str]]
"""Arguments, and the environment or what is added to it."""

COMMANDS: dict[str, Callable[[Settings], Command]] = {
    "redis": lambda settings: (redis_server.command(settings), inherited_environment()),
    "mlflow": lambda settings: _added_to_inherited(*mlflow_server(settings)),
    "triton": model_server.command,
    "gateway": lambda settings: (haproxy.command(settings), inherited_environment()),
    "prometheus": lambda settings: (metrics_server.command(settings), inherited_environment()),
    "airflow": airflow.command,
}
PREPARATIONS: dict[str, Callable[[Settings], object]] = {
    "redis": lambda settings: redis_server.directory(settings).mkdir(parents=True, exist_ok=True),
    "triton": model_server.clear_shared_memory,
    "gateway": gateway.configure,
    "prometheus": lambda settings: metrics_server.configure(settings, alerts.rules_text(usecases())),
    "airflow": airflow.write_password,
}


def service(instance: Instance) -> Service:
    """Raises ServiceError when the server's own environment is not there."""
    declared, settings = instance.declared, instance.settings
    argv, env = _program(declared.program, settings) if declared.program else COMMANDS[declared.name](settings)
    return Service(
        name=instance.name,
        argv=argv,
        env={**env, **settings.secrets(declared.secrets)},
        ports=instance.ports,
        ready=lambda: healthy(instance),
        address=instance.address,
        timeout=declared.seconds,
        cwd=ROOT,
        prepare=lambda: _prepare(instance),
    )


def _program(module: str, settings: Settings) -> Command:
    """A program of ours."""
    return _added_to_inherited([sys.executable, "-m", module], {"PYTHONPATH": str(ROOT), **settings.variables()})


def _added_to_inherited(argv: list[str], env: dict[str, str]) -> Command:
    return argv, {**inherited_environment(), **env}


def _prepare(instance: Instance) -> None:
    if instance.health.startswith("file:"):  # of a process before
        Path(urlsplit(instance.health).path).unlink(missing_ok=True)
    if prepare := PREPARATIONS.get(instance.declared.name):
        prepare(instance.settings)


def healthy(instance: Instance) -> bool:
    """Whether it is ready, as its declaration says."""
    url = urlsplit(instance.health)
    if url.scheme == "file":
        return Path(url.path).is_file()
    if url.scheme == "redis":
        return redis_server.ready(instance.health)
    try:
        answer = httpx.get(instance.health, timeout=5, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.is_success and all(text in answer.text for text in instance.declared.expects)
