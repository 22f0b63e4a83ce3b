"""The raw tables of several periods: each source is read once for all of them, and staged period by period."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.contracts.period import Period
from include.data import delivery, ingestion
from include.data import staging as stage
from include.data.ingestion import untreated
from include.errors import MissingPeriodError, SourceError
from include.ports.sources import Connect, Treat
from include.specification.usecase import UseCase

READ, RANGE = "read", ".range"


def collect(
    spec: UseCase,
    periods: Sequence[Period],
    landing: Path,
    stagings: Mapping[Period, Path],
    connect: Connect,
    treat: Treat = untreated,
) -> Iterator[tuple[Period, MissingPeriodError | None]]:
    """Stage the tables of each period as ``ingestion.collect`` does; yields it, with the error when it has no data.

    Rows that a source gives for the whole range lie in the last staging directory meanwhile. Where they break the
    contract the periods are read one by one, so that the error comes at the period that it is about.

    Raises SourceError and ServiceError as ``ingestion.collect``, when the period's turn has come.
    """
    if not periods:
        return
    delivery.tell_unread(spec, landing)
    with _emptied(stagings[periods[-1]] / RANGE) as aside:
        shared = _read(spec, periods, landing, aside, connect, treat)
        for period in periods:
            try:
                tables = {t: _rows(spec, t, period, landing, shared.get(t), connect, treat) for t in spec.sources}
                stage.replace(stagings[period], stage.RAW, tables)
            except MissingPeriodError as error:
                yield period, error
            else:
                yield period, None


@contextmanager
def _emptied(directory: Path) -> Iterator[Path]:
    """Before the block, of what a killed run left there, and after it."""
    shutil.rmtree(directory, ignore_errors=True)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _read(
    spec: UseCase, periods: Sequence[Period], landing: Path, aside: Path, connect: Connect, treat: Treat
) -> dict[str, Path]:
    """Table → the file of its rows in the time of all periods; without those that must be read one by one."""
    files: dict[str, Path] = {}
    for table in spec.sources:
        if any(delivery.find_delivered(spec, table, period, landing) is None for period in periods):
            try:
                rows = map(partial(treat, table), ingestion.range_batches(spec, table, periods, connect))
                stage.replace(aside / table, READ, {table: rows})
                files[table] = aside / table / READ / f"{table}.parquet"
            except SourceError:
                continue
    return files


def _rows(
    spec: UseCase, table: str, period: Period, landing: Path, shared: Path | None, connect: Connect, treat: Treat
) -> Iterator[pa.RecordBatch]:
    if shared is None or delivery.find_delivered(spec, table, period, landing):
        return map(partial(treat, table), ingestion.batches(spec, table, period, landing, connect))
    return _part(spec, table, period, landing, shared)


def _part(spec: UseCase, table: str, period: Period, landing: Path, shared: Path) -> Iterator[pa.RecordBatch]:
    """The rows of one period; at least one batch."""
    source = spec.sources[table]
    if not source.time:
        yield from pq.ParquetFile(shared).iter_batches()
        return
    start, end = spec.calendar.window(period).utc()
    rows = pq.read_table(shared, filters=[(source.time, ">=", start), (source.time, "<", end)])
    ingestion.require_rows(spec, table, period, landing, rows.num_rows)
    yield from rows.to_batches() or [pa.RecordBatch.from_pylist([], schema=rows.schema)]
