"""The ways in which a client asks: the only model server itself, and the gateway by gRPC and by REST."""

import json
import ssl
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import httpx

from include.errors import ServiceError
from tests.integration.gateway_fixtures import RETRY

TIMEOUT = 10.0
RECONNECT = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]
"""A client that waits longer before it connects again would measure its own patience."""
SERVER, GATEWAY = "server", "gateway"


class Request(NamedTuple):
    """One row as each protocol has it."""

    tensors: list[Any]
    body: dict[str, Any]


class Answer(NamedTuple):
    probability: float
    request_id: str


class Door(Protocol):
    """Used from one event loop. ``name``: whose costs these are."""

    name: str

    async def ask(self, request: Request) -> Answer:
        """Raises ServiceError with the words of whoever failed it."""

    async def close(self) -> None: ...


@dataclass
class GrpcDoor:
    """``certificate`` and ``key`` are for the gateway, which is asked again as docs/guides/gateway.md has it."""

    name: str
    address: str
    model: str
    certificate: str = ""
    key: str = ""
    _client: Any = field(init=False)

    def __post_init__(self) -> None:
        from tritonclient.grpc.aio import InferenceServerClient

        more = {"ssl": True, "root_certificates": self.certificate} if self.certificate else {}
        again = [("grpc.service_config", json.dumps(RETRY))] if self.certificate else []
        self._client = InferenceServerClient(self.address, channel_args=[*again, *RECONNECT], **more)

    async def ask(self, request: Request) -> Answer:
        from tritonclient.utils import InferenceServerException

        headers = {"x-api-key": self.key} if self.key else {}
        try:
            answer = await self._client.infer(self.model, request.tensors, client_timeout=TIMEOUT, headers=headers)
        except InferenceServerException as error:
            raise ServiceError(f"gRPC {error.status()}: {error.message()}") from error
        return Answer(
            float(answer.as_numpy("probability").reshape(-1)[0]), answer.as_numpy("request_id").reshape(-1)[0].decode()
        )

    async def close(self) -> None:
        await self._client.close()


@dataclass
class RestDoor:
    name: str
    url: str
    certificate: str
    key: str
    _client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        trusted = ssl.create_default_context(cafile=self.certificate)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)  # none waits for another's connection
        self._client = httpx.AsyncClient(verify=trusted, trust_env=False, timeout=TIMEOUT, limits=limits)

    async def ask(self, request: Request) -> Answer:
        try:
            answer = await self._client.post(self.url, json=request.body, headers={"x-api-key": self.key})
            answer.raise_for_status()
        except httpx.HTTPStatusError as error:
            raise ServiceError(f"REST {error.response.status_code}: {error.response.text}") from error
        except httpx.HTTPError as error:
            raise ServiceError(f"REST {type(error).__name__}: {error}") from error
        outputs = {output["name"]: output["data"][0] for output in answer.json()["outputs"]}
        return Answer(float(outputs["probability"]), str(outputs["request_id"]))

    async def close(self) -> None:
        await self._client.aclose()
