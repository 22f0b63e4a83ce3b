"""A month of flights twelve times over, Parquet to Parquet, against the model alone on a matrix that is in memory."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.tables import FileRows
from include.deployment.batch_scoring import BatchScorer, score_file
from include.development.datasets.encoder import Encoder
from include.development.trainers.protocol import Matrix, Problem, Run
from include.development.trainers.trained_model import TrainedModel
from include.development.trainers.xgboost import XGBoostTrainer
from include.settings import Settings, load_settings
from tests.integration.pipeline_fixtures import AT, SPEC, Serving, requests_frame

ROWS = 336_776
TREES, DEPTH = 200, 6


def bench(repeats: int = 3) -> dict[str, Any]:
    place = load_settings().home / "bench"
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as directory:
        home = Path(directory)
        scorer, rows = _release(home), requests_frame(ROWS, seed=3)
        rows.assign(airport_weather__event_timestamp=AT, aircraft__event_timestamp=AT).to_parquet(home / "rows.parquet")
        stored = [FileRows(str(home / "rows.parquet"))]
        matrix, batch = scorer._model.encode(rows), Settings().batch_rows
        samples = [
            (
                _rate(lambda: score_file(scorer, stored, home / "scored.parquet", batch)),
                _rate(lambda: [scorer._model.scores(matrix[i : i + batch]) for i in range(0, ROWS, batch)]),
            )
            for _ in range(repeats)
        ]
        said, floor = pd.read_parquet(home / "scored.parquet")["probability"], scorer._model.scores(matrix)
        np.testing.assert_allclose(said, floor, atol=1e-6)
    return {
        "name": "batch_inference",
        "what": f"{ROWS} events with their features, Parquet to Parquet; {TREES} trees of depth {DEPTH}",
        "ours": statistics.median(s[0] for s in samples),
        "against": {"onnxruntime_floor": statistics.median(s[1] for s in samples)},
        "unit": "rows/s",
        "n": ROWS,
        "samples": samples,
    }


def _rate(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return ROWS / (time.perf_counter() - begun)


def _release(home: Path) -> BatchScorer:
    """A packaged model of the size that DESIGN.md measured with."""
    serving, frame = Serving(home), requests_frame(20_000)
    late = (frame["sched_dep_minute"] + 10 * frame["temp"] + 300 * np.sin(frame["distance"]) > 1300).to_numpy()
    encoder = Encoder.fit(frame, SPEC.features)
    rows = Matrix(encoder.transform(frame), late.astype(np.int8))
    fitted = XGBoostTrainer().fit(
        Problem(SPEC.task, encoder.inputs, 2), rows, rows, {"n_estimators": TREES, "max_depth": DEPTH}, Run()
    )
    model = TrainedModel(SPEC.name, SPEC.feature_service, "xgboost", SPEC.task, 2, encoder, fitted)
    return BatchScorer(SPEC, Path(serving.package(model, 1, frame.head(500)).path))
