"""How each service of the platform but Airflow is started; an adapter knows its own server."""

import sys
from pathlib import Path

import httpx

from include.adapters import haproxy, metrics_server, model_server, redis_server
from include.adapters.experiment_server import mlflow_server
from include.commands import gateway
from include.operations import alerts
from include.platform.supervisor import Service
from include.settings import ROOT, Settings, inherited_environment
from include.specification.loader import load_usecase, usecase_names


def mlflow_service(settings: Settings) -> Service:
    argv, env = mlflow_server(settings)
    return Service(
        name="mlflow",
        argv=argv,
        env={**inherited_environment(), **env},
        ports={"mlflow_port": settings.mlflow_port},
        ready=lambda: _answers(f"{settings.mlflow_url}/api/2.0/mlflow/experiments/get?experiment_id=0"),
        address=settings.mlflow_url,
        cwd=ROOT,
    )


def replica_services(settings: Settings) -> list[Service]:
    """The other Triton servers of this host, on the same releases; they load what is deployed when they start."""
    return [triton_service(own, name) for name, own in replicas(settings)]


def replicas(settings: Settings) -> list[tuple[str, Settings]]:
    """Service name and settings of each server of the gateway, besides the embedded one, that runs on this host."""
    here = [one for one in settings.gateway_servers if one.host == settings.host]
    return [(gateway.service_of(one.name), settings.replica(one)) for one in here]


def triton_service(settings: Settings, name: str = "triton") -> Service:
    argv, env = model_server.command(settings)
    return Service(
        name=name,
        argv=argv,
        env=env,
        ports={
            "triton_http_port": settings.triton_http_port,
            "triton_grpc_port": settings.triton_grpc_port,
            "triton_metrics_port": settings.triton_metrics_port,
        },
        ready=lambda: _answers(f"http://{settings.triton_http}/v2/health/ready"),
        address=f"grpc {settings.triton_grpc}",
        prepare=lambda: model_server.clear_shared_memory(settings),
    )


def redis_service(settings: Settings) -> Service:
    return Service(
        name="redis",
        argv=redis_server.command(settings),
        env=inherited_environment(),
        ports={"redis_port": settings.redis_port},
        ready=lambda: redis_server.ready(settings),
        address=settings.redis_address,
        prepare=lambda: redis_server.directory(settings).mkdir(parents=True, exist_ok=True),
    )


def exporter_service(settings: Settings) -> Service:
    return Service(
        name="exporter",
        argv=[sys.executable, "-m", "include.processes.exporter"],
        env={**inherited_environment(), "PYTHONPATH": str(ROOT), **settings.variables()},
        ports={"exporter_port": settings.exporter_port},
        ready=lambda: _answers(f"http://{settings.host}:{settings.exporter_port}/metrics"),
        address=f"http://{settings.host}:{settings.exporter_port}/metrics",
        cwd=ROOT,
    )


def consumer_service(settings: Settings) -> Service:
    address = f"http://{settings.host}:{settings.stream_port}/metrics"
    return Service(
        name="consumer",
        argv=[sys.executable, "-m", "include.processes.consumer"],
        env={**inherited_environment(), "PYTHONPATH": str(ROOT), **settings.variables()},
        ports={"stream_port": settings.stream_port},
        ready=lambda: _answers(address),
        address=address,
        cwd=ROOT,
    )


def keeper_file(settings: Settings) -> Path:
    """What the keeper writes after every round."""
    return settings.home / "platform" / "keeper"


def keeper_service(settings: Settings) -> Service:
    alive = keeper_file(settings)
    return Service(
        name="keeper",
        argv=[sys.executable, "-m", "include.processes.keeper"],
        env={**inherited_environment(), "PYTHONPATH": str(ROOT), **settings.variables(), **settings.secrets()},
        ports={},
        ready=alive.is_file,
        address="looks after triton",
        cwd=ROOT,
        prepare=lambda: alive.unlink(missing_ok=True),
    )


def facade_service(settings: Settings) -> Service:
    address = f"http://127.0.0.1:{settings.facade_port}"
    return Service(
        name="facade",
        argv=[sys.executable, "-m", "include.processes.facade"],
        env={**inherited_environment(), "PYTHONPATH": str(ROOT), **settings.variables()},
        ports={"facade_port": settings.facade_port},
        ready=lambda: _answers(f"{address}/healthz"),
        address=address,
        cwd=ROOT,
    )


def gateway_service(settings: Settings) -> Service:
    return Service(
        name="gateway",
        argv=haproxy.command(settings),
        env=inherited_environment(),
        ports={
            "gateway_port": settings.gateway_port,
            "gateway_metrics_port": settings.gateway_metrics_port,
            "gateway_inner_port": settings.gateway_inner_port,
        },
        ready=lambda: haproxy.ready(settings),
        address=f"https://{settings.gateway_host}:{settings.gateway_port}",
        prepare=lambda: gateway.configure(settings),
    )


def prometheus_service(settings: Settings) -> Service:
    rules = alerts.rules_text(load_usecase(name) for name in usecase_names())
    return Service(
        name="prometheus",
        argv=metrics_server.command(settings),
        env=inherited_environment(),
        ports={"prometheus_port": settings.prometheus_port},
        ready=lambda: metrics_server.ready(settings),
        address=settings.prometheus_url,
        prepare=lambda: _configure(settings, rules),
    )


def _configure(settings: Settings, rules: str) -> None:
    metrics_server.configure(settings, rules)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
