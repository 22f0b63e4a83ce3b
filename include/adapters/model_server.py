"""Triton: how the embedded server is started, its model repository, and inference over gRPC."""

import math
import os
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from include.contracts.encoding import category
from include.errors import DataError, DeploymentError, RequestFailedError, RequestRefusedError, ServiceError
from include.formats import certificates
from include.process_environment import inherited_environment
from include.settings import Settings

PROTOCOL = {"string": "BYTES", "float": "FP32", "double": "FP64", "timestamp": "FP64"}
AWAY = ("StatusCode.UNAVAILABLE", "StatusCode.DEADLINE_EXCEEDED", "StatusCode.CANCELLED")
"""How gRPC says that the server does not answer (in time)."""

CHANNEL = [
    ("grpc.max_send_message_length", 2**31 - 1),
    ("grpc.max_receive_message_length", 2**31 - 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
]
"""A server that was away is connected to as soon as it is there again; gRPC by itself waits for up to two minutes."""

NUMPY = {"string": np.object_, "float": np.float32, "double": np.float64, "timestamp": np.float64}


def directory(settings: Settings) -> Path:
    """Where it must start: its Python backend hands paths to a shell, so it knows this directory by another name."""
    return settings.home


def command(settings: Settings) -> tuple[list[str], dict[str, str]]:
    """Command line and environment, without secrets, of the server that the ``nvidia-pytriton`` wheel carries.

    Raises
    ------
    ServiceError
        the serving environment is not there or not complete.
    """
    packages = _site_packages(settings.triton_venv)
    server = packages / "pytriton" / "tritonserver"
    backends = _assemble_backends(settings, server)
    settings.triton_repository.mkdir(parents=True, exist_ok=True)
    argv = [
        str(server / "bin" / "tritonserver"),
        f"--backend-directory={settings.within(backends)}",
        f"--model-repository={settings.within(settings.triton_repository)}",
        "--model-control-mode=explicit",
        "--disable-auto-complete-config",
        "--strict-readiness=false",
        "--exit-on-error=false",  # one model that does not load must not take the others down
        f"--backend-config=python,shm-region-prefix-name={_shared_memory(settings)}",
        *_models(settings),
        f"--http-address={settings.host}",
        f"--http-port={settings.triton_http_port}",
        f"--grpc-address={settings.host}",
        f"--grpc-port={settings.triton_grpc_port}",
        f"--metrics-address={settings.host}",
        f"--metrics-port={settings.triton_metrics_port}",
        "--allow-gpu-metrics=false",
        "--exit-timeout-secs=5",
    ]
    libraries = f"{packages / 'nvidia_pytriton.libs'}{os.pathsep}{_libdir(settings.triton_venv)}"
    keep = inherited_environment("PYTHONPATH", "PYTHONHOME")
    path = f"{settings.triton_venv / 'bin'}{os.pathsep}{keep.get('PATH', '')}"
    own = {"LD_LIBRARY_PATH": libraries, "PATH": path, "VIRTUAL_ENV": str(settings.triton_venv)}
    return argv, {**keep, **own}


def clear_shared_memory(settings: Settings) -> None:
    """Take away what a killed server left in ``/dev/shm`` (1 MB each); only while no server runs on these ports."""
    for region in Path("/dev/shm").glob(f"{_shared_memory(settings)}*"):  # noqa: S108 - Triton's own place for it
        region.unlink(missing_ok=True)


def _shared_memory(settings: Settings) -> str:
    return f"moebius_triton_{settings.triton_grpc_port}_"


def _site_packages(venv: Path) -> Path:
    places = sorted(venv.glob("lib/python3*/site-packages"))
    if not places or not (places[-1] / "pytriton").is_dir():
        raise ServiceError(f"no Triton server in {venv}: `make up` installs triton_models/requirements.txt there")
    return places[-1]


def _assemble_backends(settings: Settings, server: Path) -> Path:
    """The Python backend and the stub for this Python in one directory, as the server wants them."""
    venv = settings.triton_venv
    version = next(venv.glob("lib/python3*")).name.removeprefix("python")
    target = settings.home / "triton-backends" / "python"
    target.mkdir(parents=True, exist_ok=True)
    stub = server / "python_backend_stubs" / version / "triton_python_backend_stub"
    for file in [*(f for f in (server / "backends" / "python").iterdir() if f.is_file()), stub]:
        _link(file, target / file.name)
    return target.parent


def _link(source: Path, target: Path) -> None:
    """A link that is right is left alone: a running server may be reading it."""
    if target.is_symlink() and target.readlink() == source.resolve():
        return
    target.unlink(missing_ok=True)
    target.symlink_to(source.resolve())


def _libdir(venv: Path) -> str:
    asked = "import sysconfig; print(sysconfig.get_config_var('LIBDIR'))"
    return subprocess.check_output([venv / "bin" / "python", "-c", asked], text=True).strip()


def _models(settings: Settings) -> list[str]:
    """What to load at start: every stable name that was installed before."""
    names = sorted(p.parent.parent.name for p in settings.triton_repository.glob("*/1/model.py"))
    return [f"--load-model={name}" for name in names if "--" not in name]


class TritonServer:
    """The model repository and a gRPC channel; one instance may be shared by threads.

    ``request`` is the request schema of the spec: field → string, float or timestamp; ``shapes`` (``UseCase.inputs``)
    says which columns a field holds: with several it is a list of so many numbers.
    """

    def __init__(self, settings: Settings, request: Mapping[str, str], shapes: Mapping[str, Sequence[str]]) -> None:
        self.settings, self.request = settings, request
        self._widths = {name: len(columns) for name, columns in shapes.items()}
        self.repository = settings.triton_repository

    @cached_property
    def _client(self) -> Any:
        from tritonclient.grpc import InferenceServerClient

        return InferenceServerClient(self.settings.triton_grpc, channel_args=CHANNEL)

    def close(self) -> None:
        """Close the channel, if one was opened."""
        if client := self.__dict__.pop("_client", None):
            client.close()

    def runs(self) -> bool:
        """Whether a process listens at its address; one that hangs does."""
        try:
            socket.create_connection((self.settings.host, self.settings.triton_grpc_port), timeout=1).close()
        except ConnectionError:
            return False
        except OSError:  # no answer is no proof that nobody is there
            return True
        return True

    def ready(self) -> bool:
        return self._agrees("is_server_ready")

    def model_ready(self, model: str) -> bool:
        return self._agrees("is_model_ready", model)

    def _agrees(self, question: str, *arguments: str) -> bool:
        from tritonclient.utils import InferenceServerException

        try:
            return bool(getattr(self._client, question)(*arguments, client_timeout=self.settings.serving_timeout))
        except InferenceServerException:
            return False

    def rollout_generation(self, usecase: str) -> int | None:
        """The rollout generation that every process of the model follows at least; None when none says so."""
        url = f"http://{self.settings.host}:{self.settings.triton_metrics_port}/metrics"
        try:
            text = httpx.get(url, timeout=5, trust_env=False, verify=certificates.needed(url)).text
        except httpx.HTTPError:
            return None
        lines = (line for line in text.splitlines() if line.startswith("moebius_rollout_generation{"))
        values = [float(line.rsplit(" ", 1)[1]) for line in lines if f'usecase="{usecase}"' in line]
        return int(min(values)) if values and math.isfinite(min(values)) else None

    def install(self, model: str, directory: Path) -> None:
        """Move a complete model directory into the repository.

        Raises
        ------
        DeploymentError
            it lacks a file: a version directory without ``model.py`` would hang the server.
        """
        lacking = [name for name in ("config.pbtxt", "1/model.py") if not (directory / name).is_file()]
        if lacking:
            raise DeploymentError(f"model directory {directory} lacks {lacking}; it was not installed")
        self._take_away(model)
        self.repository.mkdir(parents=True, exist_ok=True)
        directory.replace(self.repository / model)

    def load(self, model: str) -> None:
        """Raises DeploymentError with the server's reason when it does not load, ServiceError when that is away."""
        self._control("load", model)

    def unload(self, model: str) -> None:
        self._control("unload", model)

    def remove(self, model: str) -> None:
        """Unload the model and take its directory away; what a server that runs still has is unloaded, ready or not."""
        if self.runs() and self._knows(model):
            self.unload(model)
        self._take_away(model)

    def _knows(self, model: str) -> bool:
        """Whether the model is loaded, or being loaded; raises ServiceError when the server does not answer."""
        from tritonclient.utils import InferenceServerException

        try:
            index = self._client.get_model_repository_index(client_timeout=self.settings.serving_timeout)
        except InferenceServerException as error:
            raise ServiceError(f"Triton at {self.settings.triton_grpc}: {error.message()}") from error
        return any(one.name == model and one.state in ("READY", "LOADING") for one in index.models)

    def _take_away(self, model: str) -> None:
        """In one step: a model directory that is half gone would hang a load of it."""
        target = self.repository / model
        if target.exists():
            with tempfile.TemporaryDirectory(prefix=".removed-", dir=self.repository.parent) as bin_:
                target.replace(Path(bin_) / model)

    def infer(
        self, model: str, rows: Sequence[Mapping[str, Any]], given: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """One request with these rows; an answer per row by the model's outputs, none for no row.

        Always ``prediction`` (a name of a class is text), ``release`` and ``request_id``; ``probability`` and
        ``scores`` (a list) where the task has them. ``given`` (JSON texts of looked-up features) is for a private
        model only.

        Raises
        ------
        DataError
            a row has a value of another type.
        RequestRefusedError
            the server refuses this request for what it holds, or lacks.
        RequestFailedError
            the server answers this request with an error.
        ServiceError
            the server does not answer.
        """
        from tritonclient.utils import InferenceServerException

        if not rows:
            return []
        inputs = self.inputs(rows)
        if given is not None:
            inputs.append(_tensor("given_features", "string", list(given), 1))
        try:
            answer = self._client.infer(model, inputs, client_timeout=self.settings.serving_timeout)
        except InferenceServerException as error:
            raise _failure(error.status())(f"{model} at {self.settings.triton_grpc}: {error.message()}") from error
        return _rows(answer)

    def inputs(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The rows as Triton's input tensors, each [N, numbers of the field]; raises DataError as ``infer`` does.

        What a row lacks, or has as None or NaN, is missing: the server knows whether it may be.
        """
        kinds, widths = self.request.items(), self._widths
        return [_tensor(name, kind, [row.get(name) for row in rows], widths[name]) for name, kind in kinds]

    def _control(self, verb: str, model: str) -> None:
        from tritonclient.utils import InferenceServerException

        act = self._client.load_model if verb == "load" else self._client.unload_model
        try:
            act(model, client_timeout=self.settings.serving_timeout)
        except InferenceServerException as error:
            if error.status() in AWAY:
                words = f"Triton at {self.settings.triton_grpc} did not answer"
                raise ServiceError(f"{words} whether it did {verb} {model}: {error.message()}") from error
            reason = f"{error.message()}; what served before still does"
            raise DeploymentError(f"Triton did not {verb} {model}: {reason}") from error


def _tensor(name: str, kind: str, values: list[Any], width: int) -> Any:
    from tritonclient.grpc import InferInput

    try:
        plain = [_text(v) if kind == "string" else _numbers(v, width) for v in values]
        table: np.ndarray = np.array(plain, dtype=NUMPY[kind]).reshape(len(values), width)
    except (TypeError, ValueError):  # its words hold a value
        kinds = sorted({type(value).__name__ for value in values})
        wanted = f"{width} numbers" if width > 1 else f"a {kind}"
        raise DataError(f"request field {name!r} must be {wanted}, got {kinds}") from None
    tensor = InferInput(name, list(table.shape), PROTOCOL[kind])
    tensor.set_data_from_numpy(table)
    return tensor


def _text(value: Any) -> bytes:
    """Text travels as bytes, a missing one as none; a scalar is spelled. Raises TypeError for a list or mapping."""
    if _is_missing(value):
        return b""
    if isinstance(value, list | tuple | dict | set | np.ndarray):
        raise TypeError
    return value if isinstance(value, bytes) else (category(value) or "").encode()


def _numbers(value: Any, width: int) -> Any:
    """Numbers, and times as epoch seconds; NaN where missing. Raises TypeError for what is no number."""
    if _is_missing(value):
        return [math.nan] * width
    given = value if isinstance(value, list | tuple | np.ndarray) else [value]
    return [_number(one) for one in given]


def _number(value: Any) -> Any:
    if _is_missing(value):
        return math.nan
    if hasattr(value, "timestamp"):
        return value.timestamp()
    if isinstance(value, bool | np.bool_ | str | bytes):
        raise TypeError
    return value


def _is_missing(value: Any) -> bool:
    """None, NaN, and what pandas has in their place."""
    if isinstance(value, list | tuple | np.ndarray):
        return False
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and math.isnan(value)


def _failure(status: str) -> type[ServiceError]:
    if status in (*AWAY, "StatusCode.NOT_FOUND"):  # the model is not there now
        return ServiceError
    return RequestRefusedError if status == "StatusCode.INVALID_ARGUMENT" else RequestFailedError


def _rows(answer: Any) -> list[dict[str, Any]]:
    names = [output.name for output in answer.get_response().outputs]
    columns = {name: _values(answer.as_numpy(name), one=name != "scores") for name in names}
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _values(tensor: np.ndarray, one: bool) -> list[Any]:
    """Python values per row: text, numbers, or lists of them."""
    values = (tensor.reshape(-1) if one else tensor).tolist()
    return [value.decode() if isinstance(value, bytes) else value for value in values]
