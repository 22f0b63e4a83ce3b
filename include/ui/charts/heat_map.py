"""Drift of features by window: a cell each, by how the figure stands to its limit."""

from typing import Any

from include.operations.overview import drift_map
from include.operations.overview.drift_map import Cell
from include.ui.charts.stacked import Axis, Content, Text, as_given, layer
from include.ui.charts.style import NEUTRAL, SAID, saying, silent
from include.ui.language import marked

PAGE, STEP = "var(--page)", 16
FILLS = {
    "within": "var(--good-tint)", "near": "var(--watch-tint)", "beyond": "var(--watch)", "far beyond": "var(--act)",
    "chance": "var(--watch-tint)",
}  # fmt: skip
SYMBOLS = {"beyond": "diamond", "far beyond": "square", "chance": "circle", "not judged": "cross"}
WORDS = {
    "within": marked("within the limit"),
    "near": marked("above half of the limit"),
    "beyond": marked("beyond the limit"),
    "far beyond": marked("beyond four times the limit"),
    "chance": marked("above the limit, but no more than chance reaches"),
    "not judged": marked("not judged"),
}


def heat_map(content: Content, axis: Axis, text: Text, most: int) -> dict[str, Any]:
    """The answers and the features that drift most; what is not judged has a small grey cross and no colour."""
    names = drift_map.ordered(content.cells)[:most]
    cells = [cell for cell in content.cells if cell.feature in names and cell.period in axis.windows]
    rows = [_row(content, cell, text) for cell in cells]
    called = [_called(name, text) for name in names]
    scale = {"type": "band", "domain": called, "paddingInner": 0, "paddingOuter": 0}
    x, y = axis.x(), {"field": "feature", "type": "ordinal", "scale": scale, "axis": axis.vertical(grid=False)}
    tiles = layer(
        [row for row in rows if row["colour"]], {"type": "rect", "stroke": PAGE, "strokeWidth": 1},
        saying(x=x, y=y, color=as_given("colour")),
    )  # fmt: skip
    beside = {"shape": as_given("shape"), "fill": as_given("fill"), "stroke": as_given("line")}
    size = min(34.0, (axis.step * 0.6) ** 2)
    signs = layer(
        [row for row in rows if row["shape"] and row["colour"]], silent("point", size=size), {"x": x, "y": y, **beside}
    )
    mark = {"type": "point", "size": size, "strokeWidth": 1}
    unjudged = layer([row for row in rows if not row["colour"]], mark, saying(x=x, y=y, **beside))
    title = text("Drift: PSI by feature, limit %(limit)s") % {"limit": f"{content.drift_limit:g}"}
    return axis.panel(title, STEP * len(names), [tiles, signs, unjudged])


def _called(feature: str, text: Text) -> str:
    return feature or text("(answers)")


def _row(content: Content, cell: Cell, text: Text) -> dict[str, Any]:
    judged = cell.state != "not judged"
    return {
        "at": cell.period, "feature": _called(cell.feature, text), "colour": FILLS.get(cell.state, ""),
        "shape": SYMBOLS.get(cell.state, ""), "fill": PAGE if cell.state in ("beyond", "far beyond") else "transparent",
        "line": PAGE if cell.state in ("beyond", "far beyond") else "var(--watch)" if judged else NEUTRAL,
        SAID: said(content.drift_limit, cell, text),
    }  # fmt: skip


def said(limit: float, cell: Cell, text: Text) -> str:
    """The words for one feature in one window."""
    figure = cell.figure
    words = text("%(window)s, %(feature)s: PSI %(value)s, limit %(limit)s")
    feature = _called(cell.feature, text)
    about = {"window": cell.period, "feature": feature, "value": f"{figure.value:.3g}", "limit": f"{limit:g}"}
    word = WORDS[cell.state]
    parts = [words % about, f"{text(word)}, n {figure.n:,}"]
    if figure.floor is not None:
        parts.append(text("chance alone reaches %(floor)s") % {"floor": f"{figure.floor:.3g}"})
    return "\n".join([*parts, *([figure.note] if figure.note else [])])
