"""How every picture looks: colours are variables of the pages' style sheet, so a picture follows the theme."""

from collections.abc import Mapping, Sequence
from typing import Any

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
TEXT, DIM, LINE = "var(--text)", "var(--dim)", "var(--line)"
GOOD, WATCH, BAD, NEUTRAL = "var(--good)", "var(--watch)", "var(--bad)", "var(--neutral)"
SERIES = [f"var(--series-{number})" for number in range(1, 7)]
"""One colour for each release or arm, also distinguished by shape or dash."""
DASHES: list[list[int]] = [[], [6, 3], [2, 2], [8, 3, 2, 3], [1, 3], [10, 4]]
FONT = "system-ui, sans-serif"
CONFIG: dict[str, Any] = {
    "background": None,
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": DIM, "titleColor": DIM, "domainColor": LINE, "tickColor": LINE, "gridColor": LINE,
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
    },
    "legend": {"labelColor": TEXT, "titleColor": DIM, "labelFontSize": 12, "titleFontSize": 12, "orient": "top"},
    "header": {"labelColor": TEXT, "titleColor": DIM},
    "title": {"color": TEXT, "fontSize": 13, "anchor": "start"},
    "text": {"color": TEXT},
}  # fmt: skip
CLOCK = {
    "year": "%Y", "quarter": "%Y-%m-%d", "month": "%Y-%m-%d", "week": "%m-%d", "date": "%m-%d", "hours": "%H:%M",
    "minutes": "%H:%M", "seconds": "%H:%M:%S", "milliseconds": "%H:%M:%S.%L",
}  # fmt: skip
"""What a tick of a time axis shows by what it begins: without it hours are those of a clock of twelve."""
TIMES: dict[str, Any] = {"type": "temporal", "scale": {"type": "utc"}}
"""A channel of times, with ``CLOCK`` as the format of its axis: both are in UTC, as every time of the pages."""
SAID = "said"
"""The field of a row with the words for a mark: shown when it is hovered or focused, read by a screen reader."""


def specification(rows: Sequence[Mapping[str, Any]], **parts: Any) -> dict[str, Any]:
    """A whole specification: data, style, and the ``parts`` of Vega-Lite."""
    return {"$schema": SCHEMA, "data": {"values": list(rows)}, "config": CONFIG, "autosize": FIT, **parts}


FIT = {"type": "fit-x", "contains": "padding"}


def silent(mark: str, **properties: Any) -> dict[str, Any]:
    """A mark that says nothing by itself."""
    return {"type": mark, "aria": False, **properties}


def saying(**channels: Any) -> dict[str, Any]:
    """Channels of a mark that says what stands in ``SAID`` of its row."""
    return {**channels, "description": {"field": SAID, "type": "nominal"}}
