"""The inference pipeline under the stable name: request → lookup → features → ONNX → answer, and the log of it."""

import functools
import json
import time
import uuid
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils
from follower import Follower
from prediction_log import PredictionLog
from release import Release
from router import Pinned, Router
from serving_metrics import ServingMetrics

GIVEN = "given_features"


class TritonPythonModel:
    """One use case; with the parameter ``pinned`` one release only, without log and figures."""

    def initialize(self, args):
        _require_sound_tensors()
        config = json.loads(args["model_config"])
        settings = {key: value["string_value"] for key, value in config["parameters"].items()}
        self.fields = json.loads(settings["request"])
        releases, pinned = Path(settings["releases"]), settings.get("pinned", "")
        load = functools.partial(self._load, releases, settings["online_store"], settings["project"])
        self.log = None if pinned else PredictionLog(settings["spool"])
        self.metrics = None if pinned else ServingMetrics(settings["usecase"])
        self.router = Pinned(load, pinned) if pinned else Router(releases / "rollout.json", load)
        self.follower = Follower(self._follow)

    def _load(self, releases: Path, online_store: str, project: str, name: str) -> Release:
        release = Release(releases / name, online_store, project)
        if self.metrics:
            self.metrics.declare(name, list(release.views))
        return release

    def _follow(self) -> None:
        if self.metrics:
            self.router.refresh()
            self.metrics.flush(self.router.generation, self.router.errors)

    def finalize(self):
        self.follower.stop()

    def execute(self, requests):
        begun = time.perf_counter()
        answers = [self._answer(request, begun) for request in requests]
        if self.log:
            self._write([record for _, records in answers for record in records])
        return [response for response, _ in answers]

    def _write(self, records: list) -> None:
        """An answer that cannot be logged is still an answer; it is counted, and the server's log says why."""
        try:
            self.log.write(records)
        except OSError as error:
            self.metrics.not_logged(len(records))
            print(f"moebius: {len(records)} predictions were not logged: {error}", flush=True)

    def _answer(self, request, begun: float):
        """The response to one request and the log records of its rows; what is wrong with it is its own error."""
        release, rows = None, [None]
        try:
            fields, given = self._read(request)
            rows = next(iter(fields.values()))
            release = self.router.choose()
            probabilities, rows, lacking = release.predict(fields, given)
        except Exception as error:  # a request must not take its neighbours in the batch down with it
            if self.metrics:
                self.metrics.failed(release.name if release else "", len(rows))
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"{type(error).__name__}: {error}")), []
        seconds = time.perf_counter() - begun
        if self.metrics:
            self.metrics.answered(release.name, probabilities, lacking, seconds)
        ids = [str(uuid.uuid4()) for _ in rows]
        records = self._records(release, fields, (rows, probabilities, lacking, ids), seconds) if self.log else []
        return _response(release, probabilities, ids), records

    def _read(self, request):
        """Request fields as arrays [N], all of the same length."""
        fields = {name: _field(request, name, kind) for name, kind in self.fields.items()}
        lengths = {name: len(values) for name, values in fields.items()}
        if len(set(lengths.values())) != 1 or not next(iter(lengths.values())):
            raise ValueError(f"every input needs the same number of rows, one at least; got {lengths}")
        given = pb_utils.get_input_tensor_by_name(request, GIVEN)
        return fields, None if given is None else [json.loads(text) for text in given.as_numpy().reshape(-1)]

    def _records(self, release, fields, answered, seconds):
        rows, probabilities, lacking, ids = answered
        now = time.time()
        return [
            {
                "request_id": ids[i],
                "logged_at": now,
                "release": release.name,
                "probability": float(probabilities[i]),
                "prediction": int(probabilities[i] >= release.threshold),
                "latency_ms": seconds * 1000,
                "missing": [view for view, _ in lacking[i]],
                "inputs": {name: _plain(values[i]) for name, values in fields.items()},
                "features": {name: _plain(value) for name, value in rows[i].items()},
            }
            for i in range(len(rows))
        ]


def _field(request, name: str, kind: str):
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    if tensor is None:
        raise ValueError(f"input {name!r} is missing")
    values = tensor.as_numpy().reshape(-1)
    if kind == "string":
        return np.array([v.decode() if isinstance(v, bytes) else str(v) for v in values], dtype=object)
    if not np.isfinite(values).all():
        raise ValueError(f"input {name!r} must be finite numbers; got {values[~np.isfinite(values)][:3].tolist()}")
    return values.astype(np.float64)


def _response(release, probabilities, ids):
    count = len(ids)
    predictions = (probabilities >= release.threshold).astype(np.int64)
    tensors = {
        "prediction": predictions.reshape(count, 1),
        "probability": probabilities.astype(np.float32).reshape(count, 1),
        "release": np.array([[release.name.encode()]] * count, dtype=object),
        "request_id": np.array([[one.encode()] for one in ids], dtype=object),
    }
    return pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor(name, value) for name, value in tensors.items()])


def _plain(value):
    """JSON has no NaN, and numpy scalars are not JSON."""
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def _require_sound_tensors() -> None:
    """This server's stub corrupts tensors under numpy 2: refuse to serve rather than answer wrong."""
    if not np.__version__.startswith("1."):
        raise pb_utils.TritonModelException(f"numpy {np.__version__} in the serving environment; it must be 1.26")
    known = np.array([[1.5, -2.25, 3.125]], dtype=np.float32)
    back = pb_utils.Tensor("known", known).as_numpy()
    if not np.array_equal(known, back):
        raise pb_utils.TritonModelException(
            f"a tensor did not survive a round trip: {known.tolist()} became {back.tolist()}"
        )
