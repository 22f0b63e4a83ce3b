"""Positions of the boxes and lines of a lineage picture, from the source on the left to the right."""

from dataclasses import dataclass

from include.catalog.entries import KINDS, Catalog, Entry

WIDTH, HEIGHT, GAP_X, GAP_Y, TEXT = 150, 40, 36, 12, 19
Point = tuple[int, int]


@dataclass(frozen=True)
class Box:
    """An entry at its place, in pixels."""

    entry: Entry
    kind: str
    label: str
    x: int
    y: int
    here: bool


@dataclass(frozen=True)
class Line:
    """A curve from box to box as an SVG path; ``how`` is its tooltip."""

    path: str
    how: str


@dataclass(frozen=True)
class Picture:
    width: int
    height: int
    boxes: list[Box]
    lines: list[Line]


def draw(near: Catalog, identity: str) -> Picture:
    """The picture of ``Catalog.lineage(identity)``: every box stands right of all that it was made from.

    A line that is longer than one step has a free row kept for it in each column that it crosses.
    """
    layers = _layers(near)
    places = _places(near, layers)
    boxes = [
        Box(e, kind(e), _label(e), *places[layers[e.id], e.id], here=e.id == identity)
        for e in sorted(near.entries, key=lambda e: places[layers[e.id], e.id])
    ]
    lines = []
    for edge in near.edges:
        between = range(layers[edge.source] + 1, layers[edge.target])
        passed = [places[layer, edge.source] for layer in between]
        ends = places[layers[edge.source], edge.source], places[layers[edge.target], edge.target]
        lines.append(Line(_path(ends[0], passed, ends[1]), edge.how))
    right, low = (max(place[i] for place in places.values()) for i in (0, 1))
    return Picture(right + WIDTH + 1, low + HEIGHT + 1, boxes, lines)


def _places(near: Catalog, layers: dict[str, int]) -> dict[tuple[int, str], Point]:
    """(column, entry) → the left upper corner of its box, or of the row kept for its lines."""
    columns: dict[int, list[str]] = {}
    for entry in sorted(near.entries, key=lambda e: (KINDS.index(e.kind), e.id)):
        columns.setdefault(layers[entry.id], []).append(entry.id)
    for edge in near.edges:
        for layer in range(layers[edge.source] + 1, layers[edge.target]):
            if edge.source not in columns[layer]:
                columns[layer].append(edge.source)
    return {
        (column, one): (1 + column * (WIDTH + GAP_X), 1 + row * (HEIGHT + GAP_Y))
        for column, rows in columns.items()
        for row, one in enumerate(rows)
    }


def _layers(near: Catalog) -> dict[str, int]:
    """Entry → the longest way to it from an entry that was made from nothing; a circle ends after one round."""
    layers = {e.id: 0 for e in near.entries}
    for _ in near.entries:
        moved = {e.target: layers[e.source] + 1 for e in sorted(near.edges, key=lambda e: layers[e.source])}
        raised = {one: layer for one, layer in moved.items() if layer > layers[one]}
        if not raised or max(raised.values()) >= len(layers):
            break
        layers |= raised
    return layers


def kind(entry: Entry) -> str:
    """What it is, in words: a column of a source is told from one of a table."""
    return "source column" if entry.kind == "column" and entry.id.startswith("source/") else entry.kind


def _label(entry: Entry) -> str:
    """``table.column`` for a column, else the name; cut to what fits a box."""
    name = ".".join(entry.id.split("/")[1:]) if entry.kind == "column" else entry.name
    return name if len(name) <= TEXT else f"{name[: TEXT - 1]}…"


def _path(source: Point, passed: list[Point], target: Point) -> str:
    """From a right edge through the kept rows to a left edge."""
    middle = HEIGHT // 2
    path, x = f"M{source[0] + WIDTH},{source[1] + middle}", source[0] + WIDTH
    y = source[1] + middle
    for left, top in [*passed, target]:
        bend = GAP_X // 2
        path += f" C{x + bend},{y} {left - bend},{top + middle} {left},{top + middle}"
        x, y = left, top + middle
        if (left, top) != target:
            x = left + WIDTH
            path += f" H{x}"
    return path
