"""The feature store."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from include.contracts.features import FeatureInfo, FeatureServiceRef, ViewDefinition
from include.contracts.tables import SnapshotRef


class FeatureStore(Protocol):
    """Offline and online features under one set of definitions."""

    def apply(self) -> None:
        """Register the definitions of ``feature_repo`` (idempotent), but not those of a file that cannot be used.

        Raises SpecError afterwards, with a line per file that was left out and why.
        """

    def faults(self, file: str) -> list[str]:
        """Why this file of ``feature_repo`` cannot be registered, a line each; nothing is changed."""

    def keep(self, service: str) -> FeatureServiceRef:
        """Keep a feature service as it is now, for a release that is built with it (idempotent)."""

    def search(self, text: str = "") -> list[FeatureInfo]:
        """Features whose name, view, description, owner or tags hold every word of the text; all without one."""

    def materialize(self, views: Sequence[str], start: datetime, end: datetime) -> None:
        """Load the newest offline values of [start, end) into the online store."""

    def push(self, view: str, rows: pd.DataFrame) -> None:
        """Write rows straight into the online store (streaming); one older than what is there is dropped."""

    def historical(
        self, service: str, events: pd.DataFrame, snapshots: Sequence[SnapshotRef] | None = None
    ) -> pd.DataFrame:
        """``events`` plus the features of the service as they were known at ``event_timestamp``.

        Features are read as these snapshots pin them; None: the current snapshots.
        """

    def historical_file(
        self, service: str, events: str | Path, file: Path, snapshots: Sequence[SnapshotRef] | None = None
    ) -> int:
        """The same from a Parquet file or an SQL query into a Parquet file, in bounded memory; returns the rows."""

    def online(self, service: str, keys: Sequence[Mapping[str, Any]], *, stamped: bool = False) -> list[dict[str, Any]]:
        """The service's features per mapping of entity keys, None where unknown.

        ``stamped``: also ``<view>__event_timestamp``, the epoch second that the view's values are from, or None.
        """

    def definitions(self) -> list[ViewDefinition]:
        """Every registered feature view with its features, meanings, owner and services."""
