"""The Parquet files of a feature view at its pinned versions, as an SQL relation."""

from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from feast.data_format import DeltaFormat
from feast.data_source import DataSource
from feast.infra.offline_stores.file_source import FileSource
from feast.repo_config import RepoConfig

from include.adapters.asof.keys import typed_key
from include.adapters.asof.pins import pins
from include.contracts.period import Period
from include.contracts.tables import FileRows, TableRef
from include.errors import DataError, NotFoundError
from include.formats import delta_log, lake_files
from include.formats.content import lake_rows, quoted
from include.formats.delta_place import Place
from include.formats.exact_frames import is_number
from include.formats.lake_files import LakeFiles
from include.formats.proved_parquet import prove, prove_content
from include.formats.stored_types import merged, stored_schema


class Relation(NamedTuple):
    """Files as an SQL relation; ``types``: the types in which the files hold each column."""

    sql: str
    changed_at: tuple[int, ...]
    types: tuple[tuple[str, tuple[pa.DataType, ...]], ...]

    @property
    def floats(self) -> set[str]:
        """The columns that are floating numbers in a file: they may hold NaN."""
        return {name for name, kinds in self.types if any(map(pa.types.is_floating, kinds))}

    def typed(self, column: str, kind: str, what: str) -> str:
        """SQL of an entity's key in the type that the entity declares; raises DataError when a file's is another."""
        kinds = dict(self.types)[column]
        expressions = [typed_key(quoted(column), stored, kind, what) for stored in kinds]
        return max(expressions, key=len)  # of float64 and int64 the relation is float64, whose values are looked at


def relation(source: DataSource, config: RepoConfig, columns: set[str], what: str) -> Relation:
    """The source's files as an SQL relation with these columns.

    Raises
    ------
    NotFoundError
        there are none: nothing is published, or not for the snapshots that were given.
    DataError
        no file has one of the columns, or a column has values of two kinds in two files.
    """
    stored = source_files(source, config)
    if not stored:
        raise NotFoundError(f"feature view {what!r} has no offline rows in {source.path}; run the data pipeline")
    files = [one.file for one in stored]
    changed_at = tuple(map(_changed_at, files))
    types: dict[str, set[pa.DataType]] = {}
    for file, moment in zip(files, changed_at, strict=True):
        for name, kind in _file_columns(file, moment):
            types.setdefault(name, set()).add(kind)
    if missing := sorted(columns - set(types)):
        raise DataError(f"the table of feature view {what!r} has no columns {missing}; publish its periods again")
    spellings = Counter(name.casefold() for name in types)
    if alike := sorted(name for name in columns if spellings[name.casefold()] > 1):
        raise DataError(
            f"the table of feature view {what!r} has columns that differ from {alike} by case only; rename them"
        )
    for name in sorted(columns):
        _require_one_kind(name, types[name], what)
    kinds_of = tuple((name, tuple(sorted(kinds, key=str))) for name, kinds in types.items())
    return Relation(lake_rows(stored), changed_at, kinds_of)


@lru_cache(maxsize=4096)
def _file_columns(file: str, changed_at: int) -> tuple[tuple[str, pa.DataType], ...]:
    return tuple((field.name, field.type) for field in pq.read_schema(file))


def _require_one_kind(name: str, kinds: set[pa.DataType], what: str) -> None:
    """Raises DataError when files have values of two kinds in a column; numbers are looked at where they are used."""
    first, *others = kinds
    for kind in () if all(map(is_number, kinds)) else others:
        before, now = (stored_schema(pa.schema([(name, each)])) for each in (first, kind))
        merged(before, now, f"the files of feature view {what!r}")


def _changed_at(file: str) -> int:
    try:
        return Path(file).stat().st_mtime_ns
    except FileNotFoundError as error:
        raise NotFoundError(f"{file} is gone: its version has expired; use newer snapshots") from error


def source_files(source: DataSource, config: RepoConfig) -> list[FileRows]:
    """The rows of a source at its pinned versions, in Parquet files; [] when there are none.

    Raises DamagedFileError for a file of the lake that is not what was written, or not what is pinned.
    """
    if not isinstance(source, FileSource):
        raise DataError(f"source {source.name!r} is a {type(source).__name__}; this offline store reads FileSource")
    path = Path(FileSource.get_uri_for_file_path(config.repo_path, source.path))
    if not isinstance(source.file_format, DeltaFormat):
        return [FileRows(str(file)) for file in ([path] if path.is_file() else sorted(path.parent.glob(path.name)))]
    lake = config.offline_store.lake
    if not lake or path.parent.parent != Path(lake):
        return [FileRows(file) for file in sorted(_delta_files(path))] if delta_log.exists(path) else []
    wanted = pins(path.parent.name, path.name, config.offline_store)
    return _proved_rows(path, wanted) if wanted else []


def _proved_rows(table: Path, wanted: dict[Period, TableRef]) -> list[FileRows]:
    """The rows that are pinned, of files that are proved."""
    found = lake_files.pinned(wanted, table, _version(table, None), lambda version: _version(table, version))
    stored = lake_files.together(one for rows in found.values() for one in rows)
    for one in stored:
        _changed_at(one.file)
        prove(one.file)
    for period, rows in found.items():
        prove_content(rows, wanted[period], period, f"{'.'.join(table.parts[-2:])} period {period}")
    return stored


def _version(table: Path, version: int | None) -> LakeFiles:
    delta_log.prove(table, version)
    try:
        return LakeFiles(_delta_files(table, version), f"{table.name} version {version}")
    except TableNotFoundError as error:
        raise NotFoundError(f"{table} is not a table of the lake; publish it first") from error
    except Exception as error:  # deltalake has no exception of its own for a version that is gone
        raise NotFoundError(f"{table} cannot be read at version {version}: {error}; use newer snapshots") from error


def _delta_files(table: Path, version: int | None = None) -> list[str]:
    place = Place(table)
    delta = DeltaTable(place.uri, version=version)
    return place.paths(delta.file_uris(), delta.table_uri)
