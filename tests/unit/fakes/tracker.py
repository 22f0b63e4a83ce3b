"""Runs, versions, aliases, tags and documents in memory."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from include.contracts.development import DatasetRef, ModelFields, ModelRef, TrialRecord
from include.errors import NotFoundError


class MemoryTracker:
    """``away``: an error to raise, as of a server that does not answer."""

    def __init__(self) -> None:
        self.models: dict[int, ModelRef] = {}
        self.contents: dict[int, bytes] = {}
        self.documents: dict[tuple[int, str], str] = {}
        self.version_tags: dict[int, dict[str, str]] = {}
        self.aliases: dict[str, int] = {}
        self.keys: dict[str, int] = {}
        self.searches: dict[str, list[TrialRecord]] = {}
        self.away: Exception | None = None

    def store(self) -> str:
        return "memory"

    def log_training(
        self, usecase: str, dataset: DatasetRef, model: bytes, parameters: Mapping[str, Any],
        metrics: Mapping[str, float], documents: Mapping[str, str | bytes], *, key: str = "", revision: str = "",
        curve: Sequence[Mapping[str, float]] = (), tags: Mapping[str, str] | None = None,
        fields: ModelFields | None = None,
    ) -> ModelRef:  # fmt: skip
        if key in self.keys:
            return self.models[self.keys[key]]
        version = len(self.models) + 1
        self.keys[key or f"version {version}"] = version
        self.contents[version], self.version_tags[version] = model, dict(tags or {})
        self.documents |= {(version, path): str(text) for path, text in documents.items()}
        self.models[version] = ModelRef(
            usecase=usecase, version=version, run_id=f"run{version}", uri=f"models:/{usecase}/{version}",
            artifact_hash=hashlib.sha256(model).hexdigest(), dataset=dataset,
        )  # fmt: skip
        return self.models[version]

    def log_search(
        self, usecase: str, search: str, about: Mapping[str, str], trials: Sequence[TrialRecord] = ()
    ) -> str:
        self.searches.setdefault(search, []).extend(trials)
        return search

    def find(self, usecase: str, key: str) -> ModelRef | None:
        return self.models[self.keys[key]] if key in self.keys else None

    def model(self, usecase: str, version: int) -> ModelRef:
        if version not in self.models:
            raise NotFoundError(f"{usecase} has no model version {version}")
        return self.models[version]

    def load(self, model: ModelRef) -> bytes:
        return self.contents[model.version]

    def document(self, model: ModelRef, path: str) -> str:
        if (model.version, path) not in self.documents:
            raise NotFoundError(f"version {model.version} has no {path}")
        return self.documents[model.version, path]

    def add_document(self, model: ModelRef, path: str, text: str | bytes) -> None:
        self.documents[model.version, path] = str(text)

    def set_alias(self, usecase: str, alias: str, version: int) -> None:
        self.aliases[alias] = version

    def alias(self, usecase: str, alias: str) -> int | None:
        return self.aliases.get(alias)

    def tag(self, usecase: str, version: int, tags: Mapping[str, str]) -> None:
        self.version_tags.setdefault(version, {}).update(tags)

    def tags(self, usecase: str, version: int) -> dict[str, str]:
        return dict(self.version_tags.get(version, {}))

    def forget(self, model: ModelRef) -> bool:
        self.models.pop(model.version, None)
        self.contents.pop(model.version, None)
        return True

    def versions(self, usecase: str) -> list[int]:
        if self.away:
            raise self.away
        return sorted(self.models)
