"""The inference pipeline under the stable name: request → lookup → features → ONNX → answer, and the log of it."""

import functools
import json
import time
import uuid
from pathlib import Path

import answers
import numpy as np
import triton_python_backend_utils as pb_utils
from door import Door
from follower import Follower
from prediction_log import PredictionLog
from release import Release
from router import Pinned, Router
from serving_metrics import ServingMetrics

GIVEN = "given_features"


class Asked:
    """One request on its way to its answer; ``error`` when it will not get one."""

    __slots__ = ("error", "features", "fields", "given", "lacking", "release", "rows", "scores")

    def __init__(self) -> None:
        self.error = self.release = self.given = None
        self.rows = 1


class TritonPythonModel:
    """One use case; with the parameter ``pinned`` one release only, without log and figures."""

    def initialize(self, args):
        _require_sound_tensors()
        config = json.loads(args["model_config"])
        settings = {key: value["string_value"] for key, value in config["parameters"].items()}
        inputs = json.loads(settings["inputs"])
        request = json.loads(settings["request"])
        # how many numbers a request holds of a field; 0: one value that is no tensor
        self.fields = {n: (kind, len(inputs[n]) if inputs[n] != [n] else 0) for n, kind in request.items()}
        hidden = json.loads(settings.get("pseudonymised", "[]"))
        # a pinned model is asked with stored rows, which are pseudonymised already
        self.door = None if settings.get("pinned") or not hidden else Door(hidden, settings["privacy"])
        releases, pinned = Path(settings["releases"]), settings.get("pinned", "")
        online = (settings["online_store"], settings["project"], float(settings["online_timeout"]))
        load = functools.partial(self._load, releases, online)
        self.log = None if pinned else PredictionLog(settings["spool"])
        self.metrics = None if pinned else ServingMetrics(settings["usecase"])
        self.router = Pinned(load, pinned) if pinned else Router(releases / "rollout.json", load)
        self.follower = Follower(self._follow)

    def _load(self, releases: Path, online: tuple, name: str) -> Release:
        release = Release(releases / name, *online)
        if self.metrics:
            self.metrics.declare(name, list(release.views))
        return release

    def _follow(self) -> None:
        if self.door:
            self.door.refresh()
        if self.metrics:
            self.router.refresh()
            self.metrics.flush(self.router.generation, self.router.errors)

    def finalize(self):
        self.follower.stop()

    def execute(self, requests):
        begun = time.perf_counter()
        asked = [self._ask(request) for request in requests]
        for together in _by_release(asked):
            _predict(together)
        seconds = time.perf_counter() - begun
        answered = [self._answer(one, seconds) for one in asked]
        if self.log:
            self._write([record for _, records in answered for record in records])
        return [response for response, _ in answered]

    def _write(self, records: list) -> None:
        """An answer that cannot be logged is still an answer; it is counted, and the server's log says why."""
        try:
            self.log.write(records)
        except OSError as error:
            self.metrics.not_logged(len(records))
            print(f"moebius: {len(records)} predictions were not logged: {error}", flush=True)

    def _ask(self, request) -> Asked:
        """The request's rows and the release that will answer; what is wrong with it is its own error."""
        asked = Asked()
        try:
            asked.fields, asked.given = self._read(request)
            asked.rows = len(next(iter(asked.fields.values())))
            asked.release = self.router.choose()
        except Exception as error:
            asked.error = error
        return asked

    def _answer(self, asked: Asked, seconds: float):
        """The response to one request and the log records of its rows."""
        if asked.error:
            if self.metrics:
                self.metrics.failed(asked.release.name if asked.release else "", asked.rows)
            words = f"{type(asked.error).__name__}: {asked.error}"
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(words)), []
        if self.metrics:
            self.metrics.answered(asked.release.name, answers.headline(asked.scores).tolist(), asked.lacking, seconds)
        ids = [str(uuid.uuid4()) for _ in range(asked.rows)]
        records = self._records(asked, ids, seconds) if self.log else []
        return _response(asked.release, asked.scores, ids), records

    def _read(self, request):
        """Request fields as arrays [N] or, for tensors, [N, n], all of the same length."""
        fields = {name: _field(request, name, *how) for name, how in self.fields.items()}
        lengths = {name: len(values) for name, values in fields.items()}
        if len(set(lengths.values())) != 1 or not next(iter(lengths.values())):
            raise ValueError(f"every input needs the same number of rows, one at least; got {lengths}")
        given = pb_utils.get_input_tensor_by_name(request, GIVEN)
        if self.door:
            fields = self.door.hide(fields)
        return fields, None if given is None else [json.loads(text) for text in given.as_numpy().reshape(-1)]

    def _records(self, asked: Asked, ids: list, seconds: float) -> list:
        now, release = time.time(), asked.release
        return [
            {
                "request_id": ids[i],
                "logged_at": now,
                "release": release.name,
                **said,
                "latency_ms": seconds * 1000,
                "missing": [view for view, _ in asked.lacking[i]],
                "inputs": {name: _plain(values[i]) for name, values in asked.fields.items()},
                "features": {name: _plain(values[i]) for name, values in asked.features.items()},
            }
            for i, said in enumerate(answers.records(release.manifest, asked.scores))
        ]


def _by_release(asked: list) -> list:
    """Requests that one call of a model can answer; a request with features of its own stays alone."""
    groups: dict = {}
    for one in asked:
        if not one.error:
            key = id(one) if one.given is not None else one.release.name
            groups.setdefault(key, []).append(one)
    return list(groups.values())


def _predict(together: list) -> None:
    """Answers some requests at once; when that fails one by one, so that none takes its neighbours down with it."""
    release, given = together[0].release, together[0].given
    fields = {name: np.concatenate([one.fields[name] for one in together]) for name in together[0].fields}
    try:
        scores, features, lacking = release.predict(fields, given)
    except Exception as error:
        if len(together) == 1:
            together[0].error = error
            return
        for one in together:
            _predict([one])
        return
    begin = 0
    for one in together:
        part = slice(begin, begin + one.rows)
        one.scores, one.lacking = scores[part], lacking[part]
        one.features = {name: values[part] for name, values in features.items()}
        begin += one.rows


def _field(request, name: str, kind: str, numbers: int):
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    if tensor is None:
        raise ValueError(f"input {name!r} is missing")
    values = tensor.as_numpy()
    values = values.reshape(len(values), numbers) if numbers else values.reshape(-1)
    if kind == "string":
        try:
            return np.array([v.decode() if isinstance(v, bytes) else str(v) for v in values], dtype=object)
        except UnicodeDecodeError:  # its words hold the value
            raise ValueError(f"input {name!r} cannot be decoded as UTF-8") from None
    if not np.isfinite(values).all():
        raise ValueError(f"input {name!r} must be finite numbers; {(~np.isfinite(values)).sum()} are not")
    return values.astype(np.float64)


def _response(release, scores, ids):
    tensors = {
        **answers.tensors(release.manifest, scores),
        "release": np.array([[release.name.encode()]] * len(ids), dtype=object),
        "request_id": np.array([[one.encode()] for one in ids], dtype=object),
    }
    return pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor(name, value) for name, value in tensors.items()])


def _plain(value):
    """JSON has no NaN, and numpy scalars and arrays are not JSON."""
    if isinstance(value, np.ndarray):
        return value.tolist()  # a tensor of the request: finite
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
            f"a tensor did not survive a round trip: {(known != back).sum()} of {known.size} numbers changed"
        )
