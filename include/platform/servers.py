"""How a declared service becomes a process of this machine; an adapter knows the command of its own server."""

import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from include.adapters import experiment_server, haproxy, metrics_server, model_server, redis_server
from include.adapters.experiment_server import mlflow_server
from include.errors import NotFoundError
from include.formats import certificates
from include.gateway import clients
from include.platform import airflow, databases, gateway, secrets, supervisord
from include.platform.supervisor import Service, Supervisor
from include.platform.topology import TOPOLOGY, Declaration, Instance, instances_of
from include.process_environment import inherited_environment
from include.settings import ROOT, Settings
from include.specification.loader import usecases

Command = tuple[list[str], dict[str, str]]
"""Arguments, and the environment or what is added to it."""

COMMANDS: dict[str, Callable[[Settings], Command]] = {
    "redis": lambda settings: (redis_server.command(settings), inherited_environment()),
    "mlflow": lambda settings: _added_to_inherited(*mlflow_server(settings)),
    "triton": model_server.command,
    "gateway": lambda settings: (haproxy.command(settings), inherited_environment()),
    "prometheus": lambda settings: (metrics_server.command(settings), inherited_environment()),
    "supervisord": supervisord.command,
    **{name: partial(airflow.command, name) for name in airflow.COMMANDS},
}
LOGINS: dict[str, Callable[[Settings], tuple[str, str]]] = {
    "mlflow": lambda settings: (settings.mlflow_user, settings.mlflow_password_text()),
}
"""Who asks a service about its health, where it wants to know."""


def _configure_prometheus(settings: Settings) -> None:
    from include.operations.alerts import alerts  # with SciPy: what dies is started again without it

    rules = alerts.rules_text(usecases(), settings.pages_url)
    metrics_server.configure(settings, rules, gateway=clients.present(settings.gateway_clients))


PREPARATIONS: dict[str, Callable[[Settings], object]] = {
    "mlflow": lambda settings: databases.require_of(settings, "mlflow"),
    "airflow-db": lambda settings: databases.require_of(settings, "airflow-api"),
    "redis": lambda settings: redis_server.directory(settings).mkdir(parents=True, exist_ok=True),
    "triton": model_server.clear_shared_memory,
    "gateway": gateway.configure,
    "prometheus": _configure_prometheus,
    "airflow-api": airflow.write_password,
    "supervisord": supervisord.configure,
}
DIRECTORIES: dict[str, Callable[[Settings], Path]] = {
    "mlflow": experiment_server.directory,
    "prometheus": metrics_server.directory,
    "triton": model_server.directory,
    supervisord.NAME: supervisord.directory,
}
"""Where a server starts that reads its files by relative names: those of a state root are its operator's choice."""


def service(instance: Instance) -> Service:
    """Raises ServiceError when the server's own environment is not there."""
    declared, settings = instance.declared, instance.settings
    argv, plain = _program(declared.program, settings) if declared.program else COMMANDS[declared.name](settings)
    env = {**secrets.without(plain), **secrets.environment(settings, declared.secrets)}
    return Service(
        name=instance.name,
        argv=argv,
        env=env,
        ports=instance.ports,
        ready=None if declared.ends else lambda: healthy(instance),
        address=instance.address,
        timeout=declared.seconds,
        cwd=DIRECTORIES.get(declared.name, lambda _: ROOT)(settings),
        watched=_watched(instance.declared, env),
        prepare=lambda: _prepare(instance),
        own_log=declared.own_log,
        workers_finish=declared.workers_finish,
    )


def called(name: str, settings: Settings) -> Service:
    """The service with this name, whether or not its condition holds now. Raises NotFoundError."""
    known = {one.name: one for declared in TOPOLOGY for one in instances_of(declared, settings)}
    if name not in known:
        raise NotFoundError(f"no service {name}; there are {sorted(known)}")
    return service(known[name])


def _watched(declared: Declaration, env: Mapping[str, str]) -> list[str]:
    """The variables that it reads."""
    of_settings = declared.program or declared.name in (*airflow.COMMANDS, supervisord.NAME)
    prefixes = ("MOEBIUS_", "AIRFLOW__") if of_settings else ()
    sources = secrets.of_sources(env)
    return [name for name in env if name.startswith(prefixes) or name in sources]


def _program(module: str, settings: Settings) -> Command:
    """A program of ours."""
    return _added_to_inherited([sys.executable, "-m", module], {"PYTHONPATH": str(ROOT), **settings.variables()})


def _added_to_inherited(argv: list[str], env: dict[str, str]) -> Command:
    return argv, {**inherited_environment(), **env}


def _prepare(instance: Instance) -> None:
    if instance.sign_file:  # of a process before
        instance.sign_file.unlink(missing_ok=True)
    if prepare := PREPARATIONS.get(instance.declared.name):
        prepare(instance.settings)


def healthy(instance: Instance) -> bool:
    """Whether it is ready, as its declaration says."""
    url = urlsplit(instance.health)
    if instance.sign_file:
        return instance.sign_file.is_file()
    if url.scheme == "rpc":
        return supervisord.answers(instance.settings)
    if url.scheme == "redis":
        return redis_server.ready(instance.health)
    login = LOGINS.get(instance.declared.name, lambda settings: None)
    try:
        answer = httpx.get(
            instance.health, timeout=5, trust_env=False, auth=login(instance.settings),
            verify=certificates.needed(instance.health),
        )  # fmt: skip
    except httpx.HTTPError:
        return False
    expected = answer.is_success and all(text in answer.text for text in instance.declared.expects)
    return expected and (not instance.declared.beat or _beats(instance, answer.json()[instance.declared.beat]))


def _beats(instance: Instance, health: dict[str, Any]) -> bool:
    """Whether this component of Airflow is healthy, and by a heartbeat of the process that runs now."""
    process = Supervisor(instance.settings.home / "platform", instance.settings.host).process(instance.name)
    beat = health.get(f"latest_{instance.declared.beat}_heartbeat")
    if process is None or beat is None or health["status"] != "healthy":
        return False
    return datetime.fromisoformat(beat).timestamp() > process.create_time()
