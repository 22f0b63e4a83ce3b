"""Pictures of a monitored window: distributions, calibration, figures against their limits, what came when."""

from collections.abc import Mapping, Sequence
from typing import Any

from include.ui.charts.style import (
    BAD,
    CLOCK,
    DIM,
    GOOD,
    NEUTRAL,
    SAID,
    SERIES,
    TEXT,
    TIMES,
    WATCH,
    saying,
    silent,
    specification,
)

Rows = Sequence[Mapping[str, Any]]
LOOKS = {
    "beyond": (BAD, "square", BAD),
    "watched": (WATCH, "diamond", WATCH),
    "within": (GOOD, "circle", GOOD),
    "not judged": (NEUTRAL, "circle", "transparent"),
}
"""Standing → colour, shape and filling, as the marks beside the words have them."""
SHAPES = ["circle", "diamond", "triangle-up"]
ROW = 22
"""Height of a row, in pixels."""
SQUARE = 440


def distribution(bars: Rows, points: Rows, references: Sequence[str], width: int) -> dict[str, Any]:
    """``bars``: ``bin``, ``share`` and ``said`` of the window; ``points``: the same of each ``reference``."""
    order = [bar["bin"] for bar in bars]
    y = {"field": "bin", "type": "nominal", "sort": order, "axis": names(width)}
    x = {"field": "share", "type": "quantitative", "axis": {"format": ".0%", "title": None, "tickCount": 5}}
    named = {"domain": [*references], "range": SHAPES[: len(references)]}
    colours = {"domain": [*references], "range": SERIES[1 : 1 + len(references)]}
    legend = {"title": None, "labelLimit": width, "columns": 1}
    of = {"field": "reference", "type": "nominal", "legend": legend}
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "bar", "color": SERIES[0], "opacity": 0.35, "height": {"band": 0.75}},
            "encoding": saying(x=x, y=y),
            "data": {"values": [*bars]},
        },
        {
            "mark": {"type": "point", "filled": False, "size": 70, "strokeWidth": 2},
            "encoding": saying(x=x, y=y, shape={**of, "scale": named}, color={**of, "scale": colours}),
            "data": {"values": [*points]},
        },
    ]
    return specification([], width=width, height=ROW * len(order) + 10, layer=layers)


def reliability(rows: Rows, width: int) -> dict[str, Any]:
    """``rows``, one for each bin: ``predicted``, ``observed`` with ``low`` and ``high``, ``n``, ``standing``."""
    ends = [0.0, max(float(row[name]) for row in rows for name in ("predicted", "high"))]
    scale = {"domain": ends, "nice": False}
    axis = {"format": ".0%", "tickCount": 6}
    x = {"field": "predicted", "type": "quantitative", "scale": scale, "axis": {**axis, "title": None}}
    y = {"field": "observed", "type": "quantitative", "scale": scale, "axis": {**axis, "title": None}}
    size = min(width, SQUARE)
    layers: list[dict[str, Any]] = [
        {
            "mark": silent("line", color=DIM, strokeDash=[4, 4]),
            "encoding": {"x": x, "y": y},
            "data": {"values": [{"predicted": end, "observed": end} for end in ends]},
        },
        {"mark": silent("rule", color=DIM), "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}},
        {"mark": _mark(), "encoding": saying(x=x, y=y, **_looks())},
        {
            "mark": silent("text", dy=-12, dx=-14, fontSize=10, color=DIM),
            "encoding": {"x": x, "y": y, "text": {"field": "count", "type": "nominal"}},
        },
    ]
    return specification(
        [_looked(row) for row in _counted(rows, ends[1])], width=size, height=size * 3 // 4, layer=layers
    )


def _counted(rows: Rows, end: float) -> list[dict[str, Any]]:
    """The rows with their number beside them, where there is room for it."""
    counted, last = list[dict[str, Any]](), -end
    for row in rows:
        room = row["predicted"] - last > end / 12
        last = row["predicted"] if room else last
        counted.append({**row, "count": f"{row['n']:,}" if room else ""})
    return counted


def dots(
    rows: Rows, width: int, limit: float | None = None, beside: float | None = None, shares: bool = False,
    root: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """Figures one below the other against a ``limit``, or a value that they are read ``beside``.

    ``rows``: ``name``, ``value``, ``standing``, ``said``; where there are ``low`` and ``high``, its interval, where
    there is a ``floor``, what chance alone reaches. ``root``: small values are told apart beside large ones.
    """
    order = list(dict.fromkeys(row["name"] for row in rows))
    y = {"field": "name", "type": "nominal", "sort": order, "axis": names(width)}
    axis = {"title": None, "tickCount": 6, **({"format": "~%"} if shares else {})}
    measured = {"type": "quantitative", "axis": axis, "scale": {"type": "sqrt" if root else "linear", "zero": root}}
    x = {"field": "value", **measured}
    layers: list[dict[str, Any]] = []
    for at, colour in ((limit, BAD), (beside, DIM)):
        if at is not None:
            line = silent("rule", color=colour, strokeDash=[4, 3])
            layers.append({"mark": line, "encoding": {"x": {"datum": at, **measured}}})
    if floors := [row for row in rows if row.get("floor") is not None]:
        tick = silent("tick", color=TEXT, thickness=2, size=12)
        layers.append({"mark": tick, "encoding": {"x": {**x, "field": "floor"}, "y": y}, "data": {"values": floors}})
    if bounded := [row for row in rows if row.get("low") is not None]:
        ends = {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y}
        layers.append({"mark": silent("rule", color=DIM), "encoding": ends, "data": {"values": bounded}})
    layers.append({"mark": _mark(), "encoding": saying(x=x, y=y, **_looks())})
    return specification([_looked(row) for row in rows], width=width, height=ROW * len(order) + 8, layer=layers)


def maturity(rows: Rows, width: int, due: float) -> dict[str, Any]:
    """``rows``: ``hours`` since the event, the ``share`` of labels that is known, ``low``, ``high``, ``said``."""
    x = {"field": "hours", "type": "quantitative", "axis": {"title": None, "tickCount": 6}}
    of = {"type": "quantitative", "scale": {"domain": [0, 1]}, "axis": {"format": ".0%", "title": None, "tickCount": 5}}
    y = {"field": "share", **of}
    layers: list[dict[str, Any]] = [
        {
            "mark": silent("rule", color=DIM, strokeDash=[4, 3]),
            "encoding": {"x": {"datum": due, "type": "quantitative"}},
        },
        {
            "mark": silent("area", color=SERIES[0], opacity=0.2, interpolate="step-after"),
            "encoding": {"x": x, "y": {"field": "low", **of}, "y2": {"field": "high"}},
        },
        {"mark": silent("line", color=SERIES[0], interpolate="step-after"), "encoding": {"x": x, "y": y}},
        {"mark": _mark(), "encoding": saying(x=x, y=y, **_looks())},
    ]
    return specification([_looked(row) for row in rows], width=min(width, 620), height=170, layer=layers)


def windows(rows: Rows, series: Sequence[str], width: int, zero: bool = False) -> dict[str, Any]:
    """Figures of window after window.

    ``rows``: ``window``, ``series`` (one of those), ``value``, ``said``, and ``low`` and ``high`` of an interval.
    """
    order = sorted({row["window"] for row in rows})
    step = max(1, len(order) * 60 // width)
    shown = order[::step]
    x = {
        "field": "window", "type": "ordinal", "sort": order,
        "axis": {"title": None, "labelAngle": 0, "values": shown, "labelOverlap": "greedy"},
    }  # fmt: skip
    of = {"type": "quantitative", "scale": {"zero": zero}, "axis": {"title": None, "tickCount": 5}}
    y, kind = {"field": "value", **of}, {"field": "series", "type": "nominal"}
    legend = {"title": None, "labelLimit": width, "columns": 1}
    colour = {**kind, "legend": legend, "scale": {"domain": [*series], "range": SERIES[: len(series)]}}
    shape = {
        **kind,
        "legend": legend,
        "scale": {"domain": [*series], "range": ["circle", "triangle-up", "diamond"][: len(series)]},
    }
    beside = {"xOffset": {**kind, "scale": {"domain": [*series]}}} if len(series) > 1 else {}
    layers: list[dict[str, Any]] = []
    if bounded := [row for row in rows if row.get("low") is not None]:
        ends = {"x": x, **beside, "y": {"field": "low", **of}, "y2": {"field": "high"}, "color": colour}
        layers.append({"mark": silent("rule", opacity=0.6), "encoding": ends, "data": {"values": bounded}})
    points = saying(x=x, **beside, y=y, color=colour, shape=shape)
    layers.append({"mark": {"type": "point", "filled": True, "size": 55}, "encoding": points})
    return specification(list(rows), width=width, height=190, layer=layers)


def losses(rows: Rows, width: int, since: str | None = None) -> dict[str, Any]:
    """``rows``: ``at`` (a time), the mean ``loss`` of the block that begins then, ``said``; ``since``: a change."""
    x = {**TIMES, "field": "at", "axis": {"title": "UTC", "format": CLOCK, "tickCount": 6}}
    of = {"type": "quantitative", "scale": {"zero": False}, "axis": {"title": None, "tickCount": 4}}
    y = {"field": "loss", **of}
    layers: list[dict[str, Any]] = [
        {"mark": silent("line", color=SERIES[0], strokeWidth=1), "encoding": {"x": x, "y": y}},
        {"mark": {"type": "point", "filled": True, "size": 26, "color": SERIES[0]}, "encoding": saying(x=x, y=y)},
    ]
    if since:
        change = {**x, "field": "since"}
        layers.insert(
            0,
            {
                "mark": silent("rule", color=WATCH, strokeWidth=2),
                "encoding": {"x": change},
                "data": {"values": [{"since": since}]},
            },
        )
    return specification(list(rows), width=width, height=150, layer=layers)


def names(width: int) -> dict[str, Any]:
    """The axis of names, which leaves room for the figures."""
    return {
        "title": None,
        "labelLimit": min(220, width * 2 // 5),
        "ticks": False,
        "domain": False,
        "labelColor": TEXT,
        "labelPadding": 10,
    }


def _mark() -> dict[str, Any]:
    return {"type": "point", "size": 80, "strokeWidth": 2, "opacity": 1}


def _looks() -> dict[str, Any]:
    return {
        name: {"field": f"look_{name}", "type": "nominal", "scale": None, "legend": None}
        for name in ("stroke", "shape", "fill")
    }


def _looked(row: Mapping[str, Any]) -> dict[str, Any]:
    colour, shape, fill = LOOKS[row["standing"]]
    kept = {name: value for name, value in row.items() if value is not None}
    return kept | {"look_stroke": colour, "look_shape": shape, "look_fill": fill, SAID: row[SAID]}
