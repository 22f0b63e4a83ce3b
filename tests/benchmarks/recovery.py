"""Seconds from the decision to roll back until every answer comes from the release before, under load."""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from include.deployment import rollout
from tests.integration.pipeline_fixtures import Load, Serving

REPEATS = 10


def bench() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home:
        serving = Serving(Path(home))
        serving.start()
        try:
            samples = _samples(serving)
        finally:
            serving.stop()
    return {
        "name": "recovery",
        "what": "rollback under load: state written until the server follows it; no request may fail",
        "ours": statistics.median(samples),
        "against": {},
        "unit": "s",
        "n": REPEATS,
        "samples": samples,
    }


def _samples(serving: Serving) -> list[float]:
    serving.fill_online_store()
    before, after = serving.release(1).name, serving.release(2).name
    rollout.write(serving.state, rollout.first(serving.spec, before))
    serving.install()
    samples = []
    with Load(serving, clients=2) as load:
        for _ in range(REPEATS):
            serving.serve(after)
            begun = time.perf_counter()
            serving.serve(before)
            samples.append(time.perf_counter() - begun)
    if load.failures:
        raise RuntimeError(f"{len(load.failures)} requests failed while rolling back: {load.failures[0]}")
    return samples
