"""With how many DAG families each role may do what."""

from collections.abc import Mapping, Sequence
from typing import Any

from include.ui.charts.style import SAID, SERIES, saying, silent, specification

NARROW = 500


def matrix(rows: Sequence[Mapping[str, Any]], actions: Sequence[str], most: int, width: int) -> dict[str, Any]:
    """``rows``: ``role``, ``action`` (in the order of ``actions``), ``count``, ``said``: a circle by the count."""
    given = [{key: row[key] for key in ("role", "action", "count", SAID)} for row in rows]
    x = {
        "field": "action", "type": "nominal", "sort": list(actions), "title": None,
        "axis": {
            "orient": "top", "domain": False, "ticks": False, "labelLimit": 90,
            "labelAngle": 0 if width > NARROW else -60,
        },
    }  # fmt: skip
    roles = list(dict.fromkeys(row["role"] for row in rows))
    y = {"field": "role", "type": "nominal", "sort": roles, "title": None, "axis": {"domain": False, "ticks": False}}
    size = {
        "field": "count", "type": "quantitative", "scale": {"domain": [0, most], "range": [0, 560]}, "legend": None,
    }  # fmt: skip
    circle = {"type": "point", "filled": True, "color": SERIES[0], "opacity": 0.35}
    layers = [
        {"mark": circle, "encoding": saying(x=x, y=y, size=size)},
        {
            "mark": silent("text", fontSize=12, color="var(--text)"),
            "encoding": {"x": x, "y": y, "text": {"field": "count", "type": "quantitative"}},
        },
    ]
    return specification(given, width=width, height=40 * len(roles), layer=layers)
