"""What retrain plans were proved to gain, and what their releases gained: two intervals a plan, against no gain."""

from collections.abc import Sequence
from typing import Any

from include.operations.overview.plan_outcome import Outcome
from include.ui.charts.stacked import Text, as_given, layer
from include.ui.charts.style import DIM, LINE, SAID, SERIES, saying, silent, specification

PAGE, STEP = "var(--page)", 46


def gains(outcomes: Sequence[Outcome], needed: float, text: Text, width: int) -> dict[str, Any]:
    """Each plan with the proved gain above and the realised one below; ``needed`` is what a release costs."""
    shown = [one for one in outcomes if one.proved]
    rows = [row for one in shown for row in _rows(one, text)]
    plans = list(dict.fromkeys(row["plan"] for row in rows))
    left = 150 if width >= 600 else 92
    scale = {"type": "band", "domain": plans[::-1], "padding": 0.2}
    label = {
        "title": None,
        "domain": False,
        "ticks": False,
        "labelLimit": left - 8,
        "minExtent": left,
        "maxExtent": left,
    }
    y: dict[str, Any] = {"field": "plan", "type": "ordinal", "scale": scale, "axis": label, "bandPosition": 0.5}
    x = {
        "field": "value",
        "type": "quantitative",
        "axis": {"title": None, "tickCount": 5, "format": "+.3~f", "gridColor": LINE},
    }
    offset = {"yOffset": {"field": "kind", "type": "nominal", "scale": {"domain": ["proved", "realised"]}}}
    bars = layer(rows, silent("rule", strokeWidth=2), {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y,
                 "color": as_given("colour"), **offset})  # fmt: skip
    points = layer(rows, {"type": "point", "size": 80, "strokeWidth": 1.5, "opacity": 1}, saying(
        x=x, y=y, shape=as_given("shape"), fill=as_given("fill"), stroke=as_given("colour"), **offset))  # fmt: skip
    zero = layer([{"value": 0.0}], silent("rule", color=DIM), {"x": x})
    cost = layer([{"value": needed}], silent("rule", color=DIM, strokeDash=[3, 3]), {"x": x})
    return specification([], width=width, height=STEP * max(len(plans), 1), layer=[zero, cost, bars, points])


def _rows(one: Outcome, text: Text) -> list[dict[str, Any]]:
    plan = str(one.plan.test_to or one.plan.name)
    rows = []
    if proved := one.proved:
        words = text("%(plan)s: the verdict proved a gain of %(value)s")
        rows.append(_row(plan, "proved", words, one.plan.name, proved.value, proved.low, proved.high, proved.n))
    if (gain := one.newest_gain) is not None:
        words = text("%(plan)s: its release gained %(value)s over the one that it replaced")
        rows.append(
            _row(plan, "realised", words, f"{one.release}, {gain.period}", gain.value, gain.low, gain.high, gain.n)
        )
    return rows


def _row(
    plan: str, kind: str, words: str, name: str, value: float, low: float | None, high: float | None, n: int
) -> dict[str, Any]:
    colour = SERIES[0] if kind == "proved" else SERIES[1]
    said = words % {"plan": name, "value": f"{value:+.4f}"}
    bounds = f" [{low:+.4f}, {high:+.4f}]" if low is not None and high is not None else ""
    return {
        "plan": plan, "kind": kind, "value": value, "low": value if low is None else low,
        "high": value if high is None else high, "colour": colour, "fill": colour if kind == "proved" else PAGE,
        "shape": "diamond" if kind == "proved" else "circle", SAID: f"{said}{bounds}, n {n:,}",
    }  # fmt: skip
