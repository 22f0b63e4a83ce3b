"""Files that were delivered in the place of a source, and directories of deliveries that nobody reads."""

import logging
import re
from collections.abc import Mapping
from pathlib import Path

from include.contracts.calendar import Calendar
from include.contracts.period import Period, periods_text
from include.errors import MissingPeriodError, SourceError
from include.specification.usecase import UseCase

log = logging.getLogger(__name__)
DELIVERED = ("csv", "csv.gz", "parquet", "jsonl", "jsonl.gz")
OTHER_DATA = re.compile(r"(csv|tsv|txt|json|jsonl|ndjson|parquet|pq|xlsx?|gz|zip|bz2|xz|zst|7z)", re.IGNORECASE)
"""Endings of files that were meant to be read; what else lies beside them (checksums, notes) is left alone."""
NAMED = 3


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
    if not there and (unread := _in_the_way(spec.calendar, period, landing)):
        raise SourceError(
            f"{landing} has {_named(unread)}, which nobody reads: the periods are {period.every}s; deliver each "
            f"{period.every} in a directory of its own, like {landing / period}, or take them away"
        )
    return there[0] if there else None


def tell_unread(spec: UseCase, landing: Path) -> None:
    """Warn of directories that were meant for a period and that no run reads, whatever period it is about."""
    if others := _unread(spec.calendar, landing):
        log.warning(
            "%s: %s has %s, which nobody reads: the periods are %ss, in directories like %s; rename them, or take them "
            "away", spec.name, landing, _named(others), spec.calendar.every, spec.calendar.example,
        )  # fmt: skip


def _unread(calendar: Calendar, landing: Path) -> dict[str, Period | None]:
    """Directories whose name is like a period, but none of the calendar → the period that may be meant."""
    ours = re.compile(calendar.pattern)
    names = sorted(path.name for path in landing.glob("*") if path.is_dir())
    others = {name: Period.meant(name) for name in names if Period.like(name)}
    return {name: meant for name, meant in others.items() if meant is None or not ours.fullmatch(name)}


def _in_the_way(calendar: Calendar, period: Period, landing: Path) -> dict[str, Period | None]:
    """Of the unread those that are about the time of the period."""
    start, end = calendar.window(period).utc()

    def shares_time(meant: Period) -> bool:
        other = Calendar(every=meant.every, timezone=calendar.timezone)
        return meant == period or (other.start(meant) < end and other.end(meant) > start)

    return {name: meant for name, meant in _unread(calendar, landing).items() if meant and shares_time(meant)}


def _named(unread: Mapping[str, Period | None]) -> str:
    """Three at most, each with its right spelling."""
    shown = [f"{name!r}{_meaning(name, meant)}" for name, meant in [*unread.items()][:NAMED]]
    left = len(unread) - len(shown)
    return ", ".join(shown) + (f" and {left:,} more" if left else "")


def _meaning(name: str, meant: Period | None) -> str:
    if meant is None:
        return " (the calendar has no such period)"
    return "" if name == meant else f" (write {meant})"


def _undeliverable(table: str, folder: Path) -> list[str]:
    """Files of the table's name whose ending is that of data, but none that is read."""
    there = sorted(path.name for path in folder.glob(f"{table}.*"))
    return [name for name in there if OTHER_DATA.fullmatch(name.rsplit(".", 1)[1])]


def handed_over(spec: UseCase, landing: Path) -> list[Period]:
    """Periods of which every source lies in the landing directory."""
    pattern = re.compile(spec.calendar.pattern)
    names = [path.name for path in landing.glob("*") if pattern.fullmatch(path.name)]
    periods = sorted(period for name in names if (period := Period.meant(name)))
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
