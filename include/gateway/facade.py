"""REST in front of gRPC (KServe v2): one crafted JSON body stops Triton's own HTTP server, so no body is passed on.

The gateway has already checked client, role and rate; this module checks the content of a request.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from include.contracts.gateway import InferenceTensor
from include.errors import AnswerError
from include.gateway import tensors
from include.gateway.strict_json import BadRequestError, parse

STATUS = {
    "INVALID_ARGUMENT": 400,
    "OUT_OF_RANGE": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 404,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""gRPC's code → HTTP's; any other is 500."""
MODEL = "/v2/models/{model}"


class Inference(Protocol):
    """What is asked behind the facade; every method raises AnswerError."""

    async def live(self) -> bool: ...
    async def ready(self) -> bool: ...
    async def model_ready(self, model: str) -> bool: ...
    async def server_metadata(self) -> dict[str, Any]: ...
    async def model_metadata(self, model: str) -> dict[str, Any]: ...
    async def infer(
        self, model: str, inputs: Sequence[InferenceTensor], outputs: Sequence[str]
    ) -> list[InferenceTensor]: ...
    async def close(self) -> None: ...


def application(connect: Callable[[], Inference], limit: int) -> Starlette:
    """The facade; ``limit``: bytes of a body. ``connect`` is called once, in the event loop that serves."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.inference, app.state.limit = connect(), limit
        yield
        await app.state.inference.close()

    routes = [
        Route("/healthz", _healthy),
        Route("/v2/health/live", _live),
        Route("/v2/health/ready", _ready),
        Route("/v2", _server),
        Route(MODEL, _model),
        Route(f"{MODEL}/ready", _model_ready),
        Route(f"{MODEL}/infer", _infer, methods=["POST"]),
    ]
    failures: dict[Any, Callable[..., Awaitable[Response]]] = {
        BadRequestError: _bad_request,
        AnswerError: _unanswered,
        ClientDisconnect: _gone,
    }
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers=failures)


async def _infer(request: Request) -> Response:
    asked = tensors.request(parse(await _body(request)))
    model = request.path_params["model"]
    if any(tensor.shape[0] for tensor in asked.inputs):
        answer = await _inference(request).infer(model, asked.inputs, asked.outputs)
    else:  # Triton refuses a batch of none
        metadata = await _inference(request).model_metadata(model)
        answer = tensors.without_rows(metadata["outputs"], asked.outputs)
    return _json(tensors.response(model, answer, asked.id))


async def _body(request: Request) -> bytes:
    """The whole body; the gateway refuses a larger one before, and this does not rely on it."""
    limit, body = request.app.state.limit, bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise BadRequestError(f"the body has more than {limit} bytes")
    return bytes(body)


async def _healthy(_: Request) -> Response:
    return _json({"live": True})


async def _live(request: Request) -> Response:
    return _yes_or_no("live", await _inference(request).live())


async def _ready(request: Request) -> Response:
    return _yes_or_no("ready", await _inference(request).ready())


async def _model_ready(request: Request) -> Response:
    return _yes_or_no("ready", await _inference(request).model_ready(request.path_params["model"]))


async def _server(request: Request) -> Response:
    return _json(await _inference(request).server_metadata())


async def _model(request: Request) -> Response:
    return _json(await _inference(request).model_metadata(request.path_params["model"]))


async def _bad_request(_: Request, error: Exception) -> Response:
    return _json({"error": str(error)}, 400)


async def _unanswered(_: Request, error: Exception) -> Response:
    failed = error if isinstance(error, AnswerError) else AnswerError("UNKNOWN", "")
    words = failed.details or "no server answered"
    if failed.code == "UNAVAILABLE":  # its words tell what lies behind the gateway
        words = "no server that has this model answers now; ask again"
    return _json({"error": words}, STATUS.get(failed.code, 500))


async def _gone(_: Request, error: Exception) -> Response:
    return _json({"error": "the client went away"}, 400)


def _inference(request: Request) -> Inference:
    return request.app.state.inference


def _yes_or_no(name: str, true: bool) -> Response:
    return _json({name: true}, 200 if true else 503)


def _json(content: dict[str, Any], status: int = 200) -> Response:
    text = json.dumps(content, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, media_type="application/json")
