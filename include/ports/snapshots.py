"""What a rewrite of stored tables needs of the manifests that pin their versions."""

from contextlib import AbstractContextManager
from typing import Protocol

from include.contracts.tables import SnapshotRef


class SnapshotManifests(Protocol):
    """The manifests of one use case's snapshots."""

    def nobody_publishing(self) -> AbstractContextManager[None]:
        """No publication is under way, and none starts, while this is held."""

    def published(self) -> list[SnapshotRef]:
        """The current snapshot of every published period, oldest first."""

    def manifests(self) -> dict[str, SnapshotRef]:
        """Place of the manifest → snapshot: the current ones, then all with a name."""

    def replace(self, place: str, snapshot: SnapshotRef) -> None:
        """Replace one of ``manifests``."""
