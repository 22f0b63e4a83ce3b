"""States in rows and columns: a colour and a shape for each; periods as a calendar of their rhythm."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from include.contracts.period import Every, Period
from include.ui.charts.style import SAID, saying, specification

LOOKS: dict[str, tuple[str, str]] = {
    "passed": ("var(--good)", "circle"),
    "warned": ("var(--watch)", "diamond"),
    "quarantined": ("var(--act)", "triangle-up"),
    "refused": ("var(--bad)", "square"),
}
"""State → colour and shape; every other one is a hollow circle in grey."""
LEAST, MOST, AXIS = 10, 26, 88
"""Pixels from column to column, at least and at most, and of the labels of the rows."""
LETTER = 8
"""Pixels of a letter of a label, with room to spare."""


class Cell(NamedTuple):
    """One mark: where it is, the state that it shows, and the words for it."""

    column: str
    row: str
    state: str
    said: str


def grid(cells: Sequence[Cell], rows: Sequence[str], width: int, axis: int = AXIS, cut: int = 20) -> dict[str, Any]:
    """The last columns that fit, in order; labels of columns are cut to so many letters, one that repeats is left out.

    ``axis``: pixels of the labels of ``rows``.
    """
    columns = sorted({cell.column for cell in cells})[-max((width - axis) // LEAST, 1) :]
    step = max(LEAST, min(MOST, (width - axis) // max(len(columns), 1)))
    there = set(columns)
    marks = [{"column": c.column, "row": c.row, "state": c.state, SAID: c.said} for c in cells if c.column in there]
    return specification(
        marks, width=min(width, step * len(columns) + axis), height=(step + 2) * max(len(rows), 1) + LETTER,
        layer=_layers(columns, rows, step, axis, cut),
    )  # fmt: skip


def _layers(columns: Sequence[str], rows: Sequence[str], step: int, axis: int, cut: int) -> list[dict[str, Any]]:
    quiet = {"title": None, "domain": False, "ticks": False}
    align = "left" if _grouped(columns, cut) else "center"  # the name of one mark stands above it
    text = {"labelExpr": f"slice(datum.value, 0, {cut})", "labelAngle": 0, "labelAlign": align}
    if align == "left":
        text["labelOffset"] = -step // 2
    top = {"orient": "top", "values": _labelled(columns, step, cut), **text, **quiet}
    left = {"labelLimit": axis - LETTER, "minExtent": axis - LETTER, "maxExtent": axis - LETTER, **quiet}
    x = {"field": "column", "type": "ordinal", "scale": {"domain": list(columns)}, "axis": top}
    y = {"field": "row", "type": "ordinal", "scale": {"domain": list(rows)}, "axis": left}
    known = f"indexof({list(LOOKS)}, datum.state)"
    looks = {
        "color": {"field": "state", "type": "nominal", "legend": None, "scale": _scale(0)},
        "shape": {"field": "state", "type": "nominal", "legend": None, "scale": _scale(1)},
    }
    judged = {"type": "point", "filled": True, "opacity": 1, "size": (0.62 * step) ** 2}
    other = {
        "type": "point", "filled": False, "opacity": 1, "size": (0.45 * step) ** 2, "stroke": "var(--neutral)",
        "shape": "circle",
    }  # fmt: skip
    return [
        {"transform": [{"filter": f"{known} >= 0"}], "mark": judged, "encoding": saying(x=x, y=y, **looks)},
        {"transform": [{"filter": f"{known} < 0"}], "mark": other, "encoding": saying(x=x, y=y)},
    ]


def _grouped(columns: Sequence[str], cut: int) -> bool:
    """Whether a label is that of several columns, as of a month of weeks: it begins where they begin."""
    return len({column[:cut] for column in columns}) < len(columns)


def _scale(which: int) -> dict[str, list[str]]:
    return {"domain": list(LOOKS), "range": [look[which] for look in LOOKS.values()]}


def _labelled(columns: Sequence[str], step: int, cut: int) -> list[str]:
    """The columns with a label: the first of each text, none upon the one before, and none beyond the picture."""
    grouped = _grouped(columns, cut)
    longest = max((len(column[:cut]) for column in columns), default=0)
    apart = -(-(LETTER * (longest + 1)) // step)
    shown: list[str] = []
    last = -apart
    for place, column in enumerate(columns):
        new = place == 0 or columns[place - 1][:cut] != column[:cut]
        after = (len(columns) - place) * step if grouped else ((len(columns) - place) * 2 - 1) * step
        room = after >= (LETTER - 1) * longest
        if new and room and place - last >= apart:
            shown.append(column)
            last = place
    return shown


def places(every: Every) -> Callable[[Period, Sequence[str]], tuple[str, str]]:
    """Where a period stands in the calendar of its rhythm: (column, row); weekdays are given in words."""
    return {"hour": _of_hour, "day": _of_day, "week": _of_year, "month": _of_year}[every]


def _of_hour(period: Period, weekdays: Sequence[str]) -> tuple[str, str]:
    return f"{period.nominal:%H}", f"{period.nominal:%Y-%m-%d}"


def _of_day(period: Period, weekdays: Sequence[str]) -> tuple[str, str]:
    weekday = period.nominal.weekday()
    return str(period.shift(-weekday)), weekdays[weekday]


def _of_year(period: Period, weekdays: Sequence[str]) -> tuple[str, str]:
    year, rest = period.of_year
    return rest, year
