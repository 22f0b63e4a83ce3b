"""The primary metric by window and release, with the limits that it is held against."""

from collections.abc import Mapping
from typing import Any

from include.ui.charts.stacked import Axis, Content, Text, as_given, layer
from include.ui.charts.style import BAD, DIM, NEUTRAL, SAID, WATCH, saying, silent
from include.ui.language import marked

PAGE = "var(--page)"
SHAPES = {
    "within": "circle", "beyond": "diamond", "breached": "square", "provisional": "circle", "too few": "cross",
    "no limit": "circle", "would have": "circle",
}  # fmt: skip
BETTER = marked("%(difference)s better than on the test set of its release")
WORSE = marked("%(difference)s worse than on the test set of its release")
WORDS = {
    "within": marked("within the limit"),
    "beyond": marked("beyond the limit, but not surely"),
    "breached": marked("surely beyond the limit"),
    "provisional": marked("provisional: labels are missing"),
    "too few": marked("too few rows to judge"),
    "no limit": marked("not held against a limit"),
}
HEIGHT, BESIDE = 190, 9.0
"""Pixels: of the picture, and how far the mark of a second release stands beside that of the first, at most."""


def metric_history(content: Content, axis: Axis, text: Text) -> dict[str, Any]:
    """Intervals, lines and points; a served release is solid, what a replaced one would have scored is dim, dashed."""
    rows = [_row(content, row, text) for row in content.rows if row["period"] in axis.windows]
    better = text("higher is better") if content.direction > 0 else text("lower is better")
    placed = _placed(content, axis, rows)
    high = {"type": "quantitative", "scale": {"zero": False, "nice": True}}
    x, y = axis.x(), {"field": "value", **high, "axis": axis.vertical(tickCount=4, grid=True, format=".3~f")}
    drawn = [
        *_begins(content, axis),
        *_limits(content, axis, rows, y),
        *(_intervals(marks, offset, x, y) for offset, marks in placed),
        *(_line(rows, served, {"x": x, "y": y}) for served in (False, True)),
        *(
            layer(marks, {"type": "point", "strokeWidth": 1.5, "opacity": 1, "xOffset": offset}, _points(x, y))
            for offset, marks in placed
        ),
    ]  # fmt: skip
    return axis.panel(f"{content.metric}: {better}", HEIGHT, drawn)


def _placed(content: Content, axis: Axis, rows: list[dict[str, Any]]) -> list[tuple[float, list[dict[str, Any]]]]:
    """Offset in pixels → marks: what answered most stands in the middle and on top, others beside it."""
    main = {at: release for release, first, last in content.spans for at in axis.windows if first <= at <= last}
    beside = min(BESIDE, axis.step / 4)
    placed: dict[float, list[dict[str, Any]]] = {-beside: [], beside: [], 0.0: []}
    for row in rows:
        middle = main.get(row["at"], row["release"]) == row["release"] and row["served"]
        placed[0.0 if middle else -beside if row["served"] else beside].append(row)
    return [(offset, marks) for offset, marks in placed.items() if marks]


def _intervals(rows: list[dict[str, Any]], offset: float, x: Mapping[str, Any], y: Mapping[str, Any]) -> dict[str, Any]:
    known = [row for row in rows if row["low"] is not None]
    ends = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    looks = {"color": as_given("colour"), "opacity": as_given("faint")}
    return layer(known, silent("rule", strokeWidth=2, xOffset=offset), ends | looks)


def _points(x: Mapping[str, Any], y: Mapping[str, Any]) -> dict[str, Any]:
    return saying(
        x=x, y=y, fill=as_given("fill"), stroke=as_given("stroke"), shape=as_given("shape"), size=as_given("size")
    )


def _line(rows: list[dict[str, Any]], served: bool, channels: Mapping[str, Any]) -> dict[str, Any]:
    """The line of each release, as it served or as it would have."""
    dash = {} if served else {"strokeDash": [4, 3]}
    mark = silent("line", strokeWidth=2 if served else 1.3, opacity=1 if served else 0.55, **dash)
    of = {"detail": {"field": "release", "type": "nominal"}, "color": as_given("colour")}
    return layer([row for row in rows if row["served"] == served], mark, {**channels, **of})


def _limits(content: Content, axis: Axis, rows: list[dict[str, Any]], y: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Acceptance holds for all windows; how much may be lost depends on the release."""
    whole = {"x": axis.x(bandPosition=0), "x2": {"field": "at", "bandPosition": 1}}
    limited = [row for row in rows if row["limit"] is not None]
    of_release = layer(
        limited, silent("rule", color=BAD, strokeWidth=1.5, strokeDash=[2, 2]),
        {**whole, "y": {**y, "field": "limit"}},
    )  # fmt: skip
    if content.limit is None:
        return [of_release]
    every = [{"at": at, "value": content.limit} for at in axis.windows]
    acceptance = layer(every, silent("rule", color=BAD, strokeWidth=1.5), {**whole, "y": y})
    return [of_release, acceptance]


def _begins(content: Content, axis: Axis) -> list[dict[str, Any]]:
    """Where another release began to answer most."""
    starts = [{"at": first, "release": release} for release, first, _ in content.spans[1:] if first in axis.windows]
    x = axis.x(bandPosition=0)
    rule = layer(starts, silent("rule", color=DIM, strokeDash=[1, 3]), {"x": x})
    return [rule] if starts else []


def _row(content: Content, row: Mapping[str, Any], text: Text) -> dict[str, Any]:
    """A row as it is drawn and said."""
    worth = str(row["worth"]) if row["served"] else "would have"
    colour = content.colours[row["release"]]
    strong = {"breached": BAD, "beyond": WATCH, "too few": NEUTRAL}.get(worth, colour)
    hollow = worth in ("provisional", "too few", "would have")
    kept = {"at": row["period"], **{name: row[name] for name in ("release", "served", "value", "low", "high", "limit")}}
    return kept | {
        "colour": colour, "faint": 0.35 if row["served"] else 0.18, "stroke": strong,
        "fill": PAGE if hollow else strong,
        "shape": SHAPES[worth], "size": 30 if worth == "would have" else 90 if worth in ("breached", "beyond") else 55,
        SAID: said(content.metric, row, text),
    }  # fmt: skip


def said(metric: str, row: Mapping[str, Any], text: Text) -> str:
    """The words for one window of one release."""
    served = text("%(window)s, %(release)s: %(metric)s %(value)s")
    replaced = text("%(window)s: %(release)s, which is replaced, would have reached %(metric)s %(value)s")
    about = {"window": row["period"], "release": row["release"], "metric": metric, "value": f"{row['value']:.4g}"}
    parts = [(served if row["served"] else replaced) % about]
    if row["low"] is not None and row["high"] is not None:
        parts.append(f"[{row['low']:.4g}, {row['high']:.4g}], n {row['n']:,}")
    if row["limit"] is not None:
        words = BETTER if row["loss"] < 0 else WORSE
        lost = text(words) % {"difference": f"{abs(row['loss']):.4g}"}
        parts.append(f"{lost}; " + text("limit %(limit)s") % {"limit": f"{row['limit']:.4g}"})
    if row["served"]:
        word = WORDS[row["worth"]]
        parts.append(text(word))
    return "\n".join([*parts, *([row["note"]] if row["note"] else [])])
