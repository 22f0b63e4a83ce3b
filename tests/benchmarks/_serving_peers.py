"""Who serves the same model beside us: a bare model on our Triton, ``mlflow models serve``, a FastAPI service."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

from include.adapters.model_server import PROTOCOL
from tests.benchmarks._serving_load import Target
from tests.integration.pipeline_fixtures import KEYS, Serving
from tests.integration.ports import free_ports

BARE_MODEL = """
import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession({onnx!r}, options, providers=["CPUExecutionProvider"])
        self.output = self.session.get_outputs()[-1].name

    def execute(self, requests):
        rows = [pb_utils.get_input_tensor_by_name(r, "input").as_numpy() for r in requests]
        answers = self.session.run([self.output], {{"input": np.concatenate(rows)}})[0]
        responses, begin = [], 0
        for one in rows:
            part = answers[begin : begin + len(one), 1:].astype(np.float32)
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("probability", part)]))
            begin += len(one)
        return responses
"""
BARE_CONFIG = """backend: "python"
max_batch_size: 64
input [ {{ name: "input", data_type: TYPE_FP32, dims: [ {features} ] }} ]
output [ {{ name: "probability", data_type: TYPE_FP32, dims: [ 1 ] }} ]
instance_group [ {{ kind: KIND_CPU, count: {instances} }} ]
dynamic_batching {{ }}
"""


def pipeline(serving: Serving, rows: Sequence[Mapping[str, Any]], name: str, model: str) -> Target:
    """Ours by Triton's HTTP endpoint, one row a request."""
    bodies = [{"inputs": [_input(field, kind, row[field]) for field, kind in serving.spec.request.items()]}
              for row in rows]  # fmt: skip
    return Target(name, _infer_url(serving, model), bodies, _from_triton)


def bare(serving: Serving, onnx: Path, matrix: np.ndarray, name: str, instances: int) -> Target:
    """The ONNX file in a Triton model that does nothing else; finished features come with the request."""
    directory = serving.settings.staging / name
    (directory / "1").mkdir(parents=True)
    (directory / "1" / "model.py").write_text(BARE_MODEL.format(onnx=str(onnx)))
    (directory / "config.pbtxt").write_text(BARE_CONFIG.format(features=matrix.shape[1], instances=instances))
    serving.server.install(name, directory)
    serving.server.load(name)
    shape = [1, matrix.shape[1]]
    bodies = [{"inputs": [{"name": "input", "shape": shape, "datatype": "FP32", "data": row.tolist()}]}
              for row in matrix]  # fmt: skip
    return Target(name, _infer_url(serving, name), bodies, _from_triton)


@contextmanager
def fastapi(serving: Serving, release: Path, rows: Sequence[Mapping[str, Any]], home: Path) -> Iterator[Target]:
    """The plain service (see ``_serving_fastapi``), which looks the features up itself."""
    (port,) = free_ports(1)
    settings, facts = serving.settings, home / "fastapi.json"
    told = {"release": str(release), "redis": settings.online_store_url, "project": settings.feature_project}
    facts.write_text(json.dumps({**told, "keys": KEYS, "port": port}))
    argv = [sys.executable, "-m", "tests.benchmarks._serving_fastapi", str(facts)]
    bodies = [{name: _seconds(value) for name, value in row.items()} for row in rows]
    with _running(argv, f"http://127.0.0.1:{port}/openapi.json", home / "fastapi.log"):
        yield Target(
            "fastapi_same_lookup", f"http://127.0.0.1:{port}/predict", bodies, lambda answer: answer["probability"]
        )


@contextmanager
def mlflow(booster: Any, matrix: np.ndarray, home: Path) -> Iterator[Target]:
    """``mlflow models serve`` as it starts by default, given finished features."""
    import mlflow.xgboost

    (port,) = free_ports(1)
    names = [f"f{i}" for i in range(matrix.shape[1])]
    frame = pd.DataFrame(matrix.astype(np.float64), columns=names)
    signature = mlflow.models.infer_signature(frame, booster.inplace_predict(matrix))
    mlflow.xgboost.save_model(
        booster, home / "mlflow", signature=signature, pip_requirements=["xgboost"], model_format="ubj"
    )
    command = [str(Path(sys.executable).with_name("mlflow")), "models", "serve", "--env-manager", "local"]
    argv = [*command, "--model-uri", str(home / "mlflow"), "--host", "127.0.0.1", "--port", str(port)]
    bodies = [{"dataframe_split": {"columns": names, "data": [row]}} for row in frame.to_numpy().tolist()]
    with _running(argv, f"http://127.0.0.1:{port}/ping", home / "mlflow.log"):
        yield Target(
            "mlflow_serve", f"http://127.0.0.1:{port}/invocations", bodies, lambda answer: answer["predictions"][0]
        )


@contextmanager
def _running(argv: list[str], ready: str, log: Path, patience: float = 90) -> Iterator[None]:
    """A process group that answers at ``ready``, stopped at the end."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # MLflow runs uvicorn by its name
    environment = os.environ | {"PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}
    with log.open("w") as out:
        process = subprocess.Popen(argv, env=environment, stdout=out, stderr=out, start_new_session=True)
        try:
            deadline = time.monotonic() + patience
            while not _answers(ready):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{argv[1:4]} did not start: {log.read_text()[-2000:]}")
                time.sleep(0.1)
            yield
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(20)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _infer_url(serving: Serving, model: str) -> str:
    return f"http://{serving.settings.triton_http}/v2/models/{model}/infer"


def _input(name: str, kind: str, value: Any) -> dict[str, Any]:
    return {"name": name, "shape": [1, 1], "datatype": PROTOCOL[kind], "data": [_seconds(value)]}


def _seconds(value: Any) -> Any:
    """Timestamps travel as epoch seconds; numpy's numbers are not JSON."""
    if hasattr(value, "timestamp"):
        return value.timestamp()
    return value if isinstance(value, str) else float(value)


def _from_triton(answer: dict[str, Any]) -> float:
    return next(output["data"][0] for output in answer["outputs"] if output["name"] == "probability")
