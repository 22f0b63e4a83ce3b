"""The inference pipeline under the stable name: requests → lookup → features → ONNX → answers, and the log of them."""

import functools
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from answered import Answered, Arm, Failed
from door import Door
from follower import LOADING_SECONDS, STUCK_SECONDS, Follower
from prediction_log import PredictionLog
from probe import Probe
from release import Release
from request_fields import RequestFields
from request_rules import Times
from router import Pinned, Router
from server_log import tell
from serving_metrics import Heartbeat, ServingMetrics
from shadow import Shadow
from tensors import Tensors

GIVEN, FALLBACK = "given_features", "fallback"


class TritonPythonModel:
    """One use case; with the parameter ``pinned`` one release only, without log and figures."""

    def initialize(self, args):
        _require_sound_tensors()
        config = json.loads(args["model_config"])
        settings = {key: value["string_value"] for key, value in config["parameters"].items()}
        self.tells_fallback = any(output["name"] == FALLBACK for output in config["output"])
        kinds, inputs = json.loads(settings["request"]), json.loads(settings["inputs"])
        self.fields = RequestFields(kinds, inputs, settings["event_time"], Times(**json.loads(settings["times"])))
        hidden = json.loads(settings.get("pseudonymised", "[]"))
        # a pinned model is asked with stored rows, which are pseudonymised already
        self.door = None if settings.get("pinned") or not hidden else Door(hidden, settings["privacy"])
        releases, pinned = Path(settings["releases"]), settings.get("pinned", "")
        classes = json.loads(settings.get("classes", "[]"))
        online = (settings["online_store"], settings["project"], float(settings["online_timeout"]), classes)
        load = functools.partial(self._load, releases, online)
        self.log: Any = None if pinned else PredictionLog(settings["spool"], settings["event_time"])
        self.metrics: Any = None if pinned else ServingMetrics(settings["usecase"], args["model_instance_name"])
        self.shadow: Any = None if pinned else Shadow(self.metrics.shadowed)  # type: ignore[union-attr]
        self.tensors, self.unlogged = Tensors(), ""
        state, names = releases / "rollout.json", list(self.fields.kinds)
        self.router: Any = Pinned(load, pinned) if pinned else Router(state, load, names)
        self.probe = Probe(args["model_instance_name"], self.router)
        self.follower = Follower(self._follow)
        self.heartbeat = None if pinned else Heartbeat(args["model_name"], args["model_instance_name"])

    def _load(self, releases: Path, online: tuple, name: str) -> Release:
        release = Release(releases / name, *online)
        if self.metrics:
            self.metrics.declare(name, list(release.views))
        return release

    def _follow(self) -> None:
        if self.door:
            self.door.refresh()
        if self.metrics:
            Follower.expect_within(LOADING_SECONDS)
            self.router.refresh()
            Follower.expect_within(STUCK_SECONDS)
            if self.router.shadow:
                self.metrics.declare_shadow(self.router.shadow.release.name)
            self.metrics.flush(self.router.generation, self.router.errors)
            self.log.look_after()

    def finalize(self):
        if self.heartbeat:
            self.heartbeat.stop()
        if self.shadow:
            self.shadow.stop()
        self.follower.stop()
        if self.metrics:
            self.metrics.leave()
        self.tensors.forget()

    def execute(self, requests):
        if probes := Probe.marks(requests):
            answers = iter(
                self._served([request for request, is_one in zip(requests, probes, strict=True) if not is_one])
            )
            return [self.probe.response() if is_one else next(answers) for is_one in probes]
        return self._served(requests)

    def _served(self, requests: list) -> list:
        if not requests:
            return []
        begun = time.perf_counter()
        batches = self._answered([_Request(request) for request in requests])
        seconds = time.perf_counter() - begun
        if self.metrics:
            for batch in batches:
                batch.count(self.metrics, seconds)
            self._write([record for batch in batches for record in batch.records(seconds)])
            self._copy(batches)
        return [response for batch in batches for response in self._responses(batch)]

    def _answered(self, requests: list) -> list:
        """What answers the requests, in order. A batch that fails is taken one by one: none takes its neighbours
        down with it."""
        try:
            return [self._together(requests)]
        except Exception as error:
            if len(requests) == 1:
                return [Failed(error, requests[0].rows)]
            return [batch for request in requests for batch in self._answered([request])]

    def _together(self, requests: list) -> Answered:
        fields, sizes, missing = self.fields.read([request.fields for request in requests])
        if self.door:
            fields = self.door.hide(fields)
        given = _given(requests)
        arms = []
        for release, rows in self.router.split(fields, sizes):
            chosen = fields if rows is None else {name: values[rows] for name, values in fields.items()}
            release.require(chosen, missing, rows)
            try:
                arms.append(Arm(release, rows, chosen, release.predict(chosen, given)))
            except Exception as error:
                error.release = release.name  # type: ignore[attr-defined]
                raise
        return Answered(sizes, arms)

    def _write(self, records: list) -> None:
        """An answer that cannot be logged is still an answer; it is counted, and the server's log says why, once."""
        lost = self.log.write(records)
        if lost.rows:
            self.metrics.not_logged(lost.rows)
        if lost.reason != self.unlogged:
            self.unlogged = lost.reason
            tell(f"predictions are not logged: {lost.reason}" if lost.reason else "predictions are logged again")

    def _copy(self, batches: list) -> None:
        """What the champion answered, for the shadow if there is one."""
        if shadowed := self.router.shadow:
            for arm in (arm for batch in batches for arm in batch.arms):
                if arm.release is shadowed.champion:
                    self.shadow.offer(shadowed, arm.fields, arm.release.manifest, arm.prediction)

    def _responses(self, batch) -> list:
        if isinstance(batch, Failed):
            words = f"{type(batch.error).__name__}: {batch.error}"
            code = pb_utils.TritonError.INVALID_ARG if batch.request_is_at_fault else pb_utils.TritonError.INTERNAL
            return [pb_utils.InferenceResponse(error=pb_utils.TritonError(words, code))]
        return [
            pb_utils.InferenceResponse(list(tensors))
            for outputs, bounds in batch.groups(self.tells_fallback)
            for tensors in zip(*[self.tensors.cut(n, values, bounds) for n, values in outputs.items()], strict=True)
        ]


class _Request:
    """Its tensors by name."""

    __slots__ = ("fields", "given")

    def __init__(self, request) -> None:
        self.fields = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
        self.given = self.fields.pop(GIVEN, None)

    @property
    def rows(self) -> int:
        return max((len(values) for values in self.fields.values()), default=1)


def _given(requests: list):
    """Looked-up features that arrived with the requests, a dict per row; None when none came."""
    texts = [request.given.reshape(-1) for request in requests if request.given is not None]
    if not texts:
        return None
    if len(texts) < len(requests):
        raise ValueError(f"{GIVEN} arrived with {len(texts)} of {len(requests)} requests")
    return [json.loads(text) for text in np.concatenate(texts)]


def _require_sound_tensors() -> None:
    """This server's stub corrupts tensors under numpy 2: refuse to serve rather than answer wrong."""
    if not np.__version__.startswith("1."):
        raise pb_utils.TritonModelException(f"numpy {np.__version__} in the serving environment; it must be 1.26")
    known = np.array([[1.5, -2.25, 3.125]], dtype=np.float32)
    back = pb_utils.Tensor("known", known).as_numpy()
    if not np.array_equal(known, back):
        changed = f"{(known != back).sum()} of {known.size} numbers changed"
        raise pb_utils.TritonModelException(f"a tensor changed in a round trip: {changed}")
