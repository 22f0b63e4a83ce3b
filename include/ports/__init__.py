"""What the steps need of outside systems; each adapter in ``include/adapters`` fulfils one of these."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import pandas as pd
import pyarrow as pa

from include.contracts.deployment import ReleaseRef
from include.contracts.development import DatasetRef, ModelRef, TrialRecord
from include.contracts.features import FeatureInfo, FeatureServiceRef, ViewDefinition
from include.contracts.operations import Alert
from include.contracts.period import Period, Window
from include.contracts.quality import Check, CheckOutcome, GateResult
from include.contracts.streaming import DeadLetter, StreamChange, StreamEntry, StreamWindow
from include.contracts.tables import RowFilter, SnapshotRef, TableRef, TableState
from include.specification.data import Source
from include.specification.usecase import UseCase

Batch: TypeAlias = "pa.RecordBatch | Mapping[str, Sequence[Any]]"
"""Rows as a connector gives them: a record batch, or columns of Python values."""

Treat = Callable[[str, pa.RecordBatch], pa.RecordBatch]
"""What is done to each batch of a raw table before anything is written."""


class SourceConnector(Protocol):
    """Reads one raw table of an outside system, a bounded number of rows at a time."""

    def read(self, source: Source, window: Window | None) -> Iterator[Batch]:
        """All rows whose ``source.time`` is in the window, asked for there; it may give more rows, never fewer.

        Raises SourceError for what is wrong with the data, ServiceError when a retry may help.
        """


class Connect(Protocol):
    def __call__(self, spec: UseCase, table: str, delivered: Path | None) -> SourceConnector:
        """The connector of a raw table, or of the file that was delivered in its place."""


class Lake(Protocol):
    """Versioned tables, partitioned by ``period``; a commit is all or nothing."""

    def publish(self, usecase: str, table: str, rows: pa.Table | Path, period: Period) -> TableRef:
        """Replace the rows of one period, given as a table or a Parquet file, in one commit.

        The same rows again, in whatever order: same content hash, nothing written.
        """

    def append(self, usecase: str, table: str, rows: pa.Table) -> None:
        """Add rows (they carry their own ``period`` column)."""

    def delete(self, usecase: str, table: str, predicate: str) -> int:
        """Delete the rows that meet an SQL predicate, as a new version; returns their number."""

    def vacuum(self, usecase: str, table: str) -> int:
        """Delete the files that the newest version does not need; returns their number."""

    def prune(self, usecase: str, table: str, keep: Iterable[tuple[int, Period]]) -> int:
        """Delete the files that neither the newest version nor a kept (version, period) needs; returns their number."""

    def exists(self, usecase: str, table: str) -> bool: ...

    def tables(self, usecase: str) -> list[str]:
        """Names of the tables that there are, sorted."""

    def schema(self, usecase: str, table: str, version: int | None = None) -> pa.Schema: ...

    def files(
        self, usecase: str, table: str, periods: Sequence[Period] | None = None, version: int | None = None
    ) -> list[str]:
        """Parquet files of these periods (None: of all), at a version (None: the newest), for DuckDB to read."""

    def read(
        self, usecase: str, table: str, periods: Sequence[Period] | None = None, version: int | None = None
    ) -> pa.Table:
        """Rows of the table, all periods or those named. Raises NotFoundError without the table."""

    def select(self, usecase: str, table: str, wanted: RowFilter) -> pa.Table:
        """Rows of the newest version that meet a filter; little else is read. Raises NotFoundError."""

    def periods(self, usecase: str, table: str) -> list[Period]:
        """Periods that the table has rows for, sorted; [] without the table."""

    def version(self, usecase: str, table: str) -> int: ...

    def describe(self, usecase: str, table: str) -> TableState:
        """Columns, rows per period, files and commits, without reading a row. Raises NotFoundError."""


class CheckEngine(Protocol):
    """Evaluates expectations on one Parquet file; they name columns that are there, of a kind that fits."""

    def outcomes(self, file: Path, checks: Sequence[Check]) -> list[CheckOutcome]:
        """One outcome per check, in their order; one that crashed is ``broken``."""


class RowScan(CheckEngine, Protocol):
    """Evaluates expectations in bounded memory and can tell rows by name (content hash and number of the copy)."""

    def unknown(self, file: Path, checks: Sequence[Check]) -> list[Check]:
        """The checks that this engine cannot evaluate."""

    def outcomes(
        self, file: Path, checks: Sequence[Check], accepted: Collection[str] = frozenset()
    ) -> list[CheckOutcome]:
        """``accepted``: names of rows that no check of rows counts."""

    def failing(self, file: Path, checks: Sequence[Check], accepted: Collection[str], limit: int) -> pa.Table:
        """Rows that break one of the checks: ``row`` (its name), ``reasons``, ``content`` (JSON); at most ``limit``."""

    def remove(self, file: Path, rows: Collection[str]) -> int:
        """Take rows out of the file, in one step; returns how many were there."""


class Validator(Protocol):
    """Runs the expectation suites of one gate on Parquet files."""

    def validate(
        self,
        usecase: str,
        gate: Literal["raw", "features"],
        period: Period,
        tables: Mapping[str, Path],
        parameters: Mapping[str, Any],
        accepted: Mapping[str, Collection[str]] | None = None,
    ) -> GateResult:
        """Check every table against its suite; ``accepted``: names of released rows per table."""

    def failing(
        self,
        result: GateResult,
        tables: Mapping[str, Path],
        parameters: Mapping[str, Any],
        accepted: Mapping[str, Collection[str]],
    ) -> dict[str, pa.Table]:
        """Per table, the rows that broke the blocking checks of the result (columns row, reasons, content)."""

    def remove(self, file: Path, rows: Collection[str]) -> int:
        """Take dropped rows out of a file; returns how many were there."""


class FeatureStore(Protocol):
    """Offline and online features under one set of definitions."""

    def apply(self) -> None:
        """Register the definitions of ``feature_repo`` (idempotent).

        Raises SpecError when a definition changed that a release was built with.
        """

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

    def online(self, service: str, keys: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]: ...

    def definitions(self) -> list[ViewDefinition]:
        """Every registered feature view with its features, meanings, owner and services."""


class EventStream(Protocol):
    """The events of one feature view, in order of arrival, and what the speed layer remembers of them."""

    def open(self) -> None:
        """Make the stream and its group unless they are there."""

    def publish(self, events: Sequence[Mapping[str, Any]], patience: float = 60.0) -> None:
        """Append events; waits while the consumer is behind. Raises ServiceError when that lasts."""

    def backlog(self) -> int:
        """Events that are not done: waiting, or being worked on."""

    def take(self, consumer: str, count: int, wait_seconds: float) -> list[StreamEntry]:
        """New events, for this consumer alone; [] when none came."""

    def reclaim(self, consumer: str, count: int, idle_seconds: float) -> list[StreamEntry]:
        """Events whose consumer was silent for so long; fewer at once the more consumers died of them."""

    def hold(self, consumer: str, entries: Sequence[StreamEntry]) -> None:
        """Say that these are still being worked on."""

    def commit(
        self,
        entries: Sequence[StreamEntry],
        dead: Mapping[str, str],
        keys: Sequence[str],
        decide: Callable[[dict[str, StreamWindow], str], StreamChange],
    ) -> StreamChange:
        """Finish these entries: what ``decide`` says of the keys' windows, in one step, or nothing.

        ``dead`` maps entries to the reason why they are put aside. ``decide`` gets the windows and the place of
        the oldest unfinished event; it is asked again when another consumer changed a window meanwhile.
        """

    def pushed(self, months: Sequence[Period]) -> list[str]:
        """JSON of every feature row that was pushed for these months (UTC)."""

    def forget(self, before: Period) -> None:
        """Drop what was pushed for months before this one."""

    def newest(self) -> datetime | None:
        """The newest event time that was processed."""

    def dead_letters(self) -> list[DeadLetter]: ...

    def replay(self) -> int:
        """Put every dead letter back onto the stream; how many."""

    def drop_dead(self) -> int:
        """Delete every dead letter; how many."""


class RequestStream(Protocol):
    """Requests that come as events, and the stream that their answers go to."""

    def answer(self, entries: Sequence[StreamEntry], dead: Mapping[str, str], results: Mapping[str, str]) -> None:
        """Finish these entries in one step: ``results`` (JSON by entry) written, ``dead`` (reasons) put aside."""


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
    ) -> ModelRef:
        """Log one training run, register its model; ``documents`` maps artifact path to text or bytes.

        A ``key`` that was registered before gives that version again; '' means dataset, parameters and model.
        ``curve`` is the fit step by step; ``tags`` are of run and version.
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


class ModelServer(Protocol):
    """The real Triton server, over gRPC."""

    def ready(self) -> bool: ...

    def install(self, model: str, directory: Path) -> None:
        """Put a complete model directory into the repository, in one step."""

    def load(self, model: str) -> None: ...

    def unload(self, model: str) -> None: ...

    def remove(self, model: str) -> None: ...

    def infer(
        self, model: str, rows: Sequence[Mapping[str, Any]], given: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """One request with these rows; an answer per row: prediction, release, request_id, probability, scores."""


class InferenceProtocol(Protocol):
    """The model server as a client system of any make sees it: KServe v2 over ``grpc`` or ``rest``."""

    def metadata(self, model: str, protocol: str) -> dict[str, Any]:
        """``{"inputs", "outputs"}``: tensors with name, datatype, shape."""

    def ask(self, model: str, payload: Mapping[str, Any], protocol: str) -> dict[str, Any]:
        """One request as KServe v2's JSON has it; raises ServiceError with the server's words when it is refused."""

    def memory_mb(self, model: str) -> float | None:
        """What the process that serves the model holds; None where it cannot be seen."""


class MetricsServer(Protocol):
    """Queries and alerts. Raises ServiceError when the server does not answer, or refuses."""

    def query(self, promql: str) -> list[tuple[dict[str, str], float]]: ...

    def alerts(self, usecase: str) -> list[Alert]:
        """The firing alerts of one use case."""

    async def firing(self) -> list[Alert]:
        """The firing alerts of all use cases."""


class ReleaseStore(Protocol):
    """Packaged releases on disk."""

    def add(self, usecase: str, staged: Path, model_version: int) -> ReleaseRef:
        """Move a complete staged directory into place under the next name (r0001 …)."""

    def get(self, usecase: str, name: str) -> ReleaseRef: ...

    def all(self, usecase: str) -> list[ReleaseRef]: ...
