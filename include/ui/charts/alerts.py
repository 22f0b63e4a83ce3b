"""Alerts on the clock of the servers: a bar from when one fired to when it was resolved."""

from collections.abc import Mapping, Sequence
from typing import Any

from include.ui.charts.monitoring import names
from include.ui.charts.style import CLOCK, NEUTRAL, SERIES, WATCH, saying, silent, specification

LOOKS = {
    "repair": ("var(--bad)", "square"),
    "retrain": ("var(--act)", "triangle-up"),
    "look": (WATCH, "diamond"),
    "decided": (SERIES[0], "circle"),
}
"""Severity, or what was decided → colour and shape."""
ROW = 26


def timeline(
    rows: Sequence[Mapping[str, Any]], decisions: Sequence[Mapping[str, Any]], since: str, until: str, width: int
) -> dict[str, Any]:
    """``rows``: ``name``, ``since``, ``until``, ``severity``, ``firing``, ``said``; of decisions ``at`` for both times.

    Times are ISO 8601 in UTC.
    """
    order = list(dict.fromkeys(row["name"] for row in (*rows, *decisions)))
    y = {"field": "name", "type": "nominal", "sort": order, "axis": names(width)}
    scale = {"type": "utc", "domain": [since, until], "nice": False}
    axis = {"title": None, "format": CLOCK, "tickCount": max(2, width // 180), "labelOverlap": "greedy", "grid": True}
    x = {"type": "temporal", "scale": scale, "axis": axis}
    looked = [row | dict(zip(("colour", "shape"), LOOKS[row["severity"]], strict=True)) for row in map(dict, rows)]
    colour = {"field": "colour", "type": "nominal", "scale": None, "legend": None}
    shape = {"field": "shape", "type": "nominal", "scale": None, "legend": None}
    layers: list[dict[str, Any]] = [
        {
            "mark": silent("bar", height=10, opacity=0.45, cornerRadius=2),
            "encoding": {"x": {**x, "field": "since"}, "x2": {"field": "until"}, "y": y, "color": colour},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
            "encoding": saying(x={**x, "field": "since"}, y=y, color=colour, shape=shape),
        },
    ]
    if ended := [row for row in looked if not row["firing"]]:
        layers.append({
            "mark": silent("tick", thickness=2, size=16, color=NEUTRAL),
            "encoding": {"x": {**x, "field": "until"}, "y": y},
            "data": {"values": ended},
        })  # fmt: skip
    if decisions:
        layers.append({
            "mark": {"type": "point", "filled": False, "size": 130, "strokeWidth": 2, "color": SERIES[0]},
            "encoding": saying(x={**x, "field": "at"}, y=y),
            "data": {"values": [*decisions]},
        })  # fmt: skip
    return specification(looked, width=width, height=ROW * max(1, len(order)) + 10, layer=layers)
