"""The model server, as steps, client systems and the keeper see it, and the releases that it serves."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from include.contracts.deployment import ReleaseRef


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
        """Move a complete staged directory into place under the next name (r0001 …)."""

    def get(self, usecase: str, name: str) -> ReleaseRef: ...

    def all(self, usecase: str) -> list[ReleaseRef]: ...


class ModelControl(Protocol):
    """Raises ServiceError when the server does not answer, or refuses."""

    def beats(self) -> dict[tuple[str, str], float]:
        """The last sign of life (epoch seconds) of each process, by its model and name."""

    def loaded(self) -> set[str]:
        """Models that are ready."""

    def load(self, model: str) -> None:
        """Load a model again."""
