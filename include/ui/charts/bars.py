"""Bars: parts of a whole over time, and amounts by name."""

from collections.abc import Mapping, Sequence
from typing import Any

from include.ui.charts.style import SAID, SERIES, TEXT, saying, silent, specification

ROW, NAMES = 26, 150
"""Pixels of a bar and the space to the next, and of the names."""
FEWEST, LABEL = 30, 80
"""Pixels of a column that has room for its bar, and of a label below it."""
COLUMN = 60


def stacked(points: Sequence[Mapping[str, Any]], width: int, title: str) -> dict[str, Any]:
    """``points``: ``at``, ``part``, ``value`` and ``said``, by time; the newest times that fit.

    A part keeps its place in every column and its colour in the legend.
    """
    times = list(dict.fromkeys(point["at"] for point in points))[-max((width - 80) // FEWEST, 1) :]
    parts = list(dict.fromkeys(p["part"] for p in sorted(points, key=lambda p: -p["value"])))
    there = set(times)
    rows = [
        {"at": p["at"], "part": p["part"], "value": p["value"], "order": parts.index(p["part"]), SAID: p[SAID]}
        for p in points
        if p["at"] in there
    ]
    step = max(1, -(-LABEL * len(times) // max(width - 80, 1)))
    bar = {"type": "bar", "stroke": "var(--page)", "strokeWidth": 1, "width": {"band": 0.8}}
    encoding = saying(
        x={
            "field": "at", "type": "ordinal", "scale": {"domain": times},
            "axis": {"title": None, "labelAngle": 0, "values": times[::step]},
        },
        y={"field": "value", "type": "quantitative", "axis": {"title": title, "tickCount": 4}},
        color={
            "field": "part", "type": "nominal", "scale": {"domain": parts, "range": SERIES[: len(parts)]},
            "legend": {"title": None, "columns": 2 if width < 500 else 6},
        },
        order={"field": "order", "type": "ordinal"},
    )  # fmt: skip
    return specification(rows, width=min(width, 160 + COLUMN * len(times)), height=200, mark=bar, encoding=encoding)


def by_name(rows: Sequence[Mapping[str, Any]], width: int, colour: str = SERIES[0]) -> dict[str, Any]:
    """``rows``: ``name``, ``value``, ``shown`` (the value in words) and ``said``, from the top."""
    names = [row["name"] for row in rows]
    most = max((row["value"] for row in rows), default=0) or 1
    y = {
        "field": "name", "type": "ordinal", "scale": {"domain": names},
        "axis": {"title": None, "domain": False, "ticks": False, "labelLimit": NAMES - 10},
    }  # fmt: skip
    # a third more than the longest bar leaves room for its words
    x = {"field": "value", "type": "quantitative", "axis": None, "scale": {"domain": [0, most * 1.35]}}
    words = silent("text", align="left", dx=5, fontSize=12, color=TEXT)
    return specification(
        [{"name": r["name"], "value": r["value"], "shown": r["shown"], SAID: r[SAID]} for r in rows],
        width=min(width, 640), height=ROW * max(len(rows), 1),
        layer=[
            {"mark": {"type": "bar", "color": colour, "height": {"band": 0.65}}, "encoding": saying(x=x, y=y)},
            {"mark": words, "encoding": {"x": x, "y": y, "text": {"field": "shown", "type": "nominal"}}},
        ],
    )  # fmt: skip
