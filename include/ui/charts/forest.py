"""Figures with their intervals, one below the other, beside what each is held against."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from include.ui.charts.style import (
    BAD,
    DIM,
    GOOD,
    LINE,
    NEUTRAL,
    SAID,
    SERIES,
    TEXT,
    WATCH,
    saying,
    silent,
    specification,
)

Look = Literal["good", "watch", "act", "bad", "none", "champion", "candidate"]
"""How a mark looks: its colour and its shape say the same."""
LOOKS: dict[str, tuple[str, str]] = {
    "good": (GOOD, "circle"), "watch": (WATCH, "diamond"), "act": ("var(--act)", "triangle-up"),
    "bad": (BAD, "square"), "none": (NEUTRAL, "circle"), "champion": (SERIES[0], "circle"),
    "candidate": (SERIES[1], "diamond"),
}  # fmt: skip
COLOUR = {"domain": list(LOOKS), "range": [colour for colour, _ in LOOKS.values()]}
SHAPE = {"domain": list(LOOKS), "range": [shape for _, shape in LOOKS.values()]}
HOLLOW = "datum.look === 'none'"
STEP = 36
ROOM = {"left": 14, "right": 8, "top": 8, "bottom": 2}
"""Around a picture: a browser may have a wider font than what drew it."""


def forest(
    rows: Sequence[Mapping[str, Any]], width: int, *, reference: float | None = None, title: str = "",
    digits: str = ".3f", step: int = STEP, room: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """``rows``: ``label`` (each once), ``value``, ``low``, ``high`` (or None), ``look``, ``said``, and ``limits``.

    ``limits`` are drawn as short lines across the row, ``reference`` as a dashed line through all of them. ``room``
    are the pixels of the labels, without it less than half of the width.
    """
    seen = rows if reference is None else [*rows, {"value": reference}]
    x = _across(seen, title, digits, width)
    y = {"field": "label", "type": "nominal", "sort": None, "axis": _labels(room or round(width * 0.45))}
    layers = [*_reference(reference, x), _limits(x, y), _intervals(x, y), *_points(x, y), _values(x, y, digits)]
    height = {"step": step}
    given = [_given(row) for row in rows]
    return specification(given, width=width, height=height, layer=layers, padding=ROOM)


def bullet(row: Mapping[str, Any], width: int = 230, within: tuple[float, float] | None = None) -> dict[str, Any]:
    """One figure with its interval and its limits, in the size of a card, on the scale ``within``."""
    x, y = _scaled(within or domain([row])) | {"axis": None}, {"field": "label", "type": "nominal", "axis": None}
    layers = [_limits(x, y), _intervals(x, y), *_points(x, y)]
    return specification([_given(row)], width=width, height=26, layer=layers)


def _across(rows: Sequence[Mapping[str, Any]], title: str, digits: str, width: int) -> dict[str, Any]:
    axis = {
        "title": title or None,
        "format": digits,
        "tickCount": 5 if width > 400 else 3,
        "labelFlush": False,
        "labelSeparation": 8,
    }
    return _scaled(domain(rows)) | {"axis": axis}


def _scaled(within: tuple[float, float]) -> dict[str, Any]:
    return {"type": "quantitative", "scale": {"domain": list(within), "nice": False, "zero": False}}


def domain(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """From the least to the largest that is to be seen, with some air."""
    seen = [row[name] for row in rows for name in ("value", "low", "high") if row.get(name) is not None]
    seen += [limit for row in rows for limit in row.get("limits", ())]
    least, most = min(seen, default=0.0), max(seen, default=1.0)
    air = (most - least) * 0.08 or abs(most) * 0.1 or 0.1
    return least - air, most + air


def _given(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("label", "value", "low", "high", "look", SAID)
    return {name: row.get(name) for name in names} | {"limits": list(row.get("limits", ()))}


def _labels(room: int) -> dict[str, Any]:
    return {
        "title": None, "domain": False, "ticks": False, "labelLimit": room, "labelColor": TEXT, "labelPadding": 8,
        "grid": True, "gridColor": LINE, "gridDash": [1, 3],
    }  # fmt: skip


def _reference(at: float | None, x: dict[str, Any]) -> list[dict[str, Any]]:
    if at is None:
        return []
    return [{"mark": silent("rule", color=DIM, strokeDash=[4, 3]), "encoding": {"x": {"datum": at, **x}}}]


def _limits(x: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
    return {
        "transform": [{"flatten": ["limits"], "as": ["limit"]}, {"filter": "isValid(datum.limit)"}],
        "mark": silent("tick", color=TEXT, thickness=2.5, size=20, orient="vertical"),
        "encoding": {"x": {"field": "limit", **x}, "y": y},
    }


def _intervals(x: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
    return {
        "transform": [{"filter": "isValid(datum.low) && isValid(datum.high)"}],
        "mark": silent("rule", strokeWidth=3, opacity=0.75, strokeCap="round"),
        "encoding": {"x": {"field": "low", **x}, "x2": {"field": "high"}, "y": y, "color": _coloured()},
    }


def _points(x: dict[str, Any], y: dict[str, Any]) -> list[dict[str, Any]]:
    """What is not judged is hollow."""
    shape = {"field": "look", "type": "nominal", "scale": SHAPE, "legend": None}
    encoding = saying(x={"field": "value", **x}, y=y, color=_coloured(), shape=shape)
    full = {"type": "point", "filled": True, "size": 110, "opacity": 1}
    hollow = {**full, "filled": False, "strokeWidth": 2, "fill": "var(--page)"}
    return [
        {"transform": [{"filter": f"{sign}({HOLLOW})"}], "mark": mark, "encoding": encoding}
        for sign, mark in (("!", full), ("", hollow))
    ]


def _values(x: dict[str, Any], y: dict[str, Any], digits: str) -> dict[str, Any]:
    text = {"field": "value", "type": "quantitative", "format": digits}
    return {
        "mark": silent("text", dy=-12, fontSize=11, color=TEXT),
        "encoding": {"x": {"field": "value", **x}, "y": y, "text": text},
    }


def _coloured() -> dict[str, Any]:
    return {"field": "look", "type": "nominal", "scale": COLOUR, "legend": None}
