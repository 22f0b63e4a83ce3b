"""Requests from a Redis stream, each with its result on another, against the same requests sent straight to Triton."""

import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd

from include.adapters.stream_metrics import ScoringMetrics, StreamMetrics
from include.processes.scorer import Scorer
from include.services.composition import Services
from include.settings import load_settings
from include.specification.data import ScoringSpec
from tests.integration.pipeline_fixtures import Serving
from tests.integration.redis_fixtures import running_redis
from tests.integration.test_serving_tasks import PRICE, price

EVENTS, BATCH = 9_000, 64
SPEC = PRICE.model_copy(update={"scoring": ScoringSpec(stream="questions", batch=BATCH)})


def bench(repeats: int = 3) -> dict[str, Any]:
    place = load_settings().home / "bench"
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as directory, running_redis(Path(directory)) as redis:
        serving = Serving(Path(directory), SPEC, redis_port=redis.redis_port)
        model, frame = price()
        serving.start()
        try:
            first = serving.package(model, 1, frame)
            serving.install()
            serving.serve(first.name)
            rows = pd.concat([frame] * (EVENTS // len(frame)), ignore_index=True).to_dict("records")
            samples = [(_streamed(serving, rows), _straight(serving, rows)) for _ in range(repeats)]
        finally:
            serving.server.close()
            serving.stop()
    return {
        "name": "stream_scoring",
        "what": f"{EVENTS} requests that wait on a stream until their results are on another, one consumer",
        "ours": statistics.median(s[0] for s in samples),
        "against": {f"grpc_batches_of_{BATCH}": statistics.median(s[1] for s in samples)},
        "unit": "requests/s",
        "n": EVENTS,
        "samples": samples,
    }


def _streamed(serving: Serving, rows: list[dict[str, Any]]) -> float:
    stream, stop = Services(serving.settings).adapters.scoring_stream(SPEC), threading.Event()
    stream.open()
    stream.publish([{**row, "at": row["at"].isoformat()} for row in rows])
    before = len(stream.results())
    scorer = Scorer(SPEC, "questions", serving.settings, ScoringMetrics(StreamMetrics().registry), stop)
    worker, begun = threading.Thread(target=scorer.run), time.perf_counter()
    worker.start()
    try:
        stream.await_done()
        seconds = time.perf_counter() - begun
    finally:
        stop.set()
        worker.join()
        scorer._server.close()
    if (answered := len(stream.results()) - before) != len(rows):
        raise RuntimeError(f"{len(rows)} requests got {answered} results")
    stream.close()
    return len(rows) / seconds


def _straight(serving: Serving, rows: list[dict[str, Any]]) -> float:
    begun = time.perf_counter()
    for first in range(0, len(rows), BATCH):
        serving.server.infer(SPEC.name, rows[first : first + BATCH])
    return len(rows) / (time.perf_counter() - begun)
