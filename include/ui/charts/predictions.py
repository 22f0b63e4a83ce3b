"""What each feature moved an answer by: bars to the left and right of nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from include.ui.charts.style import LINE, SAID, SERIES, saying, specification


def effects(rows: Sequence[Mapping[str, Any]], width: int) -> dict[str, Any]:
    """``rows``: ``feature``, ``effect``, ``said``, in the order in which they are shown."""
    given = [{key: row[key] for key in ("feature", "effect", SAID)} for row in rows]
    label = {"labelLimit": 220 if width > 500 else 110, "domain": False, "ticks": False}
    return specification(
        given, width=width, height=24 * max(len(rows), 2), mark={"type": "bar", "height": {"band": 0.7}},
        encoding=saying(
            y={"field": "feature", "type": "nominal", "sort": None, "title": None, "axis": label},
            x={"field": "effect", "type": "quantitative", "title": None, "axis": {"gridColor": LINE, "tickCount": 5}},
            color={
                "condition": {"test": "datum.effect < 0", "value": SERIES[0]}, "value": SERIES[1],
            },
        ),
    )  # fmt: skip
