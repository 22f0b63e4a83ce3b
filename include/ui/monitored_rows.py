"""Rows of the pictures of monitoring, made of recorded figures: each with how it stands, and in words."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from include.contracts.operations import BinnedCounts, BlockLoss, CalibrationBin, Figure
from include.evaluation.metrics import direction
from include.operations.overview import standings
from include.operations.overview.standings import Judged
from include.specification.usecase import UseCase
from include.ui.monitored_words import SIDES, Text, bin_name, said
from include.ui.templates import number, percent

SHOWN = 40
"""Figures of one kind in a picture, the worst; the page says so where there are more, and the table has all."""
Figures = Mapping[tuple[str, str], Figure]
"""Name and subject → the figure of the window."""


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


def attribution_rows(text: Text, figures: Figures) -> list[dict[str, Any]]:
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


def slice_rows(spec: UseCase, slices: Sequence[Mapping[str, Any]], figures: Figures) -> list[dict[str, Any]]:
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


def slice_standing(row: Mapping[str, Any], figures: Figures) -> str:
    """The figure of its column names the slices that are surely worse."""
    if row["state"] != "judged" or row["value"] is None:
        return "not judged"
    key, _, value = row["slice"].partition(" = ")
    named = figures[("slices_beyond", key)].note if ("slices_beyond", key) in figures else ""
    return "watched" if value in re.split(r"[:,] | and \d+ more", named) else "within"


def _of_slice(row: Mapping[str, Any]) -> str:
    told = f"{row['slice']}: {number(row['value'])} [{number(row['low'])}, {number(row['high'])}]"
    return f"{told}\nn {row['behind']:,}" + (f"\n{row['note']}" if row["note"] else "")


def _of_age(text: Text, hours: float, one: Figure) -> str:
    known = {"share": percent(one.value, 1), "hours": f"{hours:g}"}
    told = text("%(share)s of the labels are known %(hours)s h after the event") % known
    return f"{told}\nn {one.n:,}" + (f"\n{one.note}" if one.note else "")


def maturity_rows(text: Text, figures: Figures) -> list[dict[str, Any]]:
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


def loss_rows(text: Text, losses: Sequence[BlockLoss]) -> list[dict[str, Any]]:
    return [
        {
            "at": _instant(one.block),
            "loss": one.total / one.rows,
            "said": f"{one.block}: {number(one.total / one.rows, 4)}\nn {one.rows:,}",
        }
        for one in losses
        if one.rows
    ]


def changed(figures: Figures) -> str | None:
    """When the error rose, by the first detector that says so."""
    for (name, _), one in figures.items():
        if name == "concept_drift" and one.value and one.state == "judged" and " as of " in one.note:
            return _instant(one.note.rpartition(" as of ")[2])
    return None


def _instant(block: str) -> str:
    """The beginning of a block as a time that a browser reads the same everywhere."""
    return f"{block}T00:00Z" if len(block) == len("2013-01-01") else f"{block}Z"


def window_row(text: Text, one: Figure, series: str) -> dict[str, Any]:
    """The figure of one of the windows that follow one another."""
    standing = "within" if one.state == "judged" else "not judged"
    told = said(text, one, standing).split("\n")
    state = [told[-1]] if standing == "not judged" else []
    return {
        "window": str(one.period), "series": series, "value": one.value, "low": one.low, "high": one.high,
        "said": "\n".join([f"{one.period}, {one.release}, {series}: {number(one.value)}", *told[1:-1], *state]),
    }  # fmt: skip
