"""What the gateway adds to a request: the same rows straight to Triton and through HAProxy with TLS, in turns.

One client over one connection asks one row at a time; each round asks every way, so a busy machine is busy for all.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.integration.gateway_fixtures import Gateway, as_json
from tests.integration.pipeline_fixtures import request_rows, requests_frame

ROUNDS, EACH = 10, 100


def bench() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as home:
        edge = Gateway(Path(home))
        try:
            edge.client("bench", rate=1_000_000)
            edge.start(servers=1)
            seconds = _measured(edge)
        finally:
            edge.stop()
    return [_result(f"gateway_latency{name}", f"{what} of a request", share, seconds) for name, what, share in SHARES]


SHARES = (("", "p50", 0.5), ("_p99", "p99", 0.99))


def _result(name: str, what: str, share: float, seconds: dict[str, list[float]]) -> dict[str, Any]:
    figures = {way: float(np.quantile(some, share) * 1000) for way, some in seconds.items()}
    return {
        "name": name,
        "what": f"{what}, one row: gRPC through the gateway (TLS, key, rate, model), gRPC without it, REST through it",
        "ours": figures["grpc"],
        "against": {"straight_grpc": figures["straight"], "gateway_rest": figures["rest"]},
        "unit": "ms",
        "n": ROUNDS * EACH,
        "samples": ROUNDS,
    }


def _measured(edge: Gateway) -> dict[str, list[float]]:
    """Seconds of each request by the way it took."""
    rows = request_rows(requests_frame(EACH))
    inputs = [edge.first.server.inputs([row]) for row in rows]
    bodies = [as_json(edge.first.server, [row]) for row in rows]
    through, straight, headers = edge.grpc(), edge.first.server._client, {"x-api-key": edge.keys["bench"]}
    with edge.rest("bench") as session:
        ways: dict[str, Callable[[int], object]] = {
            "straight": lambda i: straight.infer(edge.model, inputs[i]),
            "grpc": lambda i: through.infer(edge.model, inputs[i], headers=headers),
            "rest": lambda i: session.post(edge.infer_path(), json=bodies[i]).raise_for_status(),
        }
        for ask in ways.values():
            _timed(ask, range(EACH))
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, ask in ways.items():
                seconds[name] += _timed(ask, range(EACH))
    through.close()
    return seconds


def _timed(ask: Callable[[int], object], turns: Sequence[int]) -> list[float]:
    seconds = []
    for turn in turns:
        begun = time.perf_counter()
        ask(turn)
        seconds.append(time.perf_counter() - begun)
    return seconds
