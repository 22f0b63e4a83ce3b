"""The checklist as pictures: one tile per item, and the states over time."""

from collections.abc import Mapping, Sequence
from typing import Any

from include.ui.charts.style import DIM, GOOD, LINE, NEUTRAL, SAID, WATCH, saying, silent, specification

STATES = ("proved", "partly", "no evidence")
COLOURS = [GOOD, WATCH, NEUTRAL]
SHAPES = ["circle", "diamond", "square"]
ROW = 70
NARROW = 500


def tiles(items: Sequence[Mapping[str, Any]], words: Sequence[str], width: int) -> dict[str, Any]:
    """``items``: ``group``, ``place`` in it from 1, ``number``, ``title``, ``state`` (a word of ``words``), ``said``.

    ``words`` are the three states in the reader's language, in the order of ``STATES``. On a telephone the names of
    the groups stand above their row.
    """
    groups = list(dict.fromkeys(item["group"] for item in items))
    labels = {"labelLimit": 220, "labelFontSize": 13} if width > NARROW else {"labelLimit": 110, "labelFontSize": 11}
    y = {
        "field": "group", "type": "nominal", "sort": groups, "title": None,
        "axis": {**labels, "domain": False, "ticks": False, "labelPadding": 14},
    }  # fmt: skip
    x = {"field": "place", "type": "ordinal", "axis": None}
    state = {"field": "state", "type": "nominal"}
    legend = {"title": None, "symbolSize": 120}
    mark = {"type": "point", "size": 620 if width > NARROW else 330, "strokeWidth": 2}
    layers: list[dict[str, Any]] = [
        {
            "mark": {**mark, "filled": False},
            "encoding": saying(
                x=x, y=y,
                color={**state, "scale": {"domain": list(words), "range": COLOURS}, "legend": legend},
                shape={**state, "scale": {"domain": list(words), "range": SHAPES}, "legend": legend},
            ),
        },
        {
            "mark": silent("text", fontSize=12, fontWeight=600, color="var(--text)"),
            "encoding": {"x": x, "y": y, "text": {"field": "number"}},
        },
    ]  # fmt: skip
    if width > NARROW:
        title = silent("text", fontSize=11, dy=27, limit=width // 8, color=DIM)
        layers.append({"mark": title, "encoding": {"x": x, "y": y, "text": {"field": "title"}}})
    given = [{key: item[key] for key in ("group", "place", "number", "title", "state", SAID)} for item in items]
    return specification(given, width=width, height=ROW * len(groups), layer=layers)


def progress(days: Sequence[Mapping[str, Any]], words: Sequence[str], width: int) -> dict[str, Any]:
    """``days``: ``day`` (in order), ``state`` (a word of ``words``), ``count``, ``said``: bars of counts."""
    order = {word: place for place, word in enumerate(words)}
    given = [
        {**{key: one[key] for key in ("day", "state", "count", SAID)}, "order": order[one["state"]]} for one in days
    ]
    shown = len({one["day"] for one in days})
    axis = {"title": None, "labelAngle": 0 if shown < 8 else -45, "labelOverlap": True, "grid": False}
    bar = {
        "type": "bar",
        "stroke": "var(--page)",
        "strokeWidth": 1,
        "width": {"band": 0.86 if shown > 6 else 0.06 * shown + 0.04},
    }
    return specification(
        given, width=width, height=220, mark=bar,
        encoding=saying(
            x={"field": "day", "type": "ordinal", "sort": None, "axis": axis},
            y={
                "field": "count", "type": "quantitative", "title": None,
                "axis": {"tickCount": 4, "gridColor": LINE, "labelColor": DIM, "domain": False},
            },
            color={
                "field": "state", "type": "nominal", "scale": {"domain": list(words), "range": COLOURS},
                "legend": {"title": None},
            },
            order={"field": "order", "type": "quantitative"},
        ),
    )  # fmt: skip
