"""The two small pictures of a card: the primary metric against its limit, and the share of drifted features."""

from collections.abc import Mapping, Sequence
from typing import Any

from include.ui.charts.style import BAD, NEUTRAL, SAID, SERIES, TEXT, WATCH, saying, silent, specification

WIDTH, HEIGHT, STRIP = 340, 56, 40
X: dict[str, Any] = {"field": "at", "type": "ordinal", "axis": None, "sort": None}
QUIET: dict[str, Any] = {"type": "quantitative", "axis": None}
Rows = Sequence[Mapping[str, Any]]


def metric(rows: Rows) -> dict[str, Any]:
    """``rows``: ``at``, ``value`` and ``limit`` (both may be None), ``beyond``: whether it is a breach, and the words.

    A breach is a square in another colour, everything else a dot.
    """
    high = {**QUIET, "scale": {"zero": False, "padding": 6}}
    value, limit = {"field": "value", **high}, {"field": "limit", **high}
    breach = {"condition": {"test": "datum.beyond", "value": BAD}, "value": SERIES[0]}
    shape = {"condition": {"test": "datum.beyond", "value": "square"}, "value": "circle"}
    size = {"condition": {"test": "datum.beyond", "value": 42}, "value": 20}
    layers = [
        {"mark": silent("line", color=BAD, strokeDash=[3, 3], interpolate="step"), "encoding": {"x": X, "y": limit}},
        {"mark": silent("line", color=SERIES[0], strokeWidth=1.5), "encoding": {"x": X, "y": value}},
        {
            "mark": {"type": "point", "filled": True, "opacity": 1},
            "transform": [{"filter": "isValid(datum.value)"}],
            "encoding": saying(x=X, y=value, color=breach, shape=shape, size=size),
        },
    ]
    return specification(_given(rows, "value", "limit", "beyond"), width=WIDTH, height=HEIGHT, layer=layers)


def drift(rows: Rows, limit: float) -> dict[str, Any]:
    """``rows``: ``at``, ``share`` of the features (None: not measured), ``beyond``, and the words.

    The dashed line is the share from which a person is asked to look.
    """
    limit = min(limit, 1.0)
    highest = max([row["share"] for row in rows if row["share"] is not None], default=0.0)
    y = {**QUIET, "scale": {"domain": [0, max(highest, 1.5 * limit)]}}
    colour = {"condition": {"test": "datum.beyond", "value": WATCH}, "value": NEUTRAL}
    layers = [
        {
            "mark": {"type": "bar", "minBandSize": 1},
            "transform": [{"filter": "isValid(datum.share)"}],
            "encoding": saying(x=X, y={"field": "share", **y}, color=colour),
        },
        {"mark": silent("rule", color=TEXT, strokeDash=[3, 3]), "encoding": {"y": {"datum": limit, **y}}},
    ]
    return specification(_given(rows, "share", "beyond"), width=WIDTH, height=STRIP, layer=layers)


def _given(rows: Rows, *names: str) -> list[dict[str, Any]]:
    return [{name: row[name] for name in ("at", SAID, *names)} for row in rows]
