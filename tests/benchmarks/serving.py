"""Serving one row per request: the whole pipeline with online lookup and prediction log, against what is below it.

``bare_triton`` is the same ONNX model on the same server, given finished features; ``onnxruntime_floor`` is the
model in this process, without any server. Runs are paired: each round measures all of them.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from tests.integration.pipeline_fixtures import Serving, request_rows, requests_frame

CLIENTS, ROUNDS, SECONDS, CALM_RATE, CALM_SECONDS = 16, 3, 4.0, 20, 10.0
BARE = "bare"
BARE_MODEL = """
import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession({onnx!r}, options, providers=["CPUExecutionProvider"])
        self.output = self.session.get_outputs()[-1].name

    def execute(self, requests):
        rows = [pb_utils.get_input_tensor_by_name(r, "input").as_numpy() for r in requests]
        answers = self.session.run([self.output], {{"input": np.concatenate(rows)}})[0]
        responses, begin = [], 0
        for one in rows:
            part = answers[begin : begin + len(one), 1:].astype(np.float32)
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("probability", part)]))
            begin += len(one)
        return responses
"""
BARE_CONFIG = """backend: "python"
max_batch_size: 64
input [ {{ name: "input", data_type: TYPE_FP32, dims: [ {features} ] }} ]
output [ {{ name: "probability", data_type: TYPE_FP32, dims: [ 1 ] }} ]
instance_group [ {{ kind: KIND_CPU, count: 1 }} ]
dynamic_batching {{ preferred_batch_size: [ 4, 8 ] }}
"""


def bench() -> list[dict[str, Any]]:
    """Throughput and p99 at 16 clients, and p99 at a calm 20 requests per second."""
    with _served() as (serving, onnx, matrix):
        ours_sent, bare_sent = _pipeline_requests(serving), _bare_requests(matrix)
        runs: dict[str, list[list[float]]] = {"ours": [], "bare_triton": [], "onnxruntime_floor": []}
        for _ in range(ROUNDS):
            runs["ours"].append(asyncio.run(_crowd(serving, ours_sent)))
            runs["bare_triton"].append(asyncio.run(_crowd(serving, bare_sent)))
            runs["onnxruntime_floor"].append(_floor(onnx, matrix))
        calm = asyncio.run(_calm(serving, ours_sent))
    rates = {name: statistics.median(len(r) / SECONDS for r in some) for name, some in runs.items()}
    p99s = {name: statistics.median(_p99(r) for r in some) for name, some in runs.items()}
    n = sum(map(len, runs["ours"]))
    return [
        _result("serving_throughput", f"rows answered per second, {CLIENTS} clients, one row each", rates, "1/s", n),
        _result("serving_p99", f"p99 of a request, {CLIENTS} clients, one row each", p99s, "ms", n),
        _result("serving_p99_calm", f"p99 at {CALM_RATE} requests per second", {"ours": _p99(calm)}, "ms", len(calm)),
    ]


def _result(name: str, what: str, figures: dict[str, float], unit: str, n: int) -> dict[str, Any]:
    against = {peer: figure for peer, figure in figures.items() if peer != "ours"}
    return {
        "name": name,
        "what": what,
        "ours": figures["ours"],
        "against": against,
        "unit": unit,
        "n": n,
        "samples": ROUNDS,
    }


def _p99(seconds: Sequence[float]) -> float:
    return float(np.quantile(seconds, 0.99) * 1000)


@contextmanager
def _served() -> Iterator[tuple[Serving, Path, np.ndarray]]:
    """A server with the pipeline and the bare model; the ONNX file and encoded rows for it."""
    with tempfile.TemporaryDirectory() as home:
        serving = Serving(Path(home))
        serving.fill_online_store()
        release = serving.release(1)
        onnx = Path(release.path) / "model.onnx"
        matrix = serving.models[release.name].encoder.transform(requests_frame(200))
        serving.start()
        try:
            serving.install()
            serving.serve(release.name)
            _install_bare(serving, onnx, matrix.shape[1])
            yield serving, onnx, matrix
        finally:
            serving.server.close()
            serving.stop()


def _install_bare(serving: Serving, onnx: Path, features: int) -> None:
    directory = serving.settings.staging / BARE
    (directory / "1").mkdir(parents=True)
    (directory / "1" / "model.py").write_text(BARE_MODEL.format(onnx=str(onnx)))
    (directory / "config.pbtxt").write_text(BARE_CONFIG.format(features=features))
    serving.server.install(BARE, directory)
    serving.server.load(BARE)


def _pipeline_requests(serving: Serving) -> list[Any]:
    rows = request_rows(requests_frame(200))
    return [_wire(serving.spec.name, serving.server.inputs([row])) for row in rows]


def _bare_requests(matrix: np.ndarray) -> list[Any]:
    from tritonclient.grpc import InferInput

    sent = []
    for row in matrix:
        tensor = InferInput("input", [1, len(row)], "FP32")
        tensor.set_data_from_numpy(row.reshape(1, -1))
        sent.append(_wire(BARE, [tensor]))
    return sent


def _wire(model: str, inputs: list[Any]) -> Any:
    """The request as the protocol has it, built once: the client should cost as little as it can."""
    from tritonclient.grpc import service_pb2

    request = service_pb2.ModelInferRequest(model_name=model)
    for tensor in inputs:
        request.inputs.extend([tensor._get_tensor()])
        request.raw_input_contents.extend([tensor._get_content()])
    return request


async def _crowd(serving: Serving, sent: list[Any]) -> list[float]:
    """Seconds of every request of ``CLIENTS`` clients that ask one after another."""
    async with _channel(serving) as infer:
        end, seconds = time.perf_counter() + SECONDS, []

        async def client(first: int) -> None:
            turn = first
            while (begun := time.perf_counter()) < end:
                await infer(sent[turn % len(sent)], timeout=30)
                seconds.append(time.perf_counter() - begun)
                turn += CLIENTS

        await asyncio.gather(*(client(i) for i in range(CLIENTS)))
        return seconds


async def _calm(serving: Serving, sent: list[Any]) -> list[float]:
    async with _channel(serving) as infer:
        seconds, due = [], time.perf_counter()
        for turn in range(int(CALM_RATE * CALM_SECONDS)):
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            begun = time.perf_counter()
            await infer(sent[turn % len(sent)], timeout=30)
            seconds.append(time.perf_counter() - begun)
            due += 1 / CALM_RATE
        return seconds


class _channel:  # noqa: N801 - reads as a function
    """``async with _channel(serving) as infer``."""

    def __init__(self, serving: Serving) -> None:
        import grpc.aio

        self._opened = grpc.aio.insecure_channel(serving.settings.triton_grpc)

    async def __aenter__(self) -> Any:
        from tritonclient.grpc import service_pb2_grpc

        return service_pb2_grpc.GRPCInferenceServiceStub(self._opened).ModelInfer

    async def __aexit__(self, *_: object) -> None:
        await self._opened.close()


def _floor(onnx: Path, matrix: np.ndarray) -> list[float]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(onnx), options, providers=["CPUExecutionProvider"])
    output, rows = session.get_outputs()[-1].name, [row.reshape(1, -1) for row in matrix]
    end, seconds = time.perf_counter() + SECONDS, []
    while (begun := time.perf_counter()) < end:
        session.run([output], {"input": rows[len(seconds) % len(rows)]})
        seconds.append(time.perf_counter() - begun)
    return seconds
