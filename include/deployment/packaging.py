"""Packaging: everything that answers a request together, proved equal to the trained model, in one directory."""

import json
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from include.contracts import DatasetRef, FeatureServiceRef
from include.deployment import release
from include.deployment.requests import request
from include.deployment.scoring import OnnxModel
from include.errors import DeploymentError
from include.evaluation.answers import THRESHOLD, predicted
from include.usecase import UseCase

PARITY_ROWS = 2000
SAMPLES = 48


class Trained(Protocol):
    """A trained model as packaging sees it."""

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Scores of raw feature rows: (n,), or (n, K) for classes and clusters."""

    def onnx(self) -> bytes: ...

    def encoding(self) -> dict[str, Any]: ...


def package(
    spec: UseCase,
    *,
    model: Trained,
    model_version: int,
    model_hash: str,
    dataset: DatasetRef,
    features: FeatureServiceRef,
    rows: pd.DataFrame,
    baseline: dict[str, Any],
    staging: Path,
) -> dict[str, Any]:
    """Write a complete release directory; returns its report (parity, size, latency).

    ``rows`` are real raw rows of the test set: request fields and looked-up features; ``model_hash`` is that of the
    registered artifact.

    Raises
    ------
    DeploymentError
        ``rows`` lack request fields, or the ONNX model differs from the trained one by more than
        ``rollout.parity_bound``.
    """
    some = _complete_requests(spec, rows)
    staging.mkdir(parents=True)
    onnx, encoding = model.onnx(), model.encoding()
    expected = model.predict(some)
    report = _prove(spec, onnx, encoding, some, expected)
    (staging / "model.onnx").write_bytes(onnx)
    _write(staging / "baseline.json", baseline)
    _write(staging / "samples.json", _samples(spec, some.head(SAMPLES), expected[:SAMPLES]))
    if (spec.directory / "request.py").is_file():
        shutil.copyfile(spec.directory / "request.py", staging / "request.py")
    _write(staging / "report.json", report)
    facts = {"model_hash": model_hash, "scores_per_row": _width(expected)}
    release.seal(staging, _manifest(spec, model_version, dataset, features, encoding) | facts)
    return report


def _complete_requests(spec: UseCase, rows: pd.DataFrame) -> pd.DataFrame:
    """Up to ``PARITY_ROWS`` rows that a client could have sent: the server refuses a request with a missing field."""
    needed = [*spec.fields, *spec.feature_names]
    if lacking := sorted(set(needed) - set(rows.columns)):
        raise DeploymentError(f"{spec.name}: the rows to package with lack {lacking}; they have {list(rows.columns)}")
    complete = rows[rows[list(spec.fields)].notna().all(axis=1)]
    if complete.empty:
        raise DeploymentError(f"{spec.name}: none of the {len(rows)} rows to package with has every request field")
    return complete.sample(min(PARITY_ROWS, len(complete)), random_state=0)


def _prove(spec: UseCase, onnx: bytes, encoding: dict, rows: pd.DataFrame, expected: np.ndarray) -> dict[str, Any]:
    model = OnnxModel(onnx, encoding, spec.task, _width(expected))
    matrix = model.encode(rows)
    answer = model.scores(matrix)
    if answer.shape != expected.shape:
        raise DeploymentError(
            f"{spec.name}: the ONNX model gives scores of shape {answer.shape}, the trained one {expected.shape}; "
            "the scores must be the last columns of its last output"
        )
    difference = np.abs(answer - expected)
    worst = float(difference.max())
    if not worst <= spec.rollout.parity_bound:
        raise DeploymentError(
            f"{spec.name}: the ONNX model differs from the trained one by {worst:.2g} on {len(rows)} real rows; "
            f"rollout.parity_bound is {spec.rollout.parity_bound:g}. Nothing was deployed"
        )
    return {
        "rows": len(rows),
        "max_difference": worst,
        "p99_difference": float(np.quantile(difference, 0.99)),
        "changed_predictions": _changed(spec, answer, expected),
        "onnx_bytes": len(onnx),
        "one_row_microseconds": _latency(model, matrix[:1]),
    }


def _width(scores: np.ndarray) -> int:
    """Scores per row."""
    return scores.shape[1] if scores.ndim == 2 else 1


def _changed(spec: UseCase, answer: np.ndarray, expected: np.ndarray) -> int:
    """Rows that get another class or cluster: within the parity bound only ties do."""
    if spec.task in ("regression", "forecasting"):
        return 0
    return int((predicted(spec.task, answer) != predicted(spec.task, expected)).sum())


def _latency(model: OnnxModel, row: np.ndarray, repeats: int = 200) -> float:
    begun = time.perf_counter()
    for _ in range(repeats):
        model.scores(row)
    return (time.perf_counter() - begun) / repeats * 1e6


def _samples(spec: UseCase, rows: pd.DataFrame, scores: np.ndarray) -> list[dict[str, Any]]:
    """Real requests, the features that were looked up for them, and what the trained model says.

    An entity key that is no feature is left empty: the looked-up features are given, so whose they are need not
    be kept with the release.
    """
    unnamed = {entity.key for entity in spec.entities.values()} - set(spec.feature_names)
    looked_up = [f.name for f in spec.features if f.origin not in ("request", "on_request")]
    plain = [{name: _plain(value) for name, value in row.items()} for row in rows.to_dict("records")]
    return [
        {
            "request": request(spec.inputs, row | dict.fromkeys(unnamed, "")),
            "given_features": {name: row[name] for name in looked_up},
            "scores": np.atleast_1d(scores[i]).tolist(),
        }
        for i, row in enumerate(plain)
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.timestamp()
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _manifest(
    spec: UseCase, model_version: int, dataset: DatasetRef, features: FeatureServiceRef, encoding: dict
) -> dict[str, Any]:
    return {
        "usecase": spec.name,
        "task": spec.task,
        "classes": spec.event.classes,
        "model_version": model_version,
        "threshold": THRESHOLD,
        "parity_bound": spec.rollout.parity_bound,
        "encoding": encoding,
        "request": spec.request,
        "inputs": spec.inputs,
        "event_time": spec.event.time,
        "feature_service": spec.feature_service,
        "features": features.json_dict(),
        "views": {name: _view(spec, name) for name in spec.views},
        "dataset": dataset.name,
        "snapshots": dataset.snapshots,
        "packaged_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _view(spec: UseCase, name: str) -> dict[str, Any]:
    view = spec.feature_views[name]
    return {"key": spec.entities[view.entity].key, "freshness_hours": view.freshness_hours}


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1))
