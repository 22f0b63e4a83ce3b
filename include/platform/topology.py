"""What the platform consists of, as data. The embedded supervisor reads it; images and charts are made from the same.

Texts in braces name settings: ``{s.mlflow_url}`` is ``Settings.mlflow_url``.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from include.settings import SECRETS, Settings

Condition = Literal["always", "without_own_redis", "with_gateway_client"]


@dataclass(frozen=True)
class Health:
    """How a service shows that it is ready.

    ``http``: GET ``target`` succeeds, the answer has ``text`` in it, and each of ``parts`` of its JSON has the status
    "healthy". ``redis``: the server at ``target`` answers PING. ``file``: ``target`` exists.
    """

    kind: Literal["http", "redis", "file"]
    target: str
    text: str = ""
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Declaration:
    """One service. It starts after the services in ``after`` are ready.

    ``ports`` are settings. ``program`` is the module of a program of ours; the adapter of another server knows its
    command. ``memory`` is MiB to expect under the load of the demo, ``seconds`` the longest start. ``replicas`` is the
    setting that lists further instances.
    """

    name: str
    health: Health
    address: str
    memory: int
    ports: tuple[str, ...] = ()
    program: str = ""
    after: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    when: Condition = "always"
    replicas: str = ""
    seconds: float = 90.0


TOPOLOGY = (
    Declaration(
        name="redis",
        ports=("redis_port",),
        health=Health("redis", "{s.redis_address}"),
        address="{s.redis_address}",
        memory=20,
        when="without_own_redis",
    ),
    Declaration(
        name="mlflow",
        ports=("mlflow_port",),
        # /health answers before the database is there
        health=Health("http", "{s.mlflow_url}/api/2.0/mlflow/experiments/get?experiment_id=0"),
        address="{s.mlflow_url}",
        memory=400,
    ),
    Declaration(
        name="triton",
        ports=("triton_http_port", "triton_grpc_port", "triton_metrics_port"),
        health=Health("http", "http://{s.triton_http}/v2/health/ready"),
        address="grpc {s.triton_grpc}",
        memory=250,
        after=("redis",),
        secrets=SECRETS,
        replicas="gateway_servers",
    ),
    Declaration(
        name="exporter",
        program="include.processes.exporter",
        ports=("exporter_port",),
        health=Health("http", "http://{s.host}:{s.exporter_port}/metrics"),
        address="http://{s.host}:{s.exporter_port}/metrics",
        memory=100,
    ),
    Declaration(
        name="consumer",
        program="include.processes.consumer",
        ports=("stream_port",),
        health=Health("http", "http://{s.host}:{s.stream_port}/metrics"),
        address="http://{s.host}:{s.stream_port}/metrics",
        memory=300,
        after=("redis", "triton"),
    ),
    Declaration(
        name="facade",
        program="include.processes.facade",
        ports=("facade_port",),
        health=Health("http", "http://127.0.0.1:{s.facade_port}/healthz"),
        address="http://127.0.0.1:{s.facade_port}",
        memory=100,
        when="with_gateway_client",
    ),
    Declaration(
        name="gateway",
        ports=("gateway_port", "gateway_metrics_port", "gateway_inner_port"),
        health=Health(
            "http",
            "http://{s.host}:{s.gateway_metrics_port}/metrics",
            text='haproxy_server_status{proxy="rest",server="facade",state="UP"} 1',
        ),
        address="https://{s.gateway_host}:{s.gateway_port}",
        memory=40,
        after=("triton", "facade"),
        when="with_gateway_client",
    ),
    Declaration(
        name="prometheus",
        ports=("prometheus_port",),
        health=Health("http", "{s.prometheus_url}/-/ready"),
        address="{s.prometheus_url}",
        memory=100,
        after=("triton", "exporter", "consumer"),
    ),
    Declaration(
        name="airflow",
        ports=("airflow_port", "airflow_log_port", "airflow_trigger_log_port"),
        health=Health(
            "http",
            "{s.airflow_url}/api/v2/monitor/health",
            parts=("metadatabase", "scheduler", "dag_processor", "triggerer"),
        ),
        address="{s.airflow_url}",
        memory=1500,
        after=("redis", "mlflow", "triton", "prometheus"),
        secrets=SECRETS,
        seconds=180.0,
    ),
    Declaration(
        name="keeper",
        program="include.processes.keeper",
        health=Health("file", "{s.home}/platform/keeper"),
        address="looks after triton",
        memory=100,
        after=("triton",),
        secrets=SECRETS,
    ),
)
"""In the order in which they start."""


class Instance(NamedTuple):
    """A declared service as one process. ``settings`` hold its own ports; ``name`` is what ``moebius status`` shows."""

    name: str
    declared: Declaration
    settings: Settings

    @property
    def address(self) -> str:
        return self.declared.address.format(s=self.settings)

    @property
    def ports(self) -> dict[str, int]:
        """Setting → port."""
        return {setting: getattr(self.settings, setting) for setting in self.declared.ports}

    @property
    def health_target(self) -> str:
        return self.declared.health.target.format(s=self.settings)


def instances(settings: Settings) -> list[Instance]:
    """Everything that belongs to the platform with these settings, in the order in which it starts."""
    return [one for declared in TOPOLOGY if _present(declared, settings) for one in instances_of(declared, settings)]


def instances_of(declared: Declaration | str, settings: Settings) -> list[Instance]:
    """The service and its replicas on this host, whether or not its condition holds now."""
    if isinstance(declared, str):
        declared = next(one for one in TOPOLOGY if one.name == declared)
    replicas = getattr(settings, declared.replicas) if declared.replicas else ()
    here = [server for server in replicas if server.host == settings.host]
    others = [Instance(replica_name(declared.name, s.name), declared, settings.replica(s)) for s in here]
    return [Instance(declared.name, declared, settings), *others]


def replica_name(declared: str, server: str) -> str:
    """The name of the process of a server behind the gateway; the first one is called ``embedded`` there."""
    return declared if server == "embedded" else f"{declared}-{server}"


def keeper_file(settings: Settings) -> Path:
    """What the keeper writes after every round."""
    (keeper,) = instances_of("keeper", settings)
    return Path(keeper.health_target)


def _present(declared: Declaration, settings: Settings) -> bool:
    holds = {
        "always": True,
        "without_own_redis": not settings.redis_url,
        "with_gateway_client": settings.gateway_clients.is_file(),
    }
    return holds[declared.when]
