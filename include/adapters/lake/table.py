"""One Delta table at one version: what its log says, and its files, proved."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from include.contracts.period import Period
from include.contracts.tables import PERIOD
from include.errors import DamagedFileError, DataError, NotFoundError
from include.formats import delta_log, delta_place, proved_parquet
from include.formats.stored_types import stored_schema

log = logging.getLogger(__name__)


class Table:
    """``<usecase>/<table>`` of the lake at a version (None: the newest).

    Raises NotFoundError without the table or version, DamagedStateError for a damaged log.
    """

    def __init__(self, path: Path, version: int | None = None) -> None:
        self.path, self.name = path, ".".join(path.parts[-2:])
        if not delta_log.exists(path):
            raise NotFoundError(f"the lake has no table {self.name} ({path}); publish it first")
        delta_log.prove(path, version)
        self.place = delta_place.Place(path)
        try:
            self.delta = DeltaTable(self.place.uri, version=version)
        except TableNotFoundError as error:
            raise NotFoundError(f"the lake has no table {self.name} ({path}); publish it first") from error
        except Exception as error:  # deltalake has no exception of its own for a version that is gone
            if version is None:
                raise DataError(f"{self.name} ({path}) cannot be opened: {_first_line(error)}") from error
            newest = Table(path).version
            raise NotFoundError(f"{self.name} has no version {version}; the newest is {newest}") from error

    @property
    def version(self) -> int:
        return self.delta.version()

    @property
    def schema(self) -> pa.Schema:
        """Columns and types, ``period`` among them."""
        return stored_schema(pa.schema(self.delta.schema().to_arrow()), self.name)

    def listed(self, periods: Sequence[Period] | None = None) -> list[str]:
        """Paths of the files of these periods (None: of all), sorted; none is read."""
        if periods is not None and not periods:
            return []
        filters: list[tuple[str, str, Any]] | None = None if periods is None else [(PERIOD, "in", list(periods))]
        uris = self.delta.file_uris(file_pruning_predicate=filters)
        return sorted(self.place.paths(uris, self.delta.table_uri))

    def files(self, periods: Sequence[Period] | None = None) -> list[str]:
        """The files of these periods, each of them proved; raises NotFoundError for those that were deleted."""
        files = self.listed(periods)
        if gone := sum(not Path(file).exists() for file in files):
            raise NotFoundError(
                f"{self.path.name} version {self.version}: {gone} of its {len(files)} files were vacuumed "
                "because no snapshot pinned it; read a version that a snapshot names"
            )
        for file in files:
            proved_parquet.prove(file)
        return files

    def require_all(self) -> None:
        """Raises DamagedFileError when a file of the newest version is gone: nothing but damage takes it away."""
        for file in self.listed():
            if not Path(file).exists():
                raise DamagedFileError(
                    f"{proved_parquet.table_of(file)}: {file} is gone, and the newest version needs it; "
                    f"{proved_parquet.way_out(file)}"
                )

    def counts(self) -> dict[Period, int]:
        """Rows by period, as the log says it."""
        added = pa.table(self.delta.get_add_actions(flatten=True))
        counts = added.group_by(f"partition.{PERIOD}").aggregate([("num_records", "sum")])
        rows = {Period(row[f"partition.{PERIOD}"]): row["num_records_sum"] for row in counts.to_pylist()}
        return dict(sorted(rows.items()))

    def published(self, period: Period) -> tuple[int, str] | None:
        """Rows and content hash of a period as it is in the table; None without it, and where it is damaged."""
        try:
            files = self.files([period])
        except (DamagedFileError, NotFoundError) as error:
            log.warning("the period is written again: %s", error)
            return None
        if not files:
            return None
        claimed = proved_parquet.claimed_hash(files[0]) if len(files) == 1 else None
        return sum(map(proved_parquet.rows_in, files)), claimed or proved_parquet.rows_hash(files)

    def unneeded(self, *, of_nobody: bool = False) -> list[Path]:
        """Files that are there and that this version does not need; ``of_nobody``: also those that no commit named."""
        files = self.delta.vacuum(0, dry_run=True, enforce_retention_duration=False, full=of_nobody)
        return [path for file in files if (path := self.path / file).is_file()]

    @contextmanager
    def committing(self) -> Iterator[DeltaTable]:
        """The table to commit on; raises ConflictError's cause (CommitFailedError, FileExistsError), DataError."""
        with refusals_named(self.name), delta_place.committing(self.place) as place:
            indirect = place is not self.place
            yield DeltaTable(place.uri, version=self.version) if indirect else self.delta


def create(path: Path, schema: pa.Schema, configuration: dict[str, str]) -> None:
    """Make an empty table, unless there is one."""
    path.mkdir(parents=True, exist_ok=True)
    with refusals_named(".".join(path.parts[-2:])), delta_place.committing(delta_place.Place(path)) as place:
        delta = Schema.from_arrow(schema)
        DeltaTable.create(place.uri, delta, mode="ignore", partition_by=[PERIOD], configuration=configuration)


@contextmanager
def refusals_named(what: str) -> Iterator[None]:
    """Delta's own errors become DataErrors; that another writer won stays what it is."""
    try:
        yield
    except CommitFailedError:
        raise
    except Exception as error:
        if isinstance(error, DeltaError) or type(error) is Exception:  # so come errors of Delta's schemas
            raise DataError(f"{what}: Delta does not take it: {_first_line(error)}; correct the columns") from error
        raise


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
