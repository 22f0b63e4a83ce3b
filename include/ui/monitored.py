"""What the page of monitoring draws: rows of figures with their words, and the pictures made of them."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

from markupsafe import Markup

from include.contracts.operations import BinnedCounts, CalibrationBin, Figure
from include.evaluation.metrics import direction
from include.operations import standings
from include.operations.limits import SKEWED_SHARE
from include.operations.standings import Judged
from include.specification.usecase import UseCase
from include.ui.charts import monitoring as charts
from include.ui.language import marked
from include.ui.templates import number, percent
from include.ui.view import View

Text = Callable[[str], str]
SHOWN, WINDOWS = 20, 24
"""Figures of one kind in a picture, the worst (the table has all); windows that follow one another, the newest."""
STANDINGS = {
    "beyond": marked("beyond its limit"),
    "watched": marked("watched"),
    "within": marked("within limits"),
    "not judged": marked("not judged"),
}
LEVELS = {"beyond": "bad", "watched": "watch", "within": "good", "not judged": "none"}
GROUPS = {
    "quality": marked("Quality"),
    "estimate": marked("Estimate before labels"),
    "drift": marked("Feature drift"),
    "columns": marked("Column faults"),
    "answers": marked("Predictions"),
    "calibration": marked("Calibration"),
    "skew": marked("Training-serving skew"),
    "slices": marked("Slices"),
    "concept": marked("Concept drift"),
    "attribution": marked("Attribution drift"),
    "labels": marked("Labels"),
    "serving": marked("Serving"),
}
PARTS: dict[str, tuple[str, ...]] = {
    "inputs": ("drift", "columns", "skew"),
    "answers": ("answers", "quality", "estimate", "calibration", "slices"),
    "model": ("concept", "attribution", "labels", "serving"),
}
"""Part of the page → its groups: a page draws the pictures of one part."""
PICTURES = {
    "inputs": {"drift", "distribution", "skew"},
    "answers": {"answers", "estimate", "calibration", "slices"},
    "model": {"losses", "attribution", "maturity", "latency"},
}
NAMES = {
    "inputs": marked("Features"),
    "answers": marked("Predictions and their quality"),
    "model": marked("Model, labels and serving"),
}
SIDES = {
    "test_set": marked("test set of the release"),
    "window_before": marked("window before"),
    "last_season": marked("same season last year"),
}
BINS = {
    "below the range": marked("below the range"),
    "above the range": marked("above the range"),
    "other": marked("all others"),
    "unseen": marked("never seen"),
    "missing": marked("missing"),
    "no number": marked("no number"),
    "every number": marked("every number"),
}
RANGES = (
    (re.compile(r"below (\S+)"), "< {}"),
    (re.compile(r"from (\S+)"), "≥ {}"),
    (re.compile(r"(\S+) to below (\S+)"), "{} – {}"),
)
"""Names of the bins of numbers, and how they are written in every language."""


def words(text: Text) -> dict[str, Any]:
    """For the template: standings, groups, references and names of bins in the language of the page."""
    named = {"standings": STANDINGS, "groups": GROUPS, "sides": SIDES, "parts": NAMES}
    every = {name: {key: text(word) for key, word in of.items()} for name, of in named.items()}
    of_bins = {"bin_name": partial(bin_name, text=text), "bin_standing": bin_standing, "slice_standing": slice_standing}
    part_of = {group: part for part, groups in PARTS.items() for group in groups}
    return {"words": every | {"levels": LEVELS}, "part_of": part_of, **of_bins}


def bin_name(name: str, text: Text) -> str:
    """A recorded name of a bin as people read it."""
    if name in BINS:
        return text(BINS[name])
    for pattern, written in RANGES:
        if found := pattern.fullmatch(name):
            return written.format(*(_shortly(edge) for edge in found.groups()))
    return name


def _shortly(edge: str) -> str:
    """A number in as many digits as people read."""
    try:
        return f"{float(edge):.4g}"
    except ValueError:
        return edge


def said(text: Text, one: Figure, standing: str, limit: float | None = None) -> str:
    """A figure in words: its value, interval, limit, floor, rows, and how it stands."""
    told = [f"{one.subject or one.name}: {number(one.value)}"]
    if one.low is not None and one.high is not None:
        told.append(text("interval %(low)s to %(high)s") % {"low": number(one.low), "high": number(one.high)})
    if limit is not None:
        told.append(text("limit %(limit)s") % {"limit": f"{limit:g}"})
    if one.floor is not None:
        told.append(text("chance reaches %(floor)s") % {"floor": number(one.floor)})
    told.append(f"n {one.n:,}" + (f" ({text('effective')} {one.effective_n:,})" if one.effective_n else ""))
    told.append(text(STANDINGS[standing]) + (f": {one.note}" if one.note else ""))
    return "\n".join(told)


def pictures(view: View, spec: UseCase, shown: Mapping[str, Any]) -> dict[str, Markup]:
    """Every picture of the part that there is something to draw of."""
    text, judged, limit = view.text, shown["judged"], spec.monitoring.drift_threshold
    drawn: dict[str, Markup] = {}
    wanted = PICTURES[shown["shown_part"]]

    def draw(name: str, rows: Sequence[Any], chart: Callable[[int], Any], label: str) -> None:
        if rows and name in wanted:
            drawn[name] = view.picture(chart, label)

    of = partial(figure_rows, text, judged)
    for name, figures, held, shares, root, label in (
        (
            "drift",
            "psi",
            limit,
            False,
            True,
            text("Drift of each feature against the test set, with the limit and what chance reaches"),
        ),
        (
            "skew",
            "feature_skew",
            SKEWED_SHARE,
            True,
            True,
            text("Share of answers with another value than the offline store has, by feature"),
        ),
    ):
        rows = of(figures)
        draw(name, rows, partial(charts.dots, rows, limit=held, shares=shares, root=root), label)
    attributed = attribution_rows(text, shown["figures"])
    draw(
        "attribution",
        attributed,
        partial(charts.dots, attributed, beside=0.0, shares=True, root=False),
        text("Change of each feature's share of the attributions since the test set, with intervals"),
    )
    for name, label in (
        ("distribution", text("Distribution of the feature now and in its references")),
        ("answers", text("Distribution of the predictions now and in their references")),
    ):
        if counts := shown[name]:
            bars, points, references = shares_of(text, counts)
            draw(name, bars, partial(charts.distribution, bars, points, references), label)
    bins = calibration_rows(text, shown["calibration"])
    draw(
        "calibration",
        bins,
        partial(charts.reliability, bins),
        text("Reliability: probability that was predicted, and share that came true"),
    )
    slices = slice_rows(spec, shown["slices"], shown["figures"])
    whole = shown["figures"].get((spec.metrics.primary, ""))
    draw(
        "slices",
        slices,
        partial(charts.dots, slices, beside=whole.value if whole else None, root=False),
        text("Primary metric of each slice against that of all rows"),
    )
    ages = maturity_rows(text, shown["figures"])
    draw(
        "maturity",
        ages,
        partial(charts.maturity, ages, due=spec.event.label_delay.hours),
        text("Share of labels that is known so many hours after the event"),
    )
    losses, since = loss_rows(text, shown["losses"]), changed(shown["figures"])
    draw(
        "losses",
        losses,
        partial(charts.losses, losses, since=since),
        text("Mean loss of the answers, block after block"),
    )
    return drawn | _of_history(view, spec, shown["history"], wanted)


def _of_history(view: View, spec: UseCase, figures: Sequence[Figure], wanted: Collection[str]) -> dict[str, Markup]:
    text, primary = view.text, spec.metrics.primary
    named = {
        primary: text("measured on labels"),
        f"estimated_{primary}": text("estimated before labels"),
        "latency_p50_ms": "p50",
        "latency_p99_ms": "p99",
    }
    drawn: dict[str, Markup] = {}
    for name, of, label, zero in (
        (
            "estimate",
            [primary, f"estimated_{primary}"],
            text("Primary metric window after window, estimated and measured"),
            False,
        ),
        ("latency", ["latency_p50_ms", "latency_p99_ms"], text("Latency window after window, in milliseconds"), True),
    ):
        mine = [figure for figure in figures if figure.name in of]
        newest = sorted({figure.period for figure in mine})[-WINDOWS:]
        rows = [_of_window(text, figure, named[figure.name]) for figure in mine if figure.period in newest]
        if rows and name in wanted:
            drawn[name] = view.picture(partial(charts.windows, rows, [named[one] for one in of], zero=zero), label)
    return drawn


def _of_window(text: Text, one: Figure, series: str) -> dict[str, Any]:
    standing = "within" if one.state == "judged" else "not judged"
    told = said(text, one, standing).split("\n")
    state = [told[-1]] if standing == "not judged" else []
    return {
        "window": str(one.period), "series": series, "value": one.value, "low": one.low, "high": one.high,
        "said": "\n".join([f"{one.period}, {one.release}, {series}: {number(one.value)}", *told[1:-1], *state]),
    }  # fmt: skip


def figure_rows(text: Text, judged: Sequence[Judged], name: str) -> list[dict[str, Any]]:
    """The figures of this name by subject, the worst first."""
    mine = [one for one in judged if one.figure.name == name]
    mine = sorted(mine, key=lambda one: (standings.ORDER.index(one.standing), -one.figure.value))[:SHOWN]
    return [_row(text, one.figure, one.standing, one.limit) for one in mine]


def _row(text: Text, one: Figure, standing: str, limit: float | None) -> dict[str, Any]:
    return {
        "name": one.subject or one.name, "value": one.value, "low": one.low, "high": one.high, "floor": one.floor,
        "standing": standing, "said": said(text, one, standing, limit),
    }  # fmt: skip


def attribution_rows(text: Text, figures: Mapping[tuple[str, str], Figure]) -> list[dict[str, Any]]:
    """Of each feature; one whose interval excludes 0 is watched."""
    mine = [one for (name, subject), one in figures.items() if name == "attribution_drift" and subject]
    rows = []
    for one in sorted(mine, key=lambda figure: -abs(figure.value))[:SHOWN]:
        apart = one.low is not None and one.high is not None and not one.low <= 0 <= one.high
        standing = "not judged" if one.state != "judged" else "watched" if apart else "within"
        rows.append(_row(text, one, standing, None))
    return rows


def shares_of(text: Text, counts: BinnedCounts) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[str]]:
    """Bars of the window, points of its references, and the names of those."""
    names = _told_apart([bin_name(name, text) for name in counts.bins])
    sides = {text(word): getattr(counts, side) for side, word in SIDES.items() if getattr(counts, side)}
    bars = _shares(text("this window"), names, counts.now)
    points = [row | {"reference": side} for side, rows in sides.items() for row in _shares(side, names, rows)]
    return bars, points, list(sides)


def _told_apart(names: Sequence[str]) -> list[str]:
    """A category may be called as a bin is named: it gets a sign."""
    return [
        f"{name} ({names[:place].count(name) + 1})" if name in names[:place] else name
        for place, name in enumerate(names)
    ]


def _shares(side: str, names: Sequence[str], rows: Sequence[int]) -> list[dict[str, Any]]:
    total = sum(rows) or 1
    return [
        {"bin": name, "share": n / total, "said": f"{name}\n{side}: {percent(n / total, 1)}, n {n:,}"}
        for name, n in zip(names, rows, strict=True)
    ]


def calibration_rows(text: Text, bins: Sequence[CalibrationBin]) -> list[dict[str, Any]]:
    """A bin whose interval excludes its prediction is watched."""
    return [
        {
            "predicted": one.predicted, "observed": one.value, "low": one.low, "high": one.high, "n": one.n,
            "standing": bin_standing(one), "said": _of_bin(text, one),
        }
        for one in bins
    ]  # fmt: skip


def bin_standing(one: CalibrationBin) -> str:
    if one.state != "judged" or one.low is None or one.high is None:
        return "not judged"
    return "within" if one.low <= one.predicted <= one.high else "watched"


def _of_bin(text: Text, one: CalibrationBin) -> str:
    told = text("predicted %(predicted)s, came true %(observed)s [%(low)s, %(high)s]") % {
        "predicted": percent(one.predicted, 1), "observed": percent(one.value, 1), "low": percent(one.low, 1),
        "high": percent(one.high, 1),
    }  # fmt: skip
    return f"{told}\nn {one.n:,}" + (f"\n{one.note}" if one.note else "")


def slice_rows(
    spec: UseCase, slices: Sequence[Mapping[str, Any]], figures: Mapping[tuple[str, str], Figure]
) -> list[dict[str, Any]]:
    """Of the slices that have a metric, the worst first; those that are surely worse than all rows are watched."""
    sign = direction(spec.metrics.primary)
    rows = [row for row in slices if row["value"] is not None]
    return [
        {
            "name": row["slice"], "value": row["value"], "low": row["low"], "high": row["high"],
            "standing": slice_standing(row, figures),
            "said": _of_slice(row),
        }
        for row in sorted(rows, key=lambda row: sign * row["value"])[:SHOWN]
    ]  # fmt: skip


def slice_standing(row: Mapping[str, Any], figures: Mapping[tuple[str, str], Figure]) -> str:
    """The figure of its column names the slices that are surely worse."""
    if row["state"] != "judged" or row["value"] is None:
        return "not judged"
    key, _, value = row["slice"].partition(" = ")
    named = figures[("slices_beyond", key)].note if ("slices_beyond", key) in figures else ""
    return "watched" if value in re.split(r"[:,] | and \d+ more", named) else "within"


def _of_slice(row: Mapping[str, Any]) -> str:
    told = f"{row['slice']}: {number(row['value'])} [{number(row['low'])}, {number(row['high'])}]"
    return f"{told}\nn {row['n']:,}" + (f"\n{row['note']}" if row["note"] else "")


def _of_age(text: Text, hours: float, one: Figure) -> str:
    known = {"share": percent(one.value, 1), "hours": f"{hours:g}"}
    told = text("%(share)s of the labels are known %(hours)s h after the event") % known
    return f"{told}\nn {one.n:,}" + (f"\n{one.note}" if one.note else "")


def maturity_rows(text: Text, figures: Mapping[tuple[str, str], Figure]) -> list[dict[str, Any]]:
    """By age, the youngest first."""
    mine = [
        (float(subject.removesuffix("h")), one) for (name, subject), one in figures.items() if name == "label_maturity"
    ]
    return [
        {
            "hours": hours, "share": one.value, "low": one.low, "high": one.high,
            "standing": "within" if one.state == "judged" else "not judged",
            "said": _of_age(text, hours, one),
        }
        for hours, one in sorted(mine, key=lambda pair: pair[0])
    ]  # fmt: skip


def loss_rows(text: Text, losses: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {
            "at": _instant(one.block),
            "loss": one.total / one.rows,
            "said": f"{one.block}: {number(one.total / one.rows, 4)}\nn {one.rows:,}",
        }
        for one in losses
        if one.rows
    ]


def changed(figures: Mapping[tuple[str, str], Figure]) -> str | None:
    """When the error rose, by the first detector that says so."""
    for (name, _), one in figures.items():
        if name == "concept_drift" and one.value and one.state == "judged" and " as of " in one.note:
            return _instant(one.note.rpartition(" as of ")[2])
    return None


def _instant(block: str) -> str:
    """The beginning of a block as a time that a browser reads the same everywhere."""
    return f"{block}T00:00Z" if len(block) == len("2013-01-01") else f"{block}Z"
