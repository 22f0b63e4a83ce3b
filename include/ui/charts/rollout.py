"""Pictures of a rollout: who got how much of the traffic when, and a figure of both arms against its limit."""

from collections.abc import Mapping, Sequence
from typing import Any

from include.ui.charts.style import BAD, DASHES, GOOD, LINE, SAID, SERIES, TEXT, TIMES, saying, silent, specification

Row = Mapping[str, Any]
TIME: dict[str, Any] = {**TIMES, "field": "at", "title": None}
CLOCK: dict[str, Any] = {"axis": {"format": "%m-%d %H:%M:%S", "labelOverlap": True, "grid": False, "tickCount": 5}}
ARMS = [SERIES[0], SERIES[1]]
"""Colours of champion and challenger; the champion is the lower part of a stack and the solid line."""


def traffic(stretches: Sequence[Row], judged: Sequence[Row], arms: Sequence[str], title: str, width: int) -> dict:
    """``stretches``: ``at``, ``until``, ``low``, ``high`` (shares), ``arm`` and words; ``judged``: ``at``, ``share``
    (where its mark stands), ``passed`` and words. A share holds until the next one is given."""
    x = {**TIME, **CLOCK}
    scale = {"domain": [0, 1]}
    y = {
        "field": "low",
        "type": "quantitative",
        "scale": scale,
        "title": title,
        "axis": {"format": "%", "tickCount": 3},
    }
    colour = {"field": "arm", "type": "nominal", "scale": {"domain": [*arms], "range": ARMS}, "legend": None}
    high, end = {"field": "high"}, {"field": "until"}
    area = {
        "mark": {"type": "rect", "opacity": 0.75, "stroke": "var(--page)", "strokeWidth": 1},
        "encoding": saying(x=x, x2=end, y=y, y2=high, color=colour),
    }
    shape = {"field": "passed", "type": "nominal", "legend": None}
    marks = {
        "data": {"values": [dict(one) for one in judged]},
        "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1, "stroke": "var(--page)"},
        "encoding": saying(
            x=x, y={**y, "field": "share"}, shape={**shape, "scale": _scale(["circle", "square"])},
            color={**shape, "scale": _scale([GOOD, BAD])},
        ),
    }  # fmt: skip
    layers = [area, *([marks] if judged else []), *_names(stretches, x, y)]
    height, apart = 180, {"scale": {"color": "independent", "shape": "independent"}}
    return specification([dict(one) for one in stretches], width=width, height=height, layer=layers, resolve=apart)


def _scale(values: list[str]) -> dict[str, Any]:
    return {"domain": [True, False], "range": values}


def _names(stretches: Sequence[Row], x: Row, y: Row) -> list[dict[str, Any]]:
    """The name of each arm, once, in the largest of its parts."""
    largest: dict[str, Row] = {}
    for one in stretches:
        if one["arm"] not in largest or _size(one) > _size(largest[one["arm"]]):
            largest[one["arm"]] = one
    rows = [
        {"at": (one["at"] + one["until"]) / 2, "low": (one["low"] + one["high"]) / 2, "arm": arm}
        for arm, one in largest.items()
    ]
    text = silent("text", color="var(--page)", fontWeight="bold", fontSize=13)
    return [{"data": {"values": rows}, "mark": text, "encoding": {"x": x, "y": y, "text": {"field": "arm"}}}]


def _size(one: Row) -> float:
    return float((one["until"] - one["at"]) * (one["high"] - one["low"]))


def figure(
    rows: Sequence[Row],
    judged: Sequence[Row],
    arms: Sequence[str],
    limit: float | None,
    form: str,
    width: int = 300,
    tolerance: float | None = None,
) -> dict[str, Any]:
    """``rows`` and ``judged``: ``at``, ``arm``, ``value`` and words; ``form`` is d3's for the numbers.

    The limit is a dashed line; a ``tolerance`` is a band around the champion's curve.
    """  # fmt: skip
    x = {**TIME, "axis": {"format": "%H:%M:%S", "labelOverlap": True, "grid": False, "tickCount": 3}}
    y = {
        "field": "value", "type": "quantitative", "title": None, "axis": {"format": form, "tickCount": 4},
        "scale": {"zero": tolerance is None},
    }  # fmt: skip
    colour = {"field": "arm", "type": "nominal", "scale": {"domain": [*arms], "range": ARMS}, "legend": None}
    dash = {**colour, "scale": {"domain": [*arms], "range": [DASHES[0], DASHES[1]]}}
    line = {"mark": silent("line", strokeWidth=2), "encoding": {"x": x, "y": y, "color": colour, "strokeDash": dash}}
    curve = {"mark": {"type": "point", "filled": True, "size": 14}, "encoding": saying(x=x, y=y, color=colour)}
    layers = [*_band(rows or judged, arms[0], x, y, tolerance), *_limit(limit, y), line, curve]
    if judged:
        shape = {**colour, "scale": {"domain": [*arms], "range": ["circle", "diamond"]}}
        mark = {"type": "point", "filled": True, "size": 70, "opacity": 1, "stroke": TEXT, "strokeWidth": 1}
        values = {"values": [dict(one) for one in judged]}
        layers.append({"data": values, "mark": mark, "encoding": saying(x=x, y=y, color=colour, shape=shape)})
    return specification([dict(one) for one in rows], width=width, height=130, layer=layers)


def _limit(limit: float | None, y: Row) -> list[dict[str, Any]]:
    if limit is None:
        return []
    at = {key: value for key, value in y.items() if key != "field"} | {"datum": limit}
    rule = silent("rule", color=BAD, strokeDash=[4, 3])
    return [{"data": {"values": [{}]}, "mark": rule, "encoding": {"y": at}}]  # also where nothing was measured


def _band(rows: Sequence[Row], champion: str, x: Row, y: Row, tolerance: float | None) -> list[dict[str, Any]]:
    """What the challenger may differ from the champion."""
    mine = [one for one in rows if one["arm"] == champion]
    if tolerance is None or not mine:
        return []
    values = [{"at": r["at"], "value": r["value"] - tolerance, "above": r["value"] + tolerance} for r in mine]
    mark = silent("area", color=LINE, opacity=0.6)
    encoding = {"x": x, "y": y, "y2": {"field": "above"}}
    return [{"data": {"values": values}, "mark": mark, "encoding": encoding}]


def said(arm: str, words: str) -> dict[str, str]:
    """The words of a mark."""
    return {"arm": arm, SAID: words}
