"""Serving one row per request: our pipeline with online lookup and prediction log, against what else serves the model.

- ``onnxruntime_floor``: the model in this process, one caller, no server, at any number of clients.
- ``bare_triton``: the same ONNX file on the same server, given finished features; one process, batches as ours.
- ``ours_two_processes``, ``bare_triton_two``: both with two processes instead of one.
- ``mlflow_serve``: the same trees by ``mlflow models serve``, given finished features.
- ``fastapi_same_lookup``: a plain service that looks the same features up in the same store.
- ``ours_on_sqlite``: ours with the online store that is the default; ``ours`` and FastAPI read Redis.

All speak HTTP and JSON, because that is what all of them have, and are asked by ``wrk``, which takes a few per cent
of a core; a Python client for gRPC takes more than the server does. Everybody's answers are first compared with the
model's. Runs are paired: each round measures all of them, and each figure is the median of the rounds.
``serving_p99_calm`` is by gRPC, as the platform's own clients ask.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from include.deployment import pipeline
from include.development.datasets.encoder import Encoder
from include.development.trainers.protocol import Matrix, Problem, Run
from include.development.trainers.trained_model import TrainedModel
from include.development.trainers.xgboost import XGBoostTrainer
from include.settings import ROOT
from include.specification.packaging import Serving as Instances
from include.specification.usecase import UseCase
from tests.benchmarks import _serving_peers as peers
from tests.benchmarks._serving_load import Measured, Target, measure, same_work
from tests.integration.pipeline_fixtures import SPEC, Serving, request_rows, requests_frame
from tests.integration.redis_fixtures import running_redis

CLIENTS, ROUNDS, SECONDS, WARM_SECONDS = (1, 4, 16), 3, 2, 1
CALM_RATE, CALM_SECONDS = 20, 10.0
ROWS, ON_SQLITE, TWO, FLOOR = 200, "ours_on_sqlite", "ours_two_processes", "onnxruntime_floor"
Round = dict[str, Measured]


@dataclass(frozen=True)
class Contest:
    """All that are measured, and the files and rows they answer from."""

    serving: Serving
    targets: list[Target]
    onnx: Path
    matrix: np.ndarray
    home: Path


def bench() -> list[dict[str, Any]]:
    """Throughput, p50 and p99 at 16 clients, the same at 1 and 4, and p99 at a calm 20 requests per second."""
    with _contest() as contest:
        for target in contest.targets:
            measure(target, max(CLIENTS), WARM_SECONDS, contest.home)
        rounds = [{clients: _round(contest, clients) for clients in CLIENTS} for _ in range(ROUNDS)]
        calm = _calm(contest.serving)
    found = [one for clients in CLIENTS for one in _results(clients, [r[clients] for r in rounds])]
    return [*found, _result("serving_p99_calm", f"p99 at {CALM_RATE} requests per second, gRPC", "ms", [calm])]


def _round(contest: Contest, clients: int) -> Round:
    floor = {FLOOR: _floor(contest.onnx, contest.matrix)}
    return {t.name: measure(t, clients, SECONDS, contest.home) for t in contest.targets} | floor


def _results(clients: int, rounds: list[Round]) -> list[dict[str, Any]]:
    of, end = f"{clients} client{'s' if clients > 1 else ''}, one row each", "" if clients == 16 else f"_{clients}"
    figures = {
        f"serving_throughput{end}": (f"rows answered per second, {of}", "1/s", "rate"),
        f"serving_p50{end}": (f"median of a request, {of}", "ms", "p50"),
        f"serving_p99{end}": (f"p99 of a request, {of}", "ms", "p99"),
    }
    return [
        _result(name, what, unit, [{who: getattr(one, part) for who, one in r.items()} for r in rounds])
        for name, (what, unit, part) in figures.items()
    ]


def _result(name: str, what: str, unit: str, samples: list[dict[str, float]]) -> dict[str, Any]:
    medians = {who: statistics.median(sample[who] for sample in samples) for who in samples[0]}
    against = {who: figure for who, figure in medians.items() if who != "ours"}
    return {"name": name, "what": what, "ours": medians["ours"], "against": against, "unit": unit, "n": len(samples),
            "samples": samples}  # fmt: skip


@contextmanager
def _contest() -> Iterator[Contest]:
    """Everybody started, on one model, and shown to answer what it says."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = stack.enter_context(running_redis(home / "redis"))
        serving = Serving(home / "ours", online_store="redis", redis_port=redis.redis_port)
        serving.fill_online_store()
        model, frame = _trained(), requests_frame(ROWS).dropna()
        release = Path(serving.package(model, 1, requests_frame(500, 99)).path)
        serving.start()
        stack.callback(serving.stop)
        stack.callback(serving.server.close)
        serving.install()
        serving.serve(release.name)
        other = Serving(home / "sqlite")
        other.fill_online_store()
        _install_beside(serving, ON_SQLITE, serving.spec, online_store=other.settings.online_store_url)
        _install_beside(serving, TWO, serving.spec.model_copy(update={"serving": Instances(instances=2)}))
        rows, matrix = request_rows(frame), model.encoder.transform(frame)
        targets = [
            peers.pipeline(serving, rows, "ours", serving.spec.name),
            peers.pipeline(serving, rows, ON_SQLITE, ON_SQLITE),
            peers.pipeline(serving, rows, TWO, TWO),
            peers.bare(serving, release / "model.onnx", matrix, "bare_triton", 1),
            peers.bare(serving, release / "model.onnx", matrix, "bare_triton_two", 2),
            stack.enter_context(peers.fastapi(serving, release, rows, home)),
            stack.enter_context(peers.mlflow(model.fitted.booster, matrix, home)),
        ]
        for target in targets:
            same_work(target, model.predict(frame))
        yield Contest(serving, targets, release / "model.onnx", matrix, home)


def _trained(rows: int = 4000) -> TrainedModel:
    """The use case's own model, by size: its trainer's parameters on rows like the flights."""
    frame = requests_frame(rows, seed=1)
    noise = np.random.default_rng(1).normal(0, 200, rows)
    late = (frame["sched_dep_minute"] + 10 * frame["temp"] + noise > 1300).to_numpy().astype(np.int8)
    encoder = Encoder.fit(frame, SPEC.features)
    problem, matrix = Problem(SPEC.task, encoder.inputs, 2), Matrix(encoder.transform(frame), late)
    fitted = XGBoostTrainer().fit(problem, matrix, matrix, SPEC.trainer.parameters, Run())
    return TrainedModel(SPEC.name, SPEC.feature_service, "xgboost", SPEC.task, 2, encoder, fitted)


def _install_beside(serving: Serving, name: str, spec: UseCase, **other: str) -> None:
    """The same pipeline and release once more under another name, with other parameters."""
    spool = str(serving.settings.prediction_spool / name)
    directory = serving.settings.staging / name
    pipeline.write(
        spec, ROOT / "triton_models" / "pipeline", directory, serving.parameters() | other | {"spool": spool}
    )
    serving.server.install(name, directory)
    serving.server.load(name)


def _floor(onnx: Path, matrix: np.ndarray) -> Measured:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(onnx), options, providers=["CPUExecutionProvider"])
    output, rows, taken = session.get_outputs()[-1].name, [row.reshape(1, -1) for row in matrix], []
    end = time.perf_counter() + SECONDS / 4
    while (begun := time.perf_counter()) < end:
        session.run([output], {"input": rows[len(taken) % len(rows)]})
        taken.append(time.perf_counter() - begun)
    p50, p99 = np.quantile(taken, [0.5, 0.99]) * 1000
    return Measured(len(taken) / sum(taken), float(p50), float(p99))


def _calm(serving: Serving) -> dict[str, float]:
    """p99 in ms of requests that come one by one at ``CALM_RATE``."""
    rows, taken, due = request_rows(requests_frame(ROWS)), [], time.perf_counter()
    for turn in range(int(CALM_RATE * CALM_SECONDS)):
        time.sleep(max(0.0, due - time.perf_counter()))
        begun = time.perf_counter()
        serving.server.infer(serving.spec.name, [rows[turn % ROWS]])
        taken.append(time.perf_counter() - begun)
        due += 1 / CALM_RATE
    return {"ours": float(np.quantile(taken, 0.99) * 1000)}
