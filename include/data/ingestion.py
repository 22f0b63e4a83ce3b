"""Collect the raw tables of a period into staging, batch by batch, as their contract declares.

A file ``<landing>/<period>/<table>.csv`` (or ``.csv.gz``, ``.parquet``, ``.jsonl``, ``.jsonl.gz``) replaces the
source for its table and period; use it to deliver a late or repaired file.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from include.contracts.period import Calendar, Period, Window, periods_text, range_text
from include.data import source_contract
from include.data import staging as stage
from include.errors import MissingPeriodError, PeriodError, ServiceError, SourceError
from include.ports.sources import Connect, SourceConnector, Treat
from include.specification.data import Source
from include.specification.usecase import UseCase

DELIVERED = ("csv", "csv.gz", "parquet", "jsonl", "jsonl.gz")
OTHER_DATA = re.compile(r"(csv|tsv|txt|json|jsonl|ndjson|parquet|pq|xlsx?|gz|zip|bz2|xz|zst|7z)", re.IGNORECASE)
"""Endings of files that were meant to be read; what else lies beside them (checksums, notes) is left alone."""


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
    """Raise MissingPeriodError when a source has none of a period, and its spec does not say that this happens."""
    source, every = spec.sources[table], spec.calendar.every
    if source.time and not rows and not source.may_be_empty:
        raise MissingPeriodError(
            f"{spec.name}: source {table!r} has no rows for {period}. If they come late: the next scheduled run asks "
            f"again, or run the {every} again. If the source lacks them: deliver {landing / period / f'{table}.csv'}. "
            f"If there are none: deliver that file with its header only, or, where such a {every} is usual, write "
            f"sources.{table}.may_be_empty: true; the {every} is then published without rows"
        )


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
    """What the connector delivers; its errors say of which source."""
    try:
        yield from connector.read(source, window)
    except (SourceError, ServiceError) as error:
        kind = SourceError if isinstance(error, SourceError) else ServiceError
        raise kind(f"{place}: {error}") from None


def find_delivered(spec: UseCase, table: str, period: Period, landing: Path) -> Path | None:
    """The file that takes the source's place, or None; raises SourceError for several, or one that is not read."""
    candidates = [landing / period / f"{table}.{suffix}" for suffix in DELIVERED]
    there = [path for path in candidates if path.exists()]
    if len(there) > 1:
        names = [path.name for path in there]
        raise SourceError(f"{landing / period} has {names} for the table {table!r}; keep only the valid one")
    if not there and (others := _undeliverable(table, landing / period)):
        raise SourceError(
            f"{landing / period} has {others}, which cannot take the source's place: deliver {table}.csv or another of "
            f"{list(DELIVERED)}, or take it away"
        )
    if not there and (others := _of_another_rhythm(spec.calendar, period, landing)):
        raise SourceError(
            f"{landing} has {others}, which nobody reads: the periods are {period.every}s; deliver each "
            f"{period.every} in a directory of its own, like {landing / period}, or take them away"
        )
    return there[0] if there else None


def _of_another_rhythm(calendar: Calendar, period: Period, landing: Path) -> list[str]:
    """Directories of other rhythms that share time with the period, three at most."""
    start, end = calendar.window(period).utc()

    def shares_time(key: str) -> bool:
        try:
            other = Calendar(every=Period(key).every, timezone=calendar.timezone)
        except PeriodError:
            return False
        return other.every != calendar.every and other.start(Period(key)) < end and other.end(Period(key)) > start

    return sorted(path.name for path in landing.glob("*") if path.is_dir() and shares_time(path.name))[:3]


def _undeliverable(table: str, folder: Path) -> list[str]:
    """Files of the table's name whose ending is that of data, but none that is read."""
    there = sorted(path.name for path in folder.glob(f"{table}.*"))
    return [name for name in there if OTHER_DATA.fullmatch(name.rsplit(".", 1)[1])]


def handed_over(spec: UseCase, landing: Path) -> list[Period]:
    """Periods of which every source lies in the landing directory."""
    pattern = re.compile(spec.calendar.pattern)
    periods = sorted(Period(p.name) for p in landing.glob("*") if pattern.fullmatch(p.name))
    return [period for period in periods if not _absent(spec, landing, period)]


def require_handed_over(spec: UseCase, period: Period, landing: Path) -> None:
    """Raise MissingPeriodError unless every table of the period was handed over."""
    if absent := _absent(spec, landing, period):
        raise MissingPeriodError(
            f"{spec.name}: {period} was not handed over to dev (no {absent}; there are "
            f"{periods_text(handed_over(spec, landing))}), and dev calls no source: run `{spec.name}.hand_over` in "
            f"prod for it, have it approved, then `{spec.name}.take_in` here"
        )


def _absent(spec: UseCase, landing: Path, period: Period) -> list[str]:
    return [t for t in spec.sources if not find_delivered(spec, t, period, landing)]


def _refuse_foreign(place: str, source: Source, batch: pa.RecordBatch, whole: Window, delivered: Path) -> None:
    """A delivered file holds its period and nothing else: rows of another one would be lost without a word."""
    outside = batch.num_rows - source_contract.inside(batch[source.time], whole).true_count
    if outside:
        every = whole.periods[0].every
        raise SourceError(
            f"{place}: {outside} of {batch.num_rows} rows in {delivered} are of another {every} (by {source.time!r} in "
            f"{source.timezone}); deliver the rows of each {every} in its own directory"
        )
