"""One new file of the rows of others: what is kept of a file whose other periods are replaced, and compaction."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.adapters.lake.table import Table
from include.contracts.period import Period
from include.contracts.tables import PERIOD, FileRows
from include.errors import DamagedFileError
from include.formats import proved_parquet
from include.formats.content import BATCH
from include.formats.proved_parquet import Held, Written, held

FEW = 31
"""So many files of the newest month are left alone: a period that is published anew rewrites a merged file."""


def merged(table: Table, part: str, stored: Sequence[FileRows]) -> Written:
    """One file of these rows in their order, under ``part``; raises DamagedFileError for a file that is damaged.

    It stands among the others of its part where the newest of them stood. Content hashes go with their periods.
    """
    there = [(period, content) for one in stored for period, content in _contents(one)]
    files = Counter(period for period, _ in there)
    hashes = {period: content.content_hash if files[period] == 1 else "" for period, content in there}
    rows, when = sum(content.rows for _, content in there), max(map(proved_parquet.written_at, _files(stored)))
    schema = _common([pq.read_schema(file) for file in _files(stored)])
    batches = (batch for one in stored for batch in _batches(one, schema))
    written = proved_parquet.write(table.path, schema, batches, hashes, part=part, when=when)
    if written.rows != rows:
        written.path.unlink()
        raise DamagedFileError(f"{table.name} {part}: {len(stored)} files have {written.rows} rows, not {rows}")
    return written


def scattered(table: Table) -> Iterator[tuple[Period, list[FileRows]]]:
    """The months whose rows are in several files, and files of each that have the same types: they may be one."""
    by_month = table.there.by_month()
    for month, files in by_month.items():
        if len(files) > (FEW if month == max(by_month) else 1):
            yield from ((month, [FileRows(file) for file in alike]) for alike in _alike(files) if len(alike) > 1)


def _contents(stored: FileRows) -> list[tuple[Period, Held]]:
    """Each of its periods, and what the file holds of it."""
    there = held(stored.file)
    return [(period, there[period]) for period in stored.periods or there]


def _files(stored: Sequence[FileRows]) -> list[str]:
    return [one.file for one in stored]


def _alike(files: Sequence[str]) -> list[list[str]]:
    """Files whose columns have the same types: in other types, rows would have another content hash."""
    groups: list[tuple[pa.Schema, list[str]]] = []
    for file in files:
        schema = pq.read_schema(file)
        for n, (common, others) in enumerate(groups):
            if _agree(common, schema):
                groups[n] = _common([common, schema]), [*others, file]
                break
        else:
            groups.append((schema, [file]))
    return [alike for _, alike in groups]


def _agree(one: pa.Schema, other: pa.Schema) -> bool:
    kinds = ({one.field(name).type, other.field(name).type} - {pa.null()} for name in {*one.names} & {*other.names})
    return all(len(kind) < 2 for kind in kinds)


def _common(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """Their columns, ``period`` as the last; their notes are those of other files."""
    columns = pa.unify_schemas([schema.remove_metadata() for schema in schemas])
    return pa.schema([*(f for f in columns if f.name != PERIOD), columns.field(PERIOD)])


def _batches(stored: FileRows, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(stored.file) as file:
        for batch in file.iter_batches(BATCH):
            rows = batch
            if stored.periods is not None:
                rows = batch.filter(pc.is_in(batch[PERIOD], pa.array(stored.periods, pa.string())))
            given = {name: rows[name].cast(schema.field(name).type) for name in rows.schema.names}
            yield with_all(schema, given, rows.num_rows)


def with_all(schema: pa.Schema, given: Mapping[str, pa.Array], rows: int) -> pa.RecordBatch:
    """All columns of the schema, in its order; those that are not given are null."""
    return pa.record_batch([given[f.name] if f.name in given else pa.nulls(rows, f.type) for f in schema], schema)
