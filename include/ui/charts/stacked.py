"""Pictures that stand on top of each other on one axis of windows: what they show, the axis, and their frame."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from include.contracts.period import Period
from include.operations.overview.drift_map import Cell
from include.operations.overview.timeline import Happening
from include.ui.charts.style import LINE, SERIES

Text = Callable[[str], str]
LETTER, APART = 7, 16
"""Pixels that a letter of the name of a window takes, and between two names."""
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Content:
    """What is shown of a use case.

    ``rows`` are those of ``history.rows`` with their ``worth``; ``limit`` is that of acceptance for the primary metric,
    ``direction`` +1 where more of it is better. ``spans``: release, and the windows from and to which it answered most.
    """

    metric: str
    direction: int
    limit: float | None
    drift_limit: float
    windows: Sequence[Period]
    rows: Rows
    spans: Sequence[tuple[str, Period, Period]]
    happened: Sequence[Happening]
    cells: Sequence[Cell]
    labels: Mapping[Period, Mapping[str, int]]

    @property
    def colours(self) -> dict[str, str]:
        """Release → its colour: the names beside the marks tell releases of the same colour apart."""
        names = sorted({*(row["release"] for row in self.rows), *(release for release, _, _ in self.spans)})
        return {name: SERIES[place % len(SERIES)] for place, name in enumerate(names)}


@dataclass(frozen=True)
class Axis:
    """The common axis: ``width`` is that of the plots, ``left`` is kept for the labels of the vertical axes.

    The lowest picture is ``named``: below it stand the names of as many windows as there is room for.
    """

    windows: tuple[Period, ...]
    width: int
    left: int
    named: bool = False

    def x(self, **more: Any) -> dict[str, Any]:
        """The channel of the window in the field ``at``."""
        scale = {"type": "band", "domain": list(self.windows), "paddingInner": 0, "paddingOuter": 0}
        return {"field": "at", "type": "ordinal", "scale": scale, "axis": self._names, **more}

    @property
    def _names(self) -> dict[str, Any] | None:
        if not self.named:
            return None
        every = max(ceil((LETTER * len(self.windows[-1]) + APART) / self.step), 1)
        shown = list(self.windows[::-1][::every])
        return {"values": shown, "title": None, "labelAngle": 0, "grid": False, "domain": False, "labelOverlap": False}

    @property
    def step(self) -> float:
        """Width of a window, in pixels."""
        return self.width / max(len(self.windows), 1)

    def vertical(self, **more: Any) -> dict[str, Any]:
        """What every vertical axis has in common."""
        room = {"minExtent": self.left, "maxExtent": self.left, "labelLimit": self.left - 14}
        return {**room, "title": None, "domain": False, "ticks": False, "labelPadding": 8, **more}

    def panel(self, title: str, height: int, layers: list[dict[str, Any]]) -> dict[str, Any]:
        """One of the pictures."""
        head = {"text": title, "anchor": "start", "offset": 8, "limit": self.width, "frame": "group"}
        return {"width": self.width, "height": height, "title": head, "layer": layers, "view": {"stroke": LINE}}


def layer(rows: Rows, mark: Mapping[str, Any], channels: Mapping[str, Any]) -> dict[str, Any]:
    """Marks of their own rows."""
    return {"data": {"values": [dict(row) for row in rows]}, "mark": dict(mark), "encoding": dict(channels)}


def as_given(name: str) -> dict[str, Any]:
    """A channel whose values stand in the rows as they are: colours, shapes, sizes."""
    return {"field": name, "type": "nominal", "scale": None, "legend": None}
