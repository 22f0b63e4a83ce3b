"""Collect the raw tables of a period into staging, batch by batch, as their contract declares.

A file ``<landing>/<period>/<table>.csv`` (or ``.csv.gz``, ``.parquet``, ``.jsonl``, ``.jsonl.gz``) replaces the
source for its table and period; use it to deliver a late or repaired file.
"""

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from include.contracts.calendar import Window
from include.contracts.period import Period, range_text
from include.data import source_contract
from include.data import staging as stage
from include.data.delivery import find_delivered, tell_unread
from include.errors import MissingPeriodError, ServiceError, SourceError
from include.ports.sources import Connect, SourceConnector, Treat
from include.specification.data import Source
from include.specification.usecase import UseCase

log = logging.getLogger(__name__)


def untreated(_: str, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The treatment that leaves every value as it is."""
    return batch


def collect(
    spec: UseCase, period: Period, landing: Path, staging: Path, connect: Connect, treat: Treat = untreated
) -> dict[str, int]:
    """Read the sources of a period and stage their tables; returns rows per table.

    ``landing`` is the use case's own (``<home>/landing/<usecase>``). Columns that the spec does not name
    are left behind, so what is known only later cannot leak into features; ``treat`` sees every batch
    before anything is written.

    Raises MissingPeriodError when a source has nothing for the period, SourceError when it is unreadable or breaks
    its contract, ServiceError when an outside system did not answer (a retry may help).
    """
    tell_unread(spec, landing)
    tables = {t: map(partial(treat, t), batches(spec, t, period, landing, connect)) for t in spec.sources}
    return stage.replace(staging, stage.RAW, tables)


def tables(spec: UseCase, period: Period, landing: Path, connect: Connect) -> dict[str, pa.Table]:
    """The raw tables of a period, whole and untreated, in memory: for what writes nothing down."""
    return {t: pa.Table.from_batches(batches(spec, t, period, landing, connect)) for t in spec.sources}


def batches(
    spec: UseCase, table: str, period: Period, landing: Path, connect: Connect, window: Window | None = None
) -> Iterator[pa.RecordBatch]:
    """One raw table of a period, or of a ``window`` within it, by its contract; at least one batch, maybe empty.

    Raises what ``collect`` raises, while it is read.
    """
    source, delivered = spec.sources[table], find_delivered(spec, table, period, landing)
    place = f"{spec.name} {period}: source {table!r}"
    whole = spec.calendar.window(period).within(source.timezone) if source.time else None
    wanted, rows, read = window or whole, 0, 0
    # so the schema is known when there are no rows
    yield pa.RecordBatch.from_pylist([], schema=source_contract.schema(source))
    connector = connect(spec, table, delivered)
    for part in _placed(place, connector, source, None if delivered else wanted):
        batch = source_contract.as_batch(part)
        if delivered and whole and wanted:
            batch = source_contract.conform(place, table, source, batch, None, read)
            _refuse_foreign(place, source, batch, whole, delivered)
        conforming = source_contract.conform(place, table, source, batch, wanted, read)
        read += batch.num_rows
        rows += conforming.num_rows
        yield conforming
    if not (delivered or window):
        require_rows(spec, table, period, landing, rows)


def require_rows(spec: UseCase, table: str, period: Period, landing: Path, rows: int) -> None:
    """Raise MissingPeriodError when a source has none of a period, and neither its spec nor the clock expects that."""
    source, every = spec.sources[table], spec.calendar.every
    if not source.time or rows:
        return
    if not spec.calendar.has_time(period):
        log.info("%s", no_time(spec, period))
    elif not source.may_be_empty:
        raise MissingPeriodError(
            f"{spec.name}: source {table!r} has no rows for {period}. If they come late: the next scheduled run asks "
            f"again, or run the {every} again. If the source lacks them: deliver {landing / period / f'{table}.csv'}. "
            f"If there are none: deliver that file with its header only, or, where such a {every} is usual, write "
            f"sources.{table}.may_be_empty: true; the {every} is then published without rows"
        )


def no_time(spec: UseCase, period: Period) -> str:
    """Why a period without length is published without rows."""
    return f"{spec.name}: {period} has no time, {spec.calendar.timezone} skipped it: it has no rows"


def range_batches(spec: UseCase, table: str, periods: Sequence[Period], connect: Connect) -> Iterator[pa.RecordBatch]:
    """One raw table of the time of several periods, by its contract; of a table without time all of it.

    At least one batch, maybe empty. What was delivered in the source's place is not looked at.
    """
    source = spec.sources[table]
    place = f"{spec.name} {range_text(periods)}: source {table!r}"
    window = spec.calendar.window(periods[0], periods[-1]).within(source.timezone) if source.time else None
    yield pa.RecordBatch.from_pylist([], schema=source_contract.schema(source))
    read = 0
    for part in _placed(place, connect(spec, table, None), source, window):
        batch = source_contract.as_batch(part)
        yield source_contract.conform(place, table, source, batch, window, read)
        read += batch.num_rows


def _placed(place: str, connector: SourceConnector, source: Source, window: Window | None) -> Iterator[Any]:
    """What the connector delivers, of a window without time nothing; its errors say of which source."""
    if window and window.start == window.end:
        return
    try:
        yield from connector.read(source, window)
    except (SourceError, ServiceError) as error:
        kind = SourceError if isinstance(error, SourceError) else ServiceError
        raise kind(f"{place}: {error}") from None


def _refuse_foreign(place: str, source: Source, batch: pa.RecordBatch, whole: Window, delivered: Path) -> None:
    """A delivered file holds its period and nothing else: rows of another one would be lost without a word."""
    outside = batch.num_rows - source_contract.inside(batch[source.time], whole).true_count
    if outside:
        every = whole.periods[0].every
        raise SourceError(
            f"{place}: {outside} of {batch.num_rows} rows in {delivered} are of another {every} (by {source.time!r} in "
            f"{source.timezone}); deliver the rows of each {every} in its own directory"
        )
