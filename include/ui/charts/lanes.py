"""What happened, in lanes below the metric: releases, alerts, retrain decisions, incidents."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from include.contracts.period import Period
from include.operations.overview.timeline import Happening
from include.ui.charts.stacked import Axis, Content, Text, as_given, layer
from include.ui.charts.style import BAD, NEUTRAL, SAID, SERIES, TEXT, WATCH, saying, silent
from include.ui.language import marked
from include.ui.recorded_words import translated

ACT, PAGE = "var(--act)", "var(--page)"
OF_RELEASES = marked("Releases")
LANES = {
    "release": OF_RELEASES,
    "alert": marked("Alerts"),
    "decision": marked("Decisions"),
    "incident": marked("Incidents"),
}
KINDS = {
    ("release", "rolled_back"): (marked("rolled back"), "triangle-down", ACT),
    ("release", "aborted"): (marked("rollout aborted"), "cross", BAD),
    ("release", "kept"): (marked("champion kept"), "square", NEUTRAL),
    ("release", "rolled_forward"): (marked("rolled forward"), "triangle-up", TEXT),
    ("release", "promoted"): (marked("promoted"), "triangle-up", TEXT),
    ("alert", "retrain"): (marked("asks for a retrain"), "triangle-up", ACT),
    ("alert", "repair"): (marked("asks for a repair"), "square", BAD),
    ("alert", "look"): (marked("asks to look"), "diamond", WATCH),
    ("decision", "retrain"): (marked("retrain"), "triangle-up", SERIES[0]),
    ("decision", "fix_data"): (marked("fix the data"), "square", ACT),
    ("decision", "keep"): (marked("keep what serves"), "circle", NEUTRAL),
    ("incident", "interrupted"): (marked("rollout interrupted"), "cross", BAD),
    ("incident", "refused"): (marked("gate refused data"), "square", BAD),
    ("incident", "lost"): (marked("answers not logged"), "triangle-down", ACT),
}
"""What happened, by lane: its word, shape and colour; of several in one window the first in this list is drawn."""
HOLLOW = ("keep",)
STEP, SHOWN = 27, 3
"""Height of a lane in pixels, and how many things of one window are said in full."""
LETTER, SIGN = 7.5, 18
"""Width of a letter and of a mark, in pixels."""


class Sign(NamedTuple):
    """A mark and its word, for the key of the picture."""

    word: str
    shape: str
    colour: str
    hollow: bool


def signs() -> dict[str, list[Sign]]:
    """Lane → the marks that it may have."""
    return {lane: [Sign(*sign, kind in HOLLOW) for (of, kind), sign in KINDS.items() if of == lane] for lane in LANES}


def lanes(content: Content, axis: Axis, text: Text) -> dict[str, Any]:
    """A bar for each time that a release answered most, and a mark for what happened in a window."""
    marks = [
        _mark(lane, at, mine, text) for (lane, at), mine in by_window(content.happened).items() if at in axis.windows
    ]
    names = [text(name) for name in LANES.values()]
    scale = {"type": "band", "domain": names, "paddingInner": 0, "paddingOuter": 0}
    y = {"field": "lane", "type": "ordinal", "scale": scale, "axis": axis.vertical(grid=False)}
    # every lane is there, also one in which nothing happened
    lines = layer(
        [{"lane": name} for name in names], silent("rule", color="var(--line)"), {"y": {**y, "bandPosition": 1}}
    )
    shapes = {name: as_given(name) for name in ("fill", "stroke", "shape")}
    of_release = text(OF_RELEASES)
    point = {"type": "point", "size": 95, "strokeWidth": 1.5, "opacity": 1}
    begins = layer(
        [mark for mark in marks if mark["lane"] == of_release], {**point, "xOffset": SIGN / 2},
        saying(x=axis.x(bandPosition=0), y=y, **shapes),
    )  # fmt: skip
    others = [mark for mark in marks if mark["lane"] != of_release]
    drawn = [*_bars(content, axis, y, text), begins, layer(others, point, saying(x=axis.x(), y=y, **shapes))]
    return axis.panel(text("What happened"), STEP * len(LANES), [lines, *drawn])


def by_window(happened: Sequence[Happening]) -> dict[tuple[str, Period], list[Happening]]:
    """(lane, window) → what happened there."""
    found: dict[tuple[str, Period], list[Happening]] = defaultdict(list)
    for one in happened:
        found[one.lane, one.period].append(one)
    return found


def _bars(content: Content, axis: Axis, y: dict[str, Any], text: Text) -> list[dict[str, Any]]:
    rows = []
    for release, first, last in content.spans:
        if last < axis.windows[0]:
            continue
        start = max(first, axis.windows[0])
        room = axis.step * (1 + axis.windows.index(last) - axis.windows.index(start))
        words = text("%(release)s answered most from %(first)s to %(last)s")
        rows.append({
            "at": start, "to": last, "lane": text(OF_RELEASES), "colour": content.colours[release],
            "name": release if room > LETTER * len(release) + SIGN + 4 else "",
            SAID: words % {"release": release, "first": first, "last": last},
        })  # fmt: skip
    x, x2 = axis.x(bandPosition=0), {"field": "to", "bandPosition": 1}
    bar = {"type": "rect", "opacity": 0.25, "height": {"band": 0.74}, "stroke": PAGE}
    name = silent("text", align="left", baseline="middle", dx=SIGN, fontWeight="bold", fontSize=12)
    begin = {"x": x, "y": y, "text": {"field": "name"}, "color": as_given("colour")}
    return [
        layer(rows, bar, saying(x=x, x2=x2, y=y, color=as_given("colour"))),
        layer([row for row in rows if row["name"]], name, begin),
    ]


def _mark(lane: str, at: Period, happened: Sequence[Happening], text: Text) -> dict[str, Any]:
    """One mark for all that happened in a window: the most serious is drawn, all are said."""
    order, name = list(KINDS), LANES[lane]
    ranked = sorted(happened, key=lambda one: order.index((one.lane, one.kind)))
    _, shape, colour = KINDS[ranked[0].lane, ranked[0].kind]
    hollow = ranked[0].kind in HOLLOW
    lines = [said(one, text) for one in ranked[:SHOWN]]
    if len(ranked) > SHOWN:
        lines.append(text("and %(more)s more") % {"more": len(ranked) - SHOWN})
    return {
        "at": at, "lane": text(name), "shape": shape, "stroke": colour, "fill": PAGE if hollow else colour,
        SAID: "\n".join([f"{at}:", *lines]),
    }  # fmt: skip


def said(one: Happening, text: Text) -> str:
    """The words for one thing that happened."""
    when = f" ({one.at:%Y-%m-%d %H:%M} UTC)" if one.at else ""
    word, _, _ = KINDS[one.lane, one.kind]
    return f"{text(word)}, {one.subject}{when}: {translated(one.words, text) or one.words}"
