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
from include.errors import DeploymentError
from include.usecase import UseCase

THRESHOLD = 0.5
PARITY_ROWS = 2000
SAMPLES = 48


class Trained(Protocol):
    """A trained model as packaging sees it."""

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Probabilities [N] of the positive class for raw feature rows."""

    def onnx(self) -> bytes: ...

    def encoding(self) -> dict[str, Any]: ...


def package(
    spec: UseCase,
    *,
    model: Trained,
    model_version: int,
    dataset: DatasetRef,
    features: FeatureServiceRef,
    rows: pd.DataFrame,
    baseline: dict[str, Any],
    staging: Path,
) -> dict[str, Any]:
    """Write a complete release directory; returns its report (parity, size, latency).

    ``rows`` are real raw rows of the test set: request fields and looked-up features.

    Raises
    ------
    DeploymentError
        ``rows`` lack request fields, or the ONNX model differs from the trained one by more than
        ``rollout.parity_bound``.
    """
    some = _complete_requests(spec, rows)
    staging.mkdir(parents=True)
    onnx, encoding = model.onnx(), model.encoding()
    report = _prove(spec, onnx, encoding, some, model.predict(some))
    (staging / "model.onnx").write_bytes(onnx)
    _write(staging / "baseline.json", baseline)
    _write(staging / "samples.json", _samples(spec, some.head(SAMPLES), model))
    if (spec.directory / "request.py").is_file():
        shutil.copyfile(spec.directory / "request.py", staging / "request.py")
    _write(staging / "report.json", report)
    release.seal(staging, _manifest(spec, model_version, dataset, features, encoding))
    return report


def _complete_requests(spec: UseCase, rows: pd.DataFrame) -> pd.DataFrame:
    """Up to ``PARITY_ROWS`` rows that a client could have sent: the server refuses a request with a missing field."""
    needed = [*spec.request, *spec.feature_names]
    if lacking := sorted(set(needed) - set(rows.columns)):
        raise DeploymentError(f"{spec.name}: the rows to package with lack {lacking}; they have {list(rows.columns)}")
    complete = rows[rows[list(spec.request)].notna().all(axis=1)]
    if complete.empty:
        raise DeploymentError(f"{spec.name}: none of the {len(rows)} rows to package with has every request field")
    return complete.sample(min(PARITY_ROWS, len(complete)), random_state=0)


def _prove(spec: UseCase, onnx: bytes, encoding: dict, rows: pd.DataFrame, expected: np.ndarray) -> dict[str, Any]:
    import onnxruntime

    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    matrix = encode(encoding, rows)
    answer = session.run([session.get_outputs()[-1].name], {session.get_inputs()[0].name: matrix})[0]
    difference = np.abs(answer[:, -1] - expected)
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
        "onnx_bytes": len(onnx),
        "one_row_microseconds": _latency(session, matrix[:1]),
    }


def _latency(session: Any, row: np.ndarray, repeats: int = 200) -> float:
    name, output = session.get_inputs()[0].name, session.get_outputs()[-1].name
    begun = time.perf_counter()
    for _ in range(repeats):
        session.run([output], {name: row})
    return (time.perf_counter() - begun) / repeats * 1e6


def encode(encoding: dict[str, Any], rows: pd.DataFrame) -> np.ndarray:
    """float32 [N, F] by the release's encoding: numbers as they are, categories by index, -1 when unknown."""
    columns = []
    for feature in encoding["features"]:
        values = rows[feature["name"]]
        if feature["kind"] == "categorical":
            codes = {c: i for i, c in enumerate(feature["categories"])}
            columns.append(values.map(codes).fillna(-1).to_numpy(np.float32))
        else:
            columns.append(values.to_numpy(np.float32, na_value=np.nan))
    return np.column_stack(columns)


def _samples(spec: UseCase, rows: pd.DataFrame, model: Trained) -> list[dict[str, Any]]:
    """Real requests, the features that were looked up for them, and what the trained model says.

    An entity key that is no feature is left empty: the looked-up features are given, so whose they are need not
    be kept with the release.
    """
    unnamed = {entity.key for entity in spec.entities.values()} - set(spec.feature_names)
    looked_up = [f.name for f in spec.features if f.origin not in ("request", "on_request")]
    probabilities = model.predict(rows)
    return [
        {
            "request": {name: "" if name in unnamed else _plain(row.get(name, "")) for name in spec.request},
            "given_features": {name: _plain(row[name]) for name in looked_up},
            "probability": float(probabilities[i]),
        }
        for i, row in enumerate(rows.to_dict("records"))
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
        "model_version": model_version,
        "threshold": THRESHOLD,
        "parity_bound": spec.rollout.parity_bound,
        "encoding": encoding,
        "request": spec.request,
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
