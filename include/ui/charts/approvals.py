"""The signed record over time: each entry about its model version, by what it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from include.ui.charts.style import BAD, CLOCK, GOOD, NEUTRAL, SAID, SERIES, TIMES, WATCH, saying, specification

KINDS = ("registered", "verdict", "approved", "rejected", "other")
COLOURS = [NEUTRAL, SERIES[0], GOOD, BAD, WATCH]
SHAPES = ["circle", "diamond", "triangle-up", "square", "cross"]
KIND_OF = {
    "registered": "registered", "verdict": "verdict", "approved": "approved", "agreed": "approved",
    "rejected": "rejected", "disagreed": "rejected",
}  # fmt: skip
"""Event of the record → kind; all else (withdrawn, expired, an answer that was refused) is ``other``."""
NARROW = 500


def record(rows: Sequence[Mapping[str, Any]], words: Sequence[str], width: int) -> dict[str, Any]:
    """``rows``: ``at`` (ISO), ``version``, ``kind`` (a word of ``words``, which follow ``KINDS``), ``said``."""
    given = [{key: row[key] for key in ("at", "version", "kind", SAID)} for row in rows]
    kind = {"field": "kind", "type": "nominal"}
    legend = {"title": None, "columns": len(words) if width > NARROW else 2, "symbolSize": 90}
    scale = {"domain": list(words)}
    return specification(
        given, width=width, height=max(90, 44 * len({row["version"] for row in rows})),
        mark={"type": "point", "filled": True, "size": 110, "opacity": 1},
        encoding=saying(
            x={**TIMES, "field": "at", "axis": {"title": "UTC", "format": CLOCK, "grid": False, "labelOverlap": True}},
            y={"field": "version", "type": "ordinal", "sort": "descending", "title": None},
            yOffset={**kind, "scale": scale},
            color={**kind, "scale": {**scale, "range": COLOURS}, "legend": legend},
            shape={**kind, "scale": {**scale, "range": SHAPES}, "legend": legend},
        ),
    )  # fmt: skip
