"""Two versions side by side: their periods, what their answers depend on."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from include.ui.charts.style import DIM, SAID, SERIES, saying, silent, specification

Rows = Sequence[Mapping[str, Any]]
PARTS = {"train": SERIES[0], "validation": SERIES[4], "test": SERIES[1]}
LANE = 14
"""Height of a bar: each part of a version has a lane of its own, so that none hides another."""


def periods(spans: Rows, names: Sequence[str], width: int) -> dict[str, Any]:
    """``spans``: ``who``, ``part``, ``begins``, ``ends``, ``said``; ``names`` are all periods, oldest first."""
    every = max(1, -(-len(names) * 80 // max(width - 120, 1)))
    axis = {
        "title": None, "tickMinStep": every, "values": list(range(0, len(names), every)), "grid": False,
        "labelExpr": f"{json.dumps([str(name) for name in names])}[datum.value]", "labelAlign": "left",
    }  # fmt: skip
    scale = {"domain": [0, len(names)], "nice": False}
    encoding = saying(
        x={"field": "begins", "type": "quantitative", "axis": axis, "scale": scale},
        x2={"field": "ends"},
        y={"field": "who", "type": "nominal", "sort": None, "axis": {"title": None, "domain": False, "ticks": False}},
        yOffset={"field": "part", "type": "nominal", "sort": None, "scale": {"domain": list(PARTS)}},
        color={"field": "part", "type": "nominal", "legend": None,
               "scale": {"domain": list(PARTS), "range": list(PARTS.values())}},
    )  # fmt: skip
    bar = {"mark": {"type": "bar", "height": LANE - 2, "cornerRadius": 2}, "encoding": encoding}
    given = [{name: span[name] for name in ("who", "part", "begins", "ends", SAID)} for span in spans]
    return specification(given, width=width, height={"step": LANE}, layer=[bar])


def shares(rows: Rows, width: int, title: str = "") -> dict[str, Any]:
    """``rows``: ``feature``, ``who`` (a or b), ``share``, ``said``: dots on a line from one version to the other."""
    x = {"field": "share", "type": "quantitative", "axis": {"title": title or None, "format": ".0%", "tickCount": 5}}
    y = {"field": "feature", "type": "nominal", "sort": None,
         "axis": {"title": None, "domain": False, "ticks": False, "labelLimit": round(width * 0.4)}}  # fmt: skip
    two = {"domain": ["a", "b"]}
    colour = {"field": "who", "type": "nominal", "legend": None, "scale": {**two, "range": SERIES[:2]}}
    shape = {"field": "who", "type": "nominal", "legend": None, "scale": {**two, "range": ["circle", "diamond"]}}
    line = {
        "mark": silent("line", color=DIM, strokeWidth=2),
        "encoding": {"x": x, "y": y, "detail": {"field": "feature"}},
    }
    point = {"type": "point", "filled": True, "size": 110, "opacity": 1}
    dots = {"mark": point, "encoding": saying(x=x, y=y, color=colour, shape=shape)}
    given = [{name: row[name] for name in ("feature", "who", "share", SAID)} for row in rows]
    return specification(given, width=width, height={"step": 26}, layer=[line, dots])
