"""The model server as any client system sees it: raw KServe v2 messages over gRPC and REST, and its memory."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from include.errors import ServiceError
from include.formats import certificates
from include.settings import Settings
from include.state_root import runs

NUMPY: dict[str, Any] = {"BYTES": np.object_, "FP32": np.float32, "FP64": np.float64, "INT64": np.int64}
MEGABYTE = 1024 * 1024


class KServe:
    """Both protocols of one server; errors are ServiceError with the server's own words."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def _grpc(self) -> Any:
        from tritonclient.grpc import InferenceServerClient

        return InferenceServerClient(self.settings.triton_grpc)

    @cached_property
    def _rest(self) -> Any:
        import httpx

        seconds = self.settings.serving_timeout
        url = f"http://{self.settings.triton_http}"
        return httpx.Client(base_url=url, trust_env=False, timeout=seconds, verify=certificates.needed(url))

    def close(self) -> None:
        """Close the connections that were opened."""
        for name in ("_grpc", "_rest"):
            if client := self.__dict__.pop(name, None):
                client.close()

    def metadata(self, model: str, protocol: str) -> dict[str, Any]:
        """Inputs and outputs that the server declares, shapes as integers."""
        if protocol == "rest":
            return self._over_rest("GET", f"/v2/models/{model}")
        found = self._over_grpc("get_model_metadata", model, as_json=True, client_timeout=self.settings.serving_timeout)
        return {key: [_declared(tensor) for tensor in found[key]] for key in ("inputs", "outputs")}

    def ask(self, model: str, payload: Mapping[str, Any], protocol: str) -> dict[str, Any]:
        """Send one request; the answer as KServe v2's JSON has it."""
        if protocol == "rest":
            return self._over_rest("POST", f"/v2/models/{model}/infer", payload)
        inputs = [_tensor(tensor) for tensor in payload["inputs"]]
        answer = self._over_grpc("infer", model, inputs, client_timeout=self.settings.serving_timeout)
        return {"outputs": [_said(answer, output) for output in answer.get_response().outputs]}

    def memory_mb(self, model: str) -> float | None:
        """Resident memory of the stub that serves the model; None when the server runs on another machine."""
        import psutil

        file = self.settings.triton_repository / model / "1" / "model.py"
        for process in psutil.process_iter(["cmdline", "memory_info"]):
            if runs(file, process.pid, process.info["cmdline"] or ()):
                return float(process.info["memory_info"].rss / MEGABYTE)
        return None

    def _over_grpc(self, call: str, *arguments: Any, **more: Any) -> Any:
        from tritonclient.utils import InferenceServerException

        try:
            return getattr(self._grpc, call)(*arguments, **more)
        except InferenceServerException as error:
            raise ServiceError(f"{arguments[0]} at {self.settings.triton_grpc}: {error.message()}") from error

    def _over_rest(self, verb: str, path: str, payload: Mapping[str, Any] | None = None) -> dict[str, Any]:
        import httpx

        try:
            answer = self._rest.request(verb, path, content=json.dumps(_without_null(payload)) if payload else None)
        except httpx.HTTPError as error:
            raise ServiceError(f"{verb} {path} at {self.settings.triton_http}: {error!r}") from error
        if not answer.is_success:
            raise ServiceError(f"{verb} {path}: status {answer.status_code}, {answer.text[:500]}")
        return dict(answer.json())


def _without_null(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Triton's own REST takes NaN and no null; the facade, which clients ask, does the opposite."""
    return {**payload, "inputs": [_filled(tensor) for tensor in payload["inputs"]]}


def _filled(tensor: Mapping[str, Any]) -> dict[str, Any]:
    nothing: Any = "" if tensor["datatype"] == "BYTES" else np.nan
    return {**tensor, "data": [nothing if value is None else value for value in tensor["data"]]}


def _declared(tensor: Mapping[str, Any]) -> dict[str, Any]:
    """Protobuf's JSON has 64-bit numbers as text."""
    return {"name": tensor["name"], "datatype": tensor["datatype"], "shape": [int(n) for n in tensor["shape"]]}


def _tensor(tensor: Mapping[str, Any]) -> Any:
    from tritonclient.grpc import InferInput

    one = InferInput(tensor["name"], list(tensor["shape"]), tensor["datatype"])
    nothing: Any = b"" if tensor["datatype"] == "BYTES" else np.nan
    values = [v.encode() if isinstance(v, str) else nothing if v is None else v for v in tensor["data"]]
    one.set_data_from_numpy(np.array(values, dtype=NUMPY[tensor["datatype"]]).reshape(tensor["shape"]))
    return one


def _said(answer: Any, output: Any) -> dict[str, Any]:
    data = [v.decode() if isinstance(v, bytes) else v for v in answer.as_numpy(output.name).reshape(-1).tolist()]
    return {"name": output.name, "datatype": output.datatype, "shape": list(output.shape), "data": data}
