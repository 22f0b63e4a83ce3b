"""The test before traffic: the release alone, under a private name, on the real server."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from include.contracts import ReleaseRef
from include.deployment import pipeline, release
from include.deployment.requests import answered
from include.errors import DeploymentError, ServiceError
from include.evaluation.answers import CLASSIFYING
from include.ports import ModelServer
from include.usecase import UseCase

REPEATS = 4


def test(
    spec: UseCase, ref: ReleaseRef, server: ModelServer, write: Callable[[Path, str], None], aside: Path
) -> dict[str, Any]:
    """Load, replay real requests, compare with the trained model, try bad requests, unload; returns figures.

    ``write(directory, release)`` writes the private model's directory; ``aside`` is on the repository's disk.

    Raises
    ------
    DeploymentError
        it does not load, answers differently than ``rollout.parity_bound`` allows, is slower than
        ``rollout.abort.max_p99_ms``, or a bad request is not refused. The private model is gone in any case.
    """
    directory = Path(ref.path)
    release.verify(directory)
    name = pipeline.private_name(spec, ref.name)
    server.remove(name)
    write(aside, ref.name)
    server.install(name, aside)
    try:
        server.load(name)
        return _exercise(spec, name, release.document(directory, "samples.json"), server)
    finally:
        server.remove(name)


def _exercise(spec: UseCase, name: str, samples: list[dict], server: ModelServer) -> dict[str, Any]:
    answers, seconds = [], []
    for sample in samples * REPEATS:
        begun = time.perf_counter()
        answers += server.infer(name, [sample["request"]], [json.dumps(sample["given_features"])])
        seconds.append(time.perf_counter() - begun)
    found, expected = answered(answers), np.array([s["scores"] for s in samples] * REPEATS)
    worst = float(np.abs(found.reshape(expected.shape) - expected).max())
    p99 = float(np.quantile(seconds, 0.99) * 1000)
    limits = spec.rollout
    if not worst <= limits.parity_bound:
        raise DeploymentError(
            f"{name} answers differently from the trained model by {worst:.2g} (bound {limits.parity_bound:g})"
        )
    if p99 > limits.abort.max_p99_ms:
        raise DeploymentError(f"{name} is too slow: p99 {p99:.1f} ms, allowed {limits.abort.max_p99_ms:g} ms")
    _refuse_bad_requests(name, samples[0]["request"], spec, server)
    return {
        "requests": len(answers),
        "max_difference": worst,
        "p50_ms": float(np.median(seconds) * 1000),
        "p99_ms": p99,
    }


def _refuse_bad_requests(name: str, good: dict[str, Any], spec: UseCase, server: ModelServer) -> None:
    """NaN must be an error, an unknown entity an answer without its features, and the next request be served."""
    for field in (field for field, kind in spec.request.items() if kind != "string"):
        nothing = [float("nan")] * len(good[field]) if isinstance(good[field], list) else float("nan")
        try:
            server.infer(name, [good | {field: nothing}])
        except ServiceError:
            continue
        raise DeploymentError(f"{name} answered a request whose {field} is NaN instead of refusing it")
    unknown = good | {entity.key: "no-such-entity" for entity in spec.entities.values()}
    scores = answered(server.infer(name, [unknown]))
    classes = spec.task in CLASSIFYING
    if not np.isfinite(scores).all() or (classes and (scores.min() < 0 or scores.max() > 1)):
        raise DeploymentError(
            f"{name} answered an unknown entity with scores from {scores.min()} to {scores.max()}: no {spec.task}"
        )
