"""One Delta table at one version: what its log says, and its files, proved."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from math import ceil
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from include.contracts.period import Period
from include.contracts.tables import PART
from include.errors import DamagedFileError, DataError, NotFoundError
from include.formats import delta_log, delta_place, proved_parquet
from include.formats.lake_files import LakeFiles
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

    @cached_property
    def schema(self) -> pa.Schema:
        """Columns and types, ``period`` among them."""
        stored = stored_schema(pa.schema(self.delta.schema().to_arrow()), self.name)
        return pa.schema([field for field in stored if field.name != PART])

    @cached_property
    def there(self) -> LakeFiles:
        """The files of this version; none is read."""
        files = self.place.paths(self.delta.file_uris(), self.delta.table_uri)
        return LakeFiles(files, f"{self.path.name} version {self.version}")

    def require_all(self) -> None:
        """Raises DamagedFileError when a file of the newest version is gone: nothing but damage takes it away."""
        for file in self.there.files:
            if not Path(file).exists():
                raise DamagedFileError(
                    f"{proved_parquet.table_of(file)}: {file} is gone, and the newest version needs it; "
                    f"{proved_parquet.way_out(file)}"
                )

    def counts(self) -> dict[Period, int]:
        """Rows by period, as the log says it; of files with several periods, as their footers do."""
        counts: Counter[Period] = Counter()
        added = pa.table(self.delta.get_add_actions(flatten=True)).select(["path", "num_records"])
        for path, rows in zip(*(column.to_pylist() for column in added.columns), strict=True):
            file = str(self.path / unquote(path))
            if (only := proved_parquet.only_period(file)) is not None:
                counts[only] += rows
            else:
                counts.update({period: one.rows for period, one in proved_parquet.held(file).items()})
        return dict(sorted(counts.items()))

    def published(self, period: Period) -> tuple[int, str] | None:
        """Rows and content hash of a period as it is in the table; None without it, and where it is damaged."""
        try:
            stored = self.there.of([period])
        except (DamagedFileError, NotFoundError) as error:
            log.warning("the period is written again: %s", error)
            return None
        if not stored:
            return None
        rows = sum(proved_parquet.held(one.file)[period].rows for one in stored)
        return rows, proved_parquet.content_hash_of(stored, period)

    def unneeded(self, spare: timedelta, *, of_nobody: bool = False) -> list[Path]:
        """Files that are there and that this version does not need, nor any within ``spare``, in whole hours.

        ``of_nobody``: also those that no commit named.
        """
        hours = ceil(spare / timedelta(hours=1))
        files = self.delta.vacuum(hours, dry_run=True, enforce_retention_duration=False, full=of_nobody)
        return [path for file in files if (path := self.path / unquote(file)).is_file()]

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
        delta = with_part(schema)
        DeltaTable.create(place.uri, delta, mode="ignore", partition_by=[PART], configuration=configuration)


def with_part(schema: pa.Schema) -> Schema:
    """Delta's schema of a table with these columns."""
    return Schema.from_arrow(schema.append(pa.field(PART, pa.string())))


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
