"""The scans of digits in scikit-learn, delivered as twelve monthly batches.

They have no dates: each gets one by its place in the file, so that the months are its twelve twelfths in file order.
In the last month every second scan has no digit, as if nobody had read it yet.
"""

import gzip
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pyarrow as pa

from include.contracts.calendar import Window
from include.contracts.period import Period
from include.errors import SourceError
from include.specification.data import Source
from include.specification.loader import load_usecase

PACKAGE, FILE = "scikit-learn", "sklearn/datasets/data/digits.csv.gz"
PIXELS = 64
LAST = Period("2013-12")


def read(source: Source, window: Window | None) -> Iterator[pa.RecordBatch]:
    """One batch: ``scan``, ``received_at``, ``pixel_00`` … ``pixel_63`` (0 to 16, row by row) and ``digit``.

    Raises SourceError when the package is not installed, or its file has another shape.
    """
    lines = _lines(_file())
    periods = load_usecase(Path(__file__).parent.name).periods
    parts = [periods.calendar.window(period) for period in Period.between(periods.first, periods.last or LAST)]
    rows = [_row(place, line, parts, len(lines)) for place, line in enumerate(lines)]
    wanted = [row for row in rows if window is None or window.start <= row["received_at"] < window.end]
    yield pa.RecordBatch.from_pylist(wanted, schema=_schema())


def _file() -> Path:
    try:
        return Path(str(distribution(PACKAGE).locate_file(FILE)))
    except PackageNotFoundError:
        raise SourceError(f"{FILE}: the package {PACKAGE!r} is not installed: pip install {PACKAGE}") from None


def _lines(file: Path) -> list[list[int]]:
    try:
        with gzip.open(file, "rt") as stream:
            lines = [[int(value) for value in line.split(",")] for line in stream]
    except (OSError, ValueError) as error:
        raise SourceError(f"{file}: cannot be read as CSV of whole numbers ({type(error).__name__})") from None
    if wrong := sum(len(line) != PIXELS + 1 for line in lines):
        raise SourceError(f"{file}: {wrong} of {len(lines)} lines are not {PIXELS} pixels and a digit")
    return lines


def _row(place: int, line: list[int], parts: list[Window], total: int) -> dict[str, Any]:
    unread = place * len(parts) // total == len(parts) - 1 and place % 2 == 1
    return {
        "scan": f"scan-{place:04d}",
        "received_at": _received(place, parts, total),
        **{f"pixel_{n:02d}": pixel for n, pixel in enumerate(line[:PIXELS])},
        "digit": None if unread else line[PIXELS],
    }


def _received(place: int, parts: list[Window], total: int) -> datetime:
    """Evenly spaced within the period that its place in the file falls into, to the second."""
    share = place * len(parts) / total
    start, end = parts[int(share)].utc()
    return start + timedelta(seconds=int((share % 1) * (end - start).total_seconds()))


def _schema() -> pa.Schema:
    pixels = [(f"pixel_{n:02d}", pa.int64()) for n in range(PIXELS)]
    times = pa.timestamp("us", tz="UTC")
    return pa.schema([("scan", pa.string()), ("received_at", times), *pixels, ("digit", pa.int64())])
