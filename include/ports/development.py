"""The experiment tracker."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from include.contracts.development import DatasetRef, ModelFields, ModelRef, RegisteredVersion, TrialRecord


class ExperimentTracker(Protocol):
    """Runs, registered versions and their aliases."""

    def log_training(
        self,
        usecase: str,
        dataset: DatasetRef,
        model: bytes,
        parameters: Mapping[str, Any],
        metrics: Mapping[str, float],
        documents: Mapping[str, str | bytes],
        *,
        key: str = "",
        revision: str = "",
        curve: Sequence[Mapping[str, float]] = (),
        tags: Mapping[str, str] | None = None,
        fields: ModelFields | None = None,
    ) -> ModelRef:
        """Log one training run, register its model; ``documents`` maps artifact path to text or bytes.

        A ``key`` that was registered before gives that version again; '' means dataset, parameters and model.
        ``curve`` is the fit step by step; ``tags`` are of run and version; ``fields`` is what
        people see of its inputs and outputs.
        """

    def log_search(
        self, usecase: str, search: str, about: Mapping[str, str], trials: Sequence[TrialRecord] = ()
    ) -> str:
        """The id of the run of a search, made once; every trial that ended becomes a run below it, once."""

    def find(self, usecase: str, key: str) -> ModelRef | None:
        """The version that was registered under a training key, if any."""

    def model(self, usecase: str, version: int) -> ModelRef: ...

    def load(self, model: ModelRef) -> bytes:
        """The model's bytes; raises ServiceError when they do not match ``artifact_hash``."""

    def document(self, model: ModelRef, path: str) -> str: ...

    def content(self, model: ModelRef, path: str) -> bytes: ...

    def add_document(self, model: ModelRef, path: str, text: str | bytes) -> None: ...

    def set_alias(self, usecase: str, alias: str, version: int) -> None: ...

    def alias(self, usecase: str, alias: str) -> int | None: ...

    def tag(self, usecase: str, version: int, tags: Mapping[str, str]) -> None: ...

    def tags(self, usecase: str, version: int) -> dict[str, str]: ...

    def versions(self, usecase: str) -> list[int]: ...

    def forget(self, model: ModelRef) -> bool:
        """Delete a version and its model file for good; whether both are gone. What was logged of its run stays."""

    def store(self) -> str:
        """The id of the store that runs and versions are in; '' when it has none.

        Every method raises DamagedStateError when the store is not the one that was used before.
        """


class RegisteredRun(NamedTuple):
    """The run of a registered version: its documents at the top level, and its figures."""

    version: int
    at: datetime
    documents: frozenset[str]
    figures: Mapping[str, float]


class ExperimentReader(Protocol):
    """What a page shows of registered versions."""

    def document(self, usecase: str, version: int, path: str) -> str:
        """A text that was stored with the version; raises NotFoundError, ServiceError."""

    def registered(self, usecase: str, version: int) -> RegisteredVersion:
        """Parameters, metrics and tags of the version; raises NotFoundError, ServiceError."""

    def newest(self, usecase: str) -> RegisteredRun | None:
        """The newest version; None before the first. Raises ServiceError."""

    def page(self, usecase: str, version: int) -> str:
        """The address of the version in the tracker's own pages."""
