"""The model server, as steps, client systems and the keeper see it, and the releases that it serves."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from include.contracts.deployment import ReleaseRef
from include.contracts.retirement import RetiredRelease


class ModelServer(Protocol):
    """The real Triton server, over gRPC."""

    def close(self) -> None: ...

    def runs(self) -> bool:
        """Whether a process listens at its address; one that hangs does."""

    def ready(self) -> bool: ...

    def model_ready(self, model: str) -> bool: ...

    def rollout_generation(self, usecase: str) -> int | None:
        """The rollout generation that every process of the model follows at least; None when none says so."""

    def install(self, model: str, directory: Path) -> None:
        """Put a complete model directory into the repository, in one step."""

    def load(self, model: str) -> None:
        """Raises DeploymentError when the server refuses, ServiceError when it does not answer in time."""

    def unload(self, model: str) -> None:
        """Raises as ``load``."""

    def remove(self, model: str) -> None:
        """Unload the model and take its directory away; raises ServiceError when a running server does not answer."""

    def infer(
        self, model: str, rows: Sequence[Mapping[str, Any]], given: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """One request with these rows; an answer per row: prediction, release, request_id, probability, scores."""


class InferenceProtocol(Protocol):
    """The model server as a client system of any make sees it: KServe v2 over ``grpc`` or ``rest``."""

    def close(self) -> None: ...

    def metadata(self, model: str, protocol: str) -> dict[str, Any]:
        """``{"inputs", "outputs"}``: tensors with name, datatype, shape."""

    def ask(self, model: str, payload: Mapping[str, Any], protocol: str) -> dict[str, Any]:
        """One request as KServe v2's JSON has it; raises ServiceError with the server's words when it is refused."""

    def memory_mb(self, model: str) -> float | None:
        """What the process that serves the model holds; None where it cannot be seen."""


class ReleaseStore(Protocol):
    """Packaged releases on disk."""

    def add(self, usecase: str, staged: Path, model_version: int) -> ReleaseRef:
        """Sign a complete staged directory, and move it into place under the next name (r0001 …).

        Raises SettingsError in a process that has no private key.
        """

    def get(self, usecase: str, name: str) -> ReleaseRef: ...

    def verified(self, usecase: str, name: str) -> ReleaseRef:
        """The release, for whoever lets it serve: its signature and the SHA-256 of every file were proved just now.

        Raises DamagedReleaseError, which names the file, when one lacks, was changed or added, or when no key of this
        state root signed it under this name.
        """

    def faults(self, usecase: str, name: str) -> list[str]:
        """Everything that is not as it was signed, in words that name the file; [] when all is whole."""

    def sign(self, usecase: str, name: str, note: str) -> ReleaseRef:
        """Sign a release as it is now, with the reason in its signature."""

    def sign_report(self, usecase: str, name: str) -> None:
        """Sign the report of the tests before traffic, which is written after the release was signed."""

    def newest(self, usecase: str) -> ReleaseRef | None:
        """The last of ``all``; the others are not read."""

    def all(self, usecase: str) -> list[ReleaseRef]:
        """Without those that were retired."""

    def retire(self, usecase: str, one: RetiredRelease) -> None:
        """Take the files of a release away for good; its name is not given again, and ``get`` says that it was retired.

        May be repeated after a kill.
        """

    def retired(self, usecase: str) -> list[RetiredRelease]:
        """What was retired, oldest first."""


class ModelState(NamedTuple):
    """A model in the index of a server: whether it is ready, the server's own word, and why it is not."""

    ready: bool
    word: str = ""
    reason: str = ""


class ProbeAnswer(NamedTuple):
    """Which process of a model answered a probe, and with what fault of our own code; '' when all is well."""

    process: str
    fault: str = ""


class ModelControl(Protocol):
    """Raises ServiceError when the server does not answer, RequestFailedError when it refuses."""

    def close(self) -> None:
        """Forget the connection, as the server may be another one now."""

    def installed(self) -> list[str]:
        """Models that the server is to serve: the stable names that were installed."""

    def states(self) -> dict[str, ModelState]:
        """The server's index; a model that it never loaded may be missing."""

    def processes(self, model: str) -> list[str]:
        """Names of the processes that a ready model has."""

    def load(self, model: str) -> None:
        """Load a model again, whether or not it is changed; processes that answer go on until the new ones do."""

    def unload(self, model: str) -> None: ...

    def probe(self, model: str, seconds: float = ...) -> ProbeAnswer:
        """One real request, which one of the processes answers within so many seconds."""
