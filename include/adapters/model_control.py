"""One Triton server as its keeper sees it: models and their processes, loading and unloading, and probes."""

import os
import time
from pathlib import Path
from typing import Any

import httpx

from include.errors import NoAnswerError, RequestFailedError, ServiceError
from include.formats import certificates
from include.ports.serving import ModelState, ProbeAnswer
from include.settings import Settings

PROBE = "moebius-probe"
"""The id of a request that is a probe, as ``triton_models/pipeline/1/probe.py`` has it."""
LOAD_SECONDS = 60.0
ANSWER_SECONDS = 2.0
NUMPY = {"BYTES": "object", "FP32": "float32", "FP64": "float64"}
FAILURES: dict[str, type[ServiceError]] = {
    "StatusCode.UNAVAILABLE": ServiceError,
    "StatusCode.CANCELLED": ServiceError,
    "StatusCode.DEADLINE_EXCEEDED": NoAnswerError,
}
"""How gRPC says that nobody answered; with any other status the server refused."""
READY = "READY"


class TritonControl:
    """Raises ServiceError when the server does not answer, RequestFailedError when it refuses."""

    def __init__(self, settings: Settings) -> None:
        self._http, self._grpc = f"http://{settings.triton_http}/v2", settings.triton_grpc
        self._repository = settings.triton_repository
        self._client: Any = None

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None

    def installed(self) -> list[str]:
        """Stable names whose directory is complete; a load of one that is not would hang the server."""
        names = sorted(file.parent.parent.name for file in self._repository.glob("*/1/model.py"))
        return [name for name in names if "--" not in name and (self._repository / name / "config.pbtxt").is_file()]

    def states(self) -> dict[str, ModelState]:
        found = self._ask("POST", "repository/index", {}).json()
        return {
            one["name"]: ModelState(one.get("state") == READY, one.get("state", ""), one.get("reason", ""))
            for one in found
        }

    def processes(self, model: str) -> list[str]:
        groups = self._ask("GET", f"models/{model}/config").json()["instance_group"]
        return [f"{group['name']}_{number}" for group in groups for number in range(int(group["count"]))]

    def load(self, model: str) -> None:
        """The server loads nothing that is unchanged, and says that all is well: so its code is made newer first."""
        _make_newer(self._repository / model)
        self._ask("POST", f"repository/models/{model}/load", {}, LOAD_SECONDS)

    def unload(self, model: str) -> None:
        self._ask("POST", f"repository/models/{model}/unload", {}, LOAD_SECONDS)

    def probe(self, model: str, seconds: float = ANSWER_SECONDS) -> ProbeAnswer:
        """One request over gRPC, as clients ask."""
        from tritonclient.utils import InferenceServerException

        try:
            answer = self._connected().infer(model, [self._input(model)], request_id=PROBE, client_timeout=seconds)
        except InferenceServerException as error:
            return self._fault(model, error)
        return ProbeAnswer(_text(answer, "request_id"), "")

    def _connected(self) -> Any:
        from tritonclient.grpc import InferenceServerClient

        if self._client is None:
            self._client = InferenceServerClient(self._grpc)
        return self._client

    def _input(self, model: str) -> Any:
        """A row of nothing in the first field: nobody reads it."""
        import numpy as np
        from tritonclient.grpc import InferInput

        first = self._ask("GET", f"models/{model}").json()["inputs"][0]
        width = max(int(first["shape"][-1]), 1)
        tensor = InferInput(first["name"], [1, width], first["datatype"])
        tensor.set_data_from_numpy(np.zeros((1, width), NUMPY[first["datatype"]]))
        return tensor

    def _fault(self, model: str, error: Any) -> ProbeAnswer:
        """What our code said; raises for what the server said, or for its silence."""
        words, status = str(error.message()), str(error.status())
        if words.startswith(f"{PROBE}: "):
            _, process, fault = words.split(": ", 2)
            return ProbeAnswer(process, fault)
        self.close()  # a channel that failed would wait longer and longer before it connects again
        kind = FAILURES.get(status, RequestFailedError)
        raise kind(f"{model} at {self._grpc}: {words}") from error

    def _ask(self, verb: str, path: str, content: Any = None, seconds: float = ANSWER_SECONDS) -> httpx.Response:
        url = f"{self._http}/{path}"
        try:
            answer = httpx.request(
                verb, url, json=content, timeout=seconds, trust_env=False, verify=certificates.needed(url)
            )
        except httpx.HTTPError as error:
            raise ServiceError(f"{url}: {type(error).__name__}: {error}") from error
        if answer.is_error:
            raise RequestFailedError(f"{url}: {answer.status_code} {answer.text.strip()[:500]}")
        return answer


def _text(answer: Any, output: str) -> str:
    return str(answer.as_numpy(output).reshape(-1)[0].decode())


def _make_newer(model: Path) -> None:
    """Newer than all that the server may have seen: a clock that was put back must not hide it."""
    seen = [file.stat().st_mtime_ns for file in model.rglob("*") if file.is_file()]
    moment = max([time.time_ns(), *(before + 1_000_000 for before in seen)])
    for file in model.glob("*/model.py"):
        os.utime(file, ns=(moment, moment))
