"""What pages draw of a window, as counts: distributions by bin, and how often answers of a probability came true.

Pages show these records, so they never read answers. They hold counts alone: nothing of them names a person, and an
erasure leaves them. Where the values of a column name people, its bins have places instead of names.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.operations import BinnedCounts, CalibrationBin
from include.evaluation import bins, histograms
from include.evaluation.blocks import Blocks
from include.evaluation.inputs import CLASS_ROWS
from include.evaluation.means import mean_interval
from include.evaluation.metrics import checked, confidence_bins
from include.families.registry import family
from include.families.serving import logged_scores
from include.operations.drift import drift
from include.operations.performance.performance import ROWS
from include.operations.windows.states import lack, of_labels, too_few
from include.operations.windows.window import ANSWERS, Reference, Window
from include.specification.slicing import may_be_shown

BELOW, ABOVE = "below the range", "above the range"
SHOWN = 20
"""Categories with a bin of their own; the rarer ones are counted together."""
RELIABILITY = "reliability"
Values = Sequence[pd.Series | None]
"""Of the window, of the window before, and of last season; None where there are none."""


def distributions(window: Window) -> list[BinnedCounts]:
    """Of every feature that is no part of a tensor, and of the answers; of a large window of a sample."""
    spec, described = window.spec, window.baseline["features"]
    frames = (window.asked, _rows(window.before), _rows(window.last_season))
    plain = [f.name for f in spec.features if not f.tensor and f.name in described]
    found = [
        _counted(window, name, described[name], [f[name] if f is not None and name in f else None for f in frames])
        for name in plain
    ]
    return [*found, _counted(window, ANSWERS, window.baseline["prediction"], _answers(window))]


def _rows(reference: Reference | None) -> pd.DataFrame | None:
    return reference.rows if reference is not None and len(reference.rows) else None


def _answers(window: Window) -> Values:
    """Those of this release."""
    before, season = (one.answered if one else None for one in (window.before, window.last_season))
    return [
        drift.predictions(window.spec, logged_scores(window.spec, rows)) if rows is not None and len(rows) else None
        for rows in (window.asked, before, season)
    ]


def _counted(window: Window, subject: str, described: Mapping[str, Any], values: Values) -> BinnedCounts:
    sides = [histograms.counts_of(described), *(None if v is None else _counts(described, v) for v in values)]
    names, sides = _shortened(_names(described), sides)
    if subject and not may_be_shown(window.spec, subject):
        names = _places(names)
    test_set, now, before, season = (None if side is None else side.tolist() for side in sides)
    return BinnedCounts(
        usecase=window.spec.name, release=window.scope.release, period=window.scope.period, subject=subject,
        bins=names, now=now, test_set=test_set, window_before=before, last_season=season,
    )  # fmt: skip


def _counts(described: Mapping[str, Any], values: pd.Series) -> np.ndarray:
    found, _ = histograms.bins_of(described, values)
    return np.bincount(found, minlength=histograms.width_of(described))


def _names(described: Mapping[str, Any]) -> list[str]:
    names = bins.names(described)
    if described["kind"] == "numeric":
        names[0], names[-3] = BELOW, ABOVE
    return names


def _shortened(names: list[str], sides: Sequence[np.ndarray | None]) -> tuple[list[str], list[np.ndarray | None]]:
    """Rare categories together, and without those bins for what is unusual that no side fills."""
    if bins.OTHER in names:
        other = names.index(bins.OTHER)
        together = [place if place < SHOWN else other for place in range(other)]
        into = np.array([*together, *range(other, len(names))])
        sides = [None if s is None else np.bincount(into, weights=s, minlength=len(names)).astype(int) for s in sides]
    filled = np.sum([side for side in sides if side is not None], axis=0) > 0
    unusual = (BELOW, ABOVE, bins.OTHER, bins.UNSEEN, bins.NO_NUMBER, bins.MISSING)
    rare = range(SHOWN, names.index(bins.OTHER)) if bins.OTHER in names else ()
    kept = [k for k, name in enumerate(names) if (filled[k] or name not in unusual) and k not in rare]
    return [names[k] for k in kept], [None if side is None else side[kept] for side in sides]


def _places(names: Sequence[str]) -> list[str]:
    """The names that say nothing about people, and the place of the others."""
    said = (BELOW, ABOVE, bins.OTHER, bins.UNSEEN, bins.NO_NUMBER, bins.MISSING)
    return [name if name in said else f"#{place}" for place, name in enumerate(names, start=1)]


def calibration(window: Window) -> list[CalibrationBin]:
    """How many answers of each tenth by probability came true, with intervals by blocks; of classes, of the said one.

    None where answers are no probabilities, or hardly any label is known.
    """
    spec, known = window.spec, window.known
    if not spec.event.label or not family(spec).facts.probabilities or len(known) < ROWS:
        return []
    truth, scores = checked(family(spec).truth(spec, known), logged_scores(spec, known))
    hits, probabilities, bin_of = confidence_bins(truth, scores)
    return [
        _bin(window, place, hits[rows], float(probabilities[rows].mean()), window.known_blocks.of(rows))
        for place in np.unique(bin_of)
        for rows in [np.flatnonzero(bin_of == place)]
    ]


def _bin(window: Window, place: int, hits: np.ndarray, predicted: float, blocks: Blocks) -> CalibrationBin:
    few = f"needs {CLASS_ROWS} rows, has {len(hits)}" if len(hits) < CLASS_ROWS else lack(blocks)
    by = blocks if blocks.enough else Blocks("row", np.arange(len(hits)), len(hits))
    found = mean_interval(hits.astype(float), by, window.spec.comparison.confidence)
    figure = window.scope.interval(RELIABILITY, found, str(place))
    [figure] = of_labels(window, too_few([figure], few))
    return CalibrationBin(**figure.model_dump(), predicted=predicted)
