"""Rows that arrive after their period was collected: found by counting again; the period then runs again.

The lake table ``collections`` keeps, per period, source and local day, how many rows were collected and an
order-free hash of them. The next period's run asks the sources again for the days of their late-data window.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from include.contracts.calendar import Calendar, Window
from include.contracts.period import Period
from include.contracts.tables import CollectedDay
from include.data import staging as stage
from include.data.ingestion import batches, untreated
from include.formats.content import parquet_rows, quoted
from include.formats.database import in_utc
from include.ports.lake import Lake
from include.ports.sources import Connect, Treat
from include.records.registry import COLLECTIONS
from include.specification.data import Source
from include.specification.usecase import UseCase

LATE = "late"
# a sum of row hashes knows no order and, unlike XOR, counts a row that came twice
TALLY = """
    SELECT strftime(timezone($zone, {time}), '%Y-%m-%d') AS day, count(*) AS rows, sum(hash({columns}))::VARCHAR AS hash
    FROM {rows} GROUP BY 1 ORDER BY 1
"""

Days = dict[str, tuple[int, str]]
"""Local day → rows and hash."""


def record(spec: UseCase, period: Period, staging: Path, lake: Lake) -> None:
    """Keep what was just collected, in place of what was collected of the period before."""
    days = [
        CollectedDay(period=period, source=table, day=day, rows=count, hash=digest)
        for table, source in spec.sources.items()
        if source.time
        for day, (count, digest) in tally(stage.path(staging, stage.RAW, table), source).items()
    ]
    COLLECTIONS.replace(spec.name, lake, period, days)


def tally(file: Path, source: Source) -> Days:
    """Rows and hash of each local day in a staged file."""
    with in_utc() as connection:
        staged = parquet_rows(file)
        described = connection.execute(f"DESCRIBE SELECT * FROM {staged}").fetchall()  # noqa: S608
        columns = ", ".join(quoted(row[0]) for row in described)
        query = TALLY.format(time=quoted(str(source.time)), columns=columns, rows=staged)
        counts = connection.execute(query, {"zone": source.timezone}).fetchall()
    return {day: (rows, digest) for day, rows, digest in counts}


def changed(
    spec: UseCase, period: Period, landing: Path, staging: Path, lake: Lake, connect: Connect, treat: Treat = untreated
) -> list[Period]:
    """Earlier periods whose rows in the late-data window are not what was collected of them, oldest first.

    A period that was never collected is not looked at. ``treat`` must be the one of ``collect``; ``staging``
    is used and left empty.

    Raises what ``ingestion.collect`` raises, but a period without rows is one that changed.
    """
    known = set(COLLECTIONS.periods(spec.name, lake))
    changed_periods: set[Period] = set()
    for table, source in spec.sources.items():
        for window in _late_windows(spec.calendar, source, period):
            [key] = window.periods
            if key not in known or key in changed_periods or not spec.periods.has(key):
                continue
            since = _since(spec.calendar, window)
            now = _tally_now(spec, table, window, landing, staging, connect, treat)
            if {day: of for day, of in now.items() if day >= since} != _recorded(table, window, since, spec, lake):
                changed_periods.add(key)
    return sorted(changed_periods)


def to_run_again(spec: UseCase, period: Period, late: Iterable[Period], published: Iterable[Period]) -> list[Period]:
    """The published ones of the late periods, and those up to this one whose features look back into them, in order.

    Without those that were published before ``periods.first`` or ``last`` was moved: they stay as they are.
    """
    published = {key for key in published if spec.periods.has(key)}
    late, history = set(late) & published, max((s.history for s in spec.sources.values()), key=lambda s: s.hours)
    later = [key for key in {*published, period} if late and min(late) < key <= period]
    return sorted(late | {key for key in later if late.intersection(spec.calendar.before(history, key))})


def _late_windows(calendar: Calendar, source: Source, period: Period) -> list[Window]:
    """The late-data window before the period, from the start of a local day on, one part per period that it touches."""
    if not (source.time and source.late.hours):
        return []
    end, days = calendar.start(period), Calendar(every="day", timezone=source.timezone)
    start = days.start(days.of(source.late.before(end, source.timezone)))
    late = Window(start=start, end=end).within(source.timezone)
    return [calendar.window(key).within(source.timezone).part(late) for key in calendar.overlapping(late)]


def _tally_now(
    spec: UseCase, table: str, window: Window, landing: Path, staging: Path, connect: Connect, treat: Treat
) -> Days:
    [period] = window.periods
    rows = batches(spec, table, period, landing, connect, window)
    try:
        stage.replace(staging, LATE, {table: (treat(table, batch) for batch in rows)})
        return tally(stage.path(staging, LATE, table), spec.sources[table])
    finally:
        shutil.rmtree(staging / LATE, ignore_errors=True)


def _since(calendar: Calendar, window: Window) -> str:
    """The first local day that is asked for again, '' for every day of a period.

    A clock that is set back over midnight shows the day before once more, in the period after it.
    """
    [period] = window.periods
    return "" if window.start == calendar.start(period) else window.start.strftime("%Y-%m-%d")


def _recorded(table: str, window: Window, since: str, spec: UseCase, lake: Lake) -> Days:
    days = COLLECTIONS.read(spec.name, lake, periods=window.periods, since=since, source=table)
    return {day.day: (day.rows, day.hash) for day in days}
