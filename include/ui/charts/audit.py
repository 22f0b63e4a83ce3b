"""Events of the audit log by kind over days."""

from collections.abc import Mapping, Sequence
from typing import Any

from include.ui.charts.style import SAID, SERIES, saying, silent, specification

KINDS = ("use", "change", "decision", "access")
NARROW = 500


def days(rows: Sequence[Mapping[str, Any]], words: Sequence[str], width: int) -> dict[str, Any]:
    """``rows``: ``day`` (in order), ``kind`` (a word of ``words``, which follow ``KINDS``), ``count``, ``said``.

    A circle by the count, and the count itself where there is room.
    """
    given = [{key: row[key] for key in ("day", "kind", "count", SAID)} for row in rows]
    shown = len({row["day"] for row in rows})
    angle = 0 if width > NARROW or shown < 6 else -60
    x = {
        "field": "day", "type": "ordinal", "sort": None, "title": None,
        "axis": {"labelAngle": angle, "labelOverlap": True, "domain": False, "ticks": False},
    }  # fmt: skip
    y = {
        "field": "kind", "type": "nominal", "scale": {"domain": list(words)}, "title": None,
        "axis": {"domain": False, "ticks": False},
    }  # fmt: skip
    size = {"field": "count", "type": "quantitative", "scale": {"range": [30, 900]}, "legend": None}
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "point", "filled": True, "color": SERIES[0], "opacity": 0.35},
            "encoding": saying(x=x, y=y, size=size),
        }
    ]
    if width > NARROW:
        text = {"x": x, "y": y, "text": {"field": "count", "type": "quantitative", "format": ","}}
        layers.append({"mark": silent("text", fontSize=12, color="var(--text)"), "encoding": text})
    return specification(given, width=width, height=46 * len(words), layer=layers)
