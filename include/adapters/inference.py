"""Triton's inference methods over asynchronous gRPC, for the REST facade; nothing here changes a server."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from include.contracts.gateway import InferenceTensor
from include.errors import AnswerError

AGAIN = "UNAVAILABLE"
"""The connection was refused or broke."""
DEAD_PROCESS = "is not healthy"
"""Triton's words for a process of a model that ended or was stopped; another server may have one that answers."""
ATTEMPTS = 5
"""Of a request that nobody answered; what our code or the server refused is refused."""


class AsyncInference:
    """One channel to ``address``; made and closed inside the event loop that uses it.

    ``seconds``: time-out of one call. The metadata ``x-model`` tells the gateway whose servers are meant.
    """

    def __init__(self, address: str, seconds: float, limit: int) -> None:
        import grpc.aio
        from tritonclient.grpc import service_pb2, service_pb2_grpc

        pauses = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]
        options = [("grpc.max_receive_message_length", 64 * limit), *pauses]
        self._channel = grpc.aio.insecure_channel(address, options=options)
        self._stub, self._messages = service_pb2_grpc.GRPCInferenceServiceStub(self._channel), service_pb2
        self._failure, self.seconds = grpc.aio.AioRpcError, seconds

    async def close(self) -> None:
        await self._channel.close()

    async def live(self) -> bool:
        return bool((await self._ask(self._stub.ServerLive, self._messages.ServerLiveRequest(), "")).live)

    async def ready(self) -> bool:
        return bool((await self._ask(self._stub.ServerReady, self._messages.ServerReadyRequest(), "")).ready)

    async def model_ready(self, model: str) -> bool:
        asked = self._messages.ModelReadyRequest(name=model)
        return bool((await self._ask(self._stub.ModelReady, asked, model)).ready)

    async def server_metadata(self) -> dict[str, Any]:
        metadata = await self._ask(self._stub.ServerMetadata, self._messages.ServerMetadataRequest(), "")
        return {"name": metadata.name, "version": metadata.version, "extensions": list(metadata.extensions)}

    async def model_metadata(self, model: str) -> dict[str, Any]:
        metadata = await self._ask(self._stub.ModelMetadata, self._messages.ModelMetadataRequest(name=model), model)
        return {
            "name": metadata.name,
            "versions": list(metadata.versions),
            "platform": metadata.platform,
            "inputs": [_described(one) for one in metadata.inputs],
            "outputs": [_described(output) for output in metadata.outputs],
        }

    async def infer(
        self, model: str, inputs: Sequence[InferenceTensor], outputs: Sequence[str]
    ) -> list[InferenceTensor]:
        """The answer's tensors.

        Raises
        ------
        AnswerError
            the server refused the request, or none answered it.
        """
        asked = self._messages.ModelInferRequest(model_name=model)
        for tensor in inputs:
            asked.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
            asked.raw_input_contents.append(tensor.content)
        for name in outputs:
            asked.outputs.add(name=name)
        answer = await self._ask(self._stub.ModelInfer, asked, model)
        return [
            InferenceTensor(one.name, one.datatype, tuple(one.shape), content)
            for one, content in zip(answer.outputs, answer.raw_output_contents, strict=True)
        ]

    async def _ask(self, method: Callable[..., Awaitable[Any]], asked: Any, model: str, left: int = ATTEMPTS) -> Any:
        metadata = (("x-model", model),) if model else ()
        try:
            return await method(asked, timeout=self.seconds, metadata=metadata)
        except self._failure as error:
            code, details = error.code().name, error.details() or ""
            if left <= 1 or not (code == AGAIN or DEAD_PROCESS in details):
                raise AnswerError(code, details) from None
        return await self._ask(method, asked, model, left - 1)


def _described(tensor: Any) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
