"""What an expectation may compare with, instead of a fixed value: ``{"$PARAMETER": "period_end - 2 days"}``.

| text | value |
|---|---|
| a name of ``NAMES``, ``<table>_min_rows``, ``<table>_max_rows`` | what the gate knows of the period |
| ``period_start + 1 hour``, ``period_end - 2 days`` | a moment so long after or before, by the local clock |
| ``160 a day`` | so many for each day that the period lasts, a whole number: an hour is 1/24 of a day |
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from math import ceil, floor
from typing import Any

from include.contracts.calendar import Calendar, Span, Window
from include.contracts.period import Period
from include.errors import PeriodError

NAMES = ("period_start", "period_end", "days", "years", "months", "month_days", "last_year")
GONE = {
    "year": "last_year, or years for a set of values",
    "month": "months, a set of values",
    "last_days": "period_end - 2 days",
}
"""Names that fitted months only → what takes their place."""
DAILY = re.compile(r"(\d+(?:\.\d+)?) a day")
MOVED = re.compile(r"(\w+) ([+-]) (.+)")
ROWS = ("_min_rows", "_max_rows")


def of_period(calendar: Calendar, period: Period) -> dict[str, Any]:
    """What every suite may name, whatever its tables: the bounds of the period and its local dates."""
    window = calendar.window(period)
    dates = list(_dates(calendar, window))
    start, end = window.utc()
    return {
        "every": calendar.every,
        "timezone": calendar.timezone,
        "period_start": start,
        "period_end": end,
        "days": len(dates),
        "years": sorted({date.year for date in dates}),
        "months": sorted({date.month for date in dates}),
        "month_days": sorted({date.day for date in dates}),
        "last_year": dates[-1].year,
    }


def _dates(calendar: Calendar, window: Window) -> Iterator[date]:
    """The local dates that the window has time of, the first at least: not one that the zone skipped."""
    days = Calendar(every="day", timezone=calendar.timezone)
    day = Period.named(window.start, "day")
    yield window.start.date()
    while (day := day.shift(1)).nominal.date() < window.end.date():
        if days.has_time(day):
            yield day.nominal.date()


def fault(text: Any) -> str | None:
    """What is wrong with the text of a parameter, or None."""
    if not isinstance(text, str):
        return "must be a text"
    name, moved = needed(text), MOVED.fullmatch(text)
    if name in GONE:
        return f"{name!r} fits months only; write {GONE[name]}"
    if name not in NAMES and not name.endswith(ROWS):
        return f"is unknown; known are {', '.join(NAMES)}, <table>_min_rows, <table>_max_rows and '160 a day'"
    return _span_fault(name, moved[3]) if moved else None


def _span_fault(name: str, text: str) -> str | None:
    if not name.startswith("period_"):
        return f"adds time to {name!r}, which is no moment"
    try:
        Span(text)
    except PeriodError as error:
        return str(error)
    return None


def needed(text: str) -> str:
    """The name whose value it is made of."""
    if DAILY.fullmatch(text):
        return "period_end"
    return moved[1] if (moved := MOVED.fullmatch(text)) else text


def value(argument: str, text: str, known: Mapping[str, Any]) -> Any:
    """The value of a parameter for an argument; a number of rows is rounded so that the limit is never tighter."""
    if daily := DAILY.fullmatch(text):
        days = (known["period_end"] - known["period_start"]) / timedelta(days=1)
        return (floor if argument.startswith("min") else ceil)(float(daily[1]) * days)
    if not (moved := MOVED.fullmatch(text)):
        return known[text]
    span, moment, zone = Span(moved[3]), known[moved[1]], known.get("timezone", "UTC")
    return span.after(moment, zone) if moved[2] == "+" else span.before(moment, zone)
