"""What the platform consists of, as data. The embedded supervisor reads it; images and charts are made from the same.

Texts in braces name settings: ``{s.mlflow_url}`` is ``Settings.mlflow_url``.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from include.gateway import clients
from include.settings import SECRETS, Settings

Condition = Literal["always", "without_own_redis", "with_gateway_client"]


@dataclass(frozen=True)
class Declaration:
    """One service. It starts after the services in ``after`` are ready.

    ``health`` is a URL whose scheme says how readiness shows. ``http``: GET succeeds and the answer contains each text
    of ``expects``, and a heartbeat of the Airflow component ``beat`` that is newer than the process; ``redis``: PING is
    answered; ``file``: the file exists; ``rpc``: supervisord tells its programs; ``exit``: the process ends without an
    error, before those that come after it start. ``address`` is where people find the service, unless that is
    ``health``. ``ports`` are settings. ``program`` is a module of ours; the adapter of another server has its command.
    ``secrets`` are names of ``include.platform.secrets``: no other key is in the environment of the process. ``memory``
    is MiB to expect under the load of the demo, ``seconds`` the longest start without a sign of progress, ``silence``
    the longest time in seconds for which it may answer nothing before the keeper kills it, ``replicas`` the setting of
    further instances. ``own_log``: it writes its log file itself. ``workers_finish``: what it started works on
    after its death, and ends by itself.
    """

    name: str
    health: str
    memory: int
    ports: tuple[str, ...] = ()
    address: str = ""
    expects: tuple[str, ...] = ()
    beat: str = ""
    program: str = ""
    after: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    when: Condition = "always"
    replicas: str = ""
    seconds: float = 90.0
    silence: float = 20.0
    own_log: bool = False
    workers_finish: bool = False

    @property
    def ends(self) -> bool:
        """Whether it is done when it has ended."""
        return self.health.startswith("exit:")


TOPOLOGY = (
    Declaration(name="redis", health="{s.redis_address}", memory=20, ports=("redis_port",), when="without_own_redis"),
    Declaration(  # /health answers before the database is there
        name="mlflow",
        health="{s.mlflow_url}/api/2.0/mlflow/experiments/get?experiment_id=0",
        address="{s.mlflow_url}",
        memory=300,
        ports=("mlflow_port",),
        secrets=("mlflow_password", "mlflow_admin", "mlflow_flask"),
    ),
    Declaration(
        name="triton",
        health="http://{s.triton_http}/v2/health/ready",
        address="grpc {s.triton_grpc}",
        memory=250,
        ports=("triton_http_port", "triton_grpc_port", "triton_metrics_port"),
        after=("redis",),
        secrets=("pseudonym_keys",),
        replicas="gateway_servers",
    ),
    Declaration(
        name="exporter",
        program="include.processes.exporter",
        health="http://{s.host}:{s.exporter_port}/metrics",
        memory=150,
        ports=("exporter_port",),
    ),
    Declaration(
        name="consumer",
        program="include.processes.consumer",
        health="http://{s.host}:{s.stream_port}/metrics",
        memory=400,
        ports=("stream_port",),
        after=("redis", "triton"),
    ),
    Declaration(
        name="facade",
        program="include.processes.facade",
        health="http://127.0.0.1:{s.facade_port}/healthz",
        memory=60,
        ports=("facade_port",),
        when="with_gateway_client",
    ),
    Declaration(
        name="gateway",
        health="http://{s.host}:{s.gateway_metrics_port}/metrics",
        expects=('haproxy_server_status{proxy="rest",server="facade",state="UP"} 1',),
        address="https://{s.gateway_host}:{s.gateway_port}",
        memory=40,
        ports=("gateway_port", "gateway_metrics_port", "gateway_inner_port"),
        after=("triton", "facade"),
        when="with_gateway_client",
    ),
    Declaration(
        name="prometheus",
        health="{s.prometheus_url}/-/ready",
        address="{s.prometheus_url}",
        memory=100,
        ports=("prometheus_port",),
        after=("triton", "exporter", "consumer"),
    ),
    Declaration(
        name="airflow-db",
        health="exit:0",
        address="makes or migrates Airflow's database",
        memory=300,
    ),
    Declaration(
        name="airflow-api",
        health="{s.airflow_url}/api/v2/monitor/health",
        expects=('"metadatabase":{"status":"healthy"',),
        address="{s.airflow_url}",
        memory=450,
        ports=("airflow_port",),
        after=("airflow-db",),
        secrets=("airflow_jwt", "airflow_api", "mlflow_password"),
        seconds=180.0,
        silence=30.0,
    ),
    Declaration(
        name="airflow-scheduler",
        health="{s.airflow_url}/api/v2/monitor/health",
        beat="scheduler",
        address="runs the tasks",
        memory=1200,
        after=("redis", "mlflow", "triton", "prometheus", "airflow-db"),
        secrets=(*SECRETS, "airflow_jwt", "sources"),
        seconds=180.0,
        silence=60.0,
        workers_finish=True,
    ),
    Declaration(
        name="airflow-dag-processor",
        health="{s.airflow_url}/api/v2/monitor/health",
        beat="dag_processor",
        address="reads the DAGs",
        memory=250,
        after=("airflow-db",),
        seconds=180.0,
        silence=120.0,
    ),
    Declaration(
        name="airflow-triggerer",
        health="{s.airflow_url}/api/v2/monitor/health",
        beat="triggerer",
        address="waits for alerts and answers",
        memory=350,
        after=("prometheus", "airflow-db"),
        seconds=180.0,
        silence=60.0,
    ),
    Declaration(
        name="keeper",
        program="include.processes.keeper",
        health="file://{s.home}/platform/keeper",
        address="looks after all of these",
        memory=150,
        after=("triton",),
        secrets=("pseudonym_keys",),
        silence=15.0,
    ),
    Declaration(  # with a holder of 5 MiB for each service
        name="supervisord",
        health="rpc://{s.home}/platform/run/supervisor.sock",
        address="starts again what dies",
        memory=100,
        after=("keeper",),
        secrets=("given",),
        own_log=True,
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
        return (self.declared.address or self.declared.health).format(s=self.settings)

    @property
    def ports(self) -> dict[str, int]:
        """Setting → port."""
        return {setting: getattr(self.settings, setting) for setting in self.declared.ports}

    @property
    def health(self) -> str:
        return self.declared.health.format(s=self.settings)

    @property
    def sign_file(self) -> Path | None:
        """The file whose existence is its health; not read as a URL, in which ``#`` of a path would end it."""
        scheme, _, path = self.health.partition("://")
        return Path(path) if scheme == "file" else None


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


def server_name(replica: str) -> str:
    """The other way round: what the gateway calls the server of this process."""
    _, _, server = replica.partition("-")
    return server or "embedded"


def model_processes(server: str, model: str) -> str:
    """What the processes of a model on a server are called where events of processes are told."""
    return f"{server}/{model}"


def keeper_file(settings: Settings) -> Path:
    """What the keeper writes after every round."""
    (keeper,) = instances_of("keeper", settings)
    return Path(keeper.health.removeprefix("file://"))


def _present(declared: Declaration, settings: Settings) -> bool:
    holds = {
        "always": True,
        "without_own_redis": not settings.redis_url,
        "with_gateway_client": clients.present(settings.gateway_clients),
    }
    return holds[declared.when]
