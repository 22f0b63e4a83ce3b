"""What the page of monitoring calls things: standings, groups, references and bins in the reader's language."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from include.contracts.operations import Figure
from include.ui.language import marked
from include.ui.templates import number

Text = Callable[[str], str]
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
    part_of = {group: part for part, groups in PARTS.items() for group in groups}
    return {"words": every | {"levels": LEVELS}, "part_of": part_of, "bin_name": partial(bin_name, text=text)}


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
