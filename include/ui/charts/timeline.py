"""The loop of a use case on one time axis: metric, what happened, drift of features, labels; the same windows below
each other."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from include.contracts.period import Period
from include.ui.charts.heat_map import heat_map
from include.ui.charts.lanes import lanes
from include.ui.charts.metric_history import metric_history
from include.ui.charts.stacked import Axis, Content, Text, as_given, layer
from include.ui.charts.style import BAD, NEUTRAL, SAID, SERIES, saying, silent, specification

RIGHT, WIDE = 14, 600
"""Pixels: right of the plots, and from which width on a picture is wide."""
NEWEST, FEATURES, FEW_FEATURES = 24, 11, 7
"""On a narrow screen so many windows are shown; features with the answers on a wide one, and on a narrow one."""
LABELS = (("labelled", SERIES[0], 0.75), ("unmatched", BAD, 1.0), ("not_due", NEUTRAL, 0.3))


def timeline(content: Content, text: Text, width: int) -> dict[str, Any]:
    """The whole picture; on a narrow screen the newest windows and the features that drift most."""
    wide = width >= WIDE
    left = 150 if wide else 92
    windows = tuple(content.windows if wide else content.windows[-NEWEST:])
    axis = Axis(windows, width - left - RIGHT, left)
    panels: list[Callable[[Content, Axis, Text], dict[str, Any]]] = [metric_history, lanes]
    if content.cells:
        panels.append(partial(heat_map, most=FEATURES if wide else FEW_FEATURES))
    if content.labels:
        panels.append(_labels)
    drawn = [panel(content, axis, text) for panel in panels[:-1]]
    lowest = panels[-1](content, replace(axis, named=True), text)
    return specification([], autosize="pad", vconcat=[*drawn, lowest], spacing=38, bounds="flush")


def _labels(content: Content, axis: Axis, text: Text) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    words: list[dict[str, Any]] = []
    for at in (at for at in axis.windows if at in content.labels):
        rows += _shares(at, content.labels[at])
        words.append({"at": at, "low": 0, "high": 1, SAID: _said(at, content.labels[at], text)})
    y = {
        "field": "low",
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        "axis": axis.vertical(values=[0, 1], format=".0%"),
    }
    x, high, bar = axis.x(), {"field": "high"}, {"width": {"band": 0.92}}
    shares = {"x": x, "y": y, "y2": high, "color": as_given("colour"), "opacity": as_given("opacity")}
    spoken = layer(words, {"type": "bar", "opacity": 0, **bar}, saying(x=x, y=y, y2=high))
    return axis.panel(text("Labels"), 40, [layer(rows, silent("bar", **bar), shares), spoken])


def _shares(at: Period, counts: Any) -> list[dict[str, Any]]:
    """The counts as parts of a bar, one on the other."""
    rows, low, total = [], 0.0, sum(counts.values())
    for name, colour, opacity in LABELS:
        high = low + counts[name] / total
        rows.append({"at": at, "low": low, "high": high, "colour": colour, "opacity": opacity})
        low = high
    return [row for row in rows if row["high"] > row["low"]]


def _said(at: Period, counts: Any, text: Text) -> str:
    words = text("%(window)s: of %(total)s labels %(known)s are known, %(missing)s never came, %(waiting)s are not due")
    number = {"known": counts["labelled"], "missing": counts["unmatched"], "waiting": counts["not_due"]}
    return words % {"window": at, **{name: f"{n:,}" for name, n in {**number, "total": sum(counts.values())}.items()}}
