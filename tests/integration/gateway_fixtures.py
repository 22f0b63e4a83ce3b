"""Two real Triton servers with the same releases, the REST facade, and a real HAProxy in front of them."""

import json
import shutil
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from include.adapters import haproxy, model_server
from include.adapters.model_server import TritonServer
from include.gateway import clients
from include.platform.servers import service
from include.platform.topology import instances_of
from include.settings import GatewayServer, Settings
from include.specification.loader import usecase_names
from tests.integration.pipeline_fixtures import Serving, request_rows, requests_frame
from tests.integration.ports import free_ports

REST_TYPES = {"string": "BYTES", "float": "FP32", "timestamp": "FP64"}


RETRY = {
    "methodConfig": [
        {
            "name": [{"service": "inference.GRPCInferenceService"}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.05s",
                "maxBackoff": "1s",
                "backoffMultiplier": 4,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


class Gateway:
    """``first`` and ``second``: the servers; ``keys``: client → API key."""

    def __init__(self, home: Path, **other: object) -> None:
        names = ("gateway_port", "gateway_metrics_port", "gateway_inner_port", "facade_port")
        ports = dict(zip(names, free_ports(4), strict=True))
        http, grpc, metrics = free_ports(3)
        second = GatewayServer(name="second", host="127.0.0.1", grpc_port=grpc, http_port=http, metrics_port=metrics)
        self.first = Serving(home, **{**ports, "gateway_servers": (second,), **other})
        self.settings: Settings = self.first.settings
        self.second = Serving(home, triton_http_port=http, triton_grpc_port=grpc, triton_metrics_port=metrics)
        self.model = self.first.spec.name
        self.keys: dict[str, str] = {}
        self.supervisor = self.first.supervisor

    def client(self, name: str, **facts: Any) -> str:
        self.keys[name] = clients.add(self.settings.gateway_clients, name, facts, usecase_names())
        return self.keys[name]

    def start(self, servers: int = 2) -> None:
        self.first.fill_online_store()
        first = self.first.release(1)
        self.first.start()
        self.first.install()
        self.first.serve(first.name)
        if servers > 1:
            self.start_second()
        self.start_edge()

    def start_second(self) -> None:
        for replica in instances_of("triton", self.settings)[1:]:
            self.supervisor.start(service(replica))

    def second_process(self) -> psutil.Process:
        found = self.supervisor.process("triton-second")
        assert found
        return found

    def kill_second(self) -> None:
        """SIGKILL to the server alone."""
        leader = self.second_process()
        leader.kill()
        leader.wait(60)

    def start_edge(self) -> None:
        for instance in [*instances_of("facade", self.settings), *instances_of("gateway", self.settings)]:
            self.supervisor.start(service(instance))

    def stop(self) -> None:
        for name in ("gateway", "facade", "triton-second"):
            self.supervisor.stop(name)
        model_server.clear_shared_memory(self.second.settings)
        self.first.server.close()
        self.first.stop()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.settings.gateway_port}"

    @property
    def certificate(self) -> Path:
        return self.settings.gateway / "certificate.pem"

    def rest(self, client: str = "", **options: Any) -> httpx.Client:
        headers = {"x-api-key": self.keys[client]} if client else {}
        trusted = ssl.create_default_context(cafile=str(self.certificate))
        return httpx.Client(base_url=self.url, verify=trusted, headers=headers, trust_env=False, timeout=120, **options)

    def grpc(self) -> Any:
        """A client as docs/guides/gateway.md has it: what no server answered is asked again."""
        from tritonclient.grpc import InferenceServerClient

        address = f"127.0.0.1:{self.settings.gateway_port}"
        options = [("grpc.service_config", json.dumps(RETRY))]
        return InferenceServerClient(address, ssl=True, root_certificates=str(self.certificate), channel_args=options)

    def body(self, rows: int = 1, seed: int = 3) -> dict[str, Any]:
        """A good REST request."""
        return as_json(self.first.server, request_rows(requests_frame(rows, seed)))

    def infer_path(self) -> str:
        return f"/v2/models/{self.model}/infer"

    def log(self) -> str:
        return self.supervisor.log("gateway").read_text()


def as_json(server: TritonServer, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """These rows as KServe v2 JSON."""
    inputs = []
    for tensor in server.inputs(rows):
        kind = tensor.datatype()
        values = [_plain(row[tensor.name()]) for row in rows]
        inputs.append({"name": tensor.name(), "datatype": kind, "shape": list(tensor.shape()), "data": values})
    return {"inputs": inputs}


def _plain(value: Any) -> Any:
    return value.timestamp() if hasattr(value, "timestamp") else value


def require_haproxy() -> None:
    if not (shutil.which("haproxy") or shutil.which("haproxy", path=haproxy.ADMIN_PATHS)):
        pytest.skip("HAProxy is not installed: apt-get install haproxy")


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with the clients shop (may infer), watcher (may see), slow (one request a second), signer (tokens)."""
    require_haproxy()
    one = Gateway(tmp_path_factory.mktemp("gw"))
    try:
        one.client("shop", rate=100_000)
        one.client("watcher", roles=["metadata", "metrics"], rate=1000)
        one.client("slow", rate=1)
        one.client("other", models=[next(n for n in usecase_names() if n != one.model)])
        one.start()
        yield one
    finally:
        one.stop()
