"""The pictures of a verdict: its four cells, their differences, the gain by part of the new test set."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from include.ui.charts.forest import forest
from include.ui.charts.style import BAD, DIM, GOOD, SAID, saying, silent, specification

Rows = Sequence[Mapping[str, Any]]
AS_IMAGE = 300
"""Pixels: Airflow shows the picture of a required action no wider."""
LETTER = 7
"""Pixels of one letter of an axis."""


def gains(parts: Rows, width: int, title: str = "") -> dict[str, Any]:
    """The gain in each part as a bar up or down; ``parts``: ``part``, ``gain``, ``said``."""
    x = {"field": "part", "type": "ordinal", "sort": None, "axis": _axis([p["part"] for p in parts], width)}
    y = {"field": "gain", "type": "quantitative", "axis": {"title": title or None, "format": "+.2f", "tickCount": 4}}
    colour = {"condition": {"test": "datum.gain > 0", "value": GOOD}, "value": BAD}
    given = [{"part": p["part"], "gain": p["gain"], SAID: p[SAID]} for p in parts]
    zero = {"mark": silent("rule", color=DIM), "encoding": {"y": {"datum": 0, "type": "quantitative"}}}
    bars = {"mark": {"type": "bar", "cornerRadius": 1}, "encoding": saying(x=x, y=y, color=colour)}
    return specification(given, width=width, height=160, layer=[bars, zero])


def _axis(parts: Sequence[str], width: int) -> dict[str, Any]:
    """As many labels as there is room for."""
    widest = LETTER * max(map(len, parts), default=0) + LETTER
    every = max(1, ceil(len(parts) * widest / max(width - 60, 1)))
    return {
        "title": None,
        "labelAngle": 0,
        "labelExpr": f"indexof(domain('x'), datum.value) % {every} == 0 ? datum.label : ''",
    }


def image(cells: Rows, differences: Rows, titles: tuple[str, str], width: int = AS_IMAGE) -> dict[str, Any]:
    """Cells and differences in one picture; ``titles`` say what each half is."""
    halves = [_half(cells, titles[0], width, None, ".3f"), _half(differences, titles[1], width, 0.0, "+.3f")]
    halves = [half for half in halves if half]
    outer = {name: halves[0][name] for name in ("$schema", "config")}
    inner = [
        {name: part for name, part in half.items() if name not in ("$schema", "config", "autosize")} for half in halves
    ]
    return {**outer, "vconcat": inner, "spacing": 18}


def _half(rows: Rows, title: str, width: int, reference: float | None, digits: str) -> dict[str, Any]:
    if not rows:
        return {}
    labels = round(width * 0.44)
    inside = forest(rows, width - labels - 48, reference=reference, digits=digits, step=30, room=labels)
    return inside | {"title": {"text": title, "anchor": "start", "frame": "bounds"}}
