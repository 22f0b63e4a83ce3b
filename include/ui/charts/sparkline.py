"""A metric over its last windows, with the limit that it is held against, in the size of a word."""

from collections.abc import Mapping, Sequence
from typing import Any

from include.ui.charts.style import BAD, SAID, SERIES, saying, silent, specification


def sparkline(
    points: Sequence[Mapping[str, Any]], limit: float | None = None, width: int = 220, height: int = 44
) -> dict[str, Any]:
    """``points``: ``at`` (any text, in order), ``value``, and ``said``, the words for the point."""
    x = {"field": "at", "type": "ordinal", "axis": None, "sort": None}
    high = {"type": "quantitative", "axis": None, "scale": {"zero": False}}
    y = {"field": "value", **high}
    layers: list[dict[str, Any]] = [
        {"mark": silent("line", color=SERIES[0], strokeWidth=1.5), "encoding": {"x": x, "y": y}},
        {"mark": {"type": "point", "filled": True, "size": 18, "color": SERIES[0]}, "encoding": saying(x=x, y=y)},
    ]
    if limit is not None:
        rule = {"mark": silent("rule", color=BAD, strokeDash=[3, 3]), "encoding": {"y": {"datum": limit, **high}}}
        layers.insert(0, rule)
    given = [{"at": p["at"], "value": p["value"], SAID: p[SAID]} for p in points]
    return specification(given, width=width, height=height, layer=layers)
