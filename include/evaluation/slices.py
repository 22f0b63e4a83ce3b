"""The primary metric on every named slice of the new test set.

A slice is one value of one column of ``comparison.slices.columns``. It is judged with at least ``min_rows`` rows in
enough blocks; where the metric needs every class, with ``CLASS_ROWS`` rows of each; and where the metric has a value at
all. The harmful side of the intervals holds for all slices together (see ``contrasts``): a candidate that harms no
slice is refused at most at the rate 1 - ``confidence``.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from include.contracts.evaluation import Interval
from include.errors import EvaluationError, UndefinedMetricError
from include.evaluation.blocks import Blocks
from include.evaluation.bootstrap import Resampled, paired
from include.evaluation.contrasts import Contrasts, holm_levels
from include.evaluation.inputs import CLASS_ROWS
from include.evaluation.metrics import direction
from include.evaluation.power import standard_error
from include.evaluation.verdict import SliceFigure, limit_of
from include.families.registry import family
from include.specification.usecase import UseCase


def draw_slices(
    spec: UseCase,
    frame: pd.DataFrame,
    y: np.ndarray,
    scores: Mapping[str, np.ndarray],
    confidence: float,
    seed: int,
    blocks: Blocks,
) -> tuple[dict[str, Resampled], list[str]]:
    """Every slice resampled for all contenders, by name, and those that cannot be judged, with the reason.

    Raises EvaluationError when a slice column is not in the test set.
    """
    judged, unjudged = {}, []
    for name, rows in _slices(spec, frame):
        if reason := _too_few(spec, y[rows], blocks.of(rows)):
            unjudged.append(f"{name} ({reason})")
            continue
        try:
            judged[name] = _drawn(spec, y, scores, rows, confidence, seed, blocks)
        except UndefinedMetricError as error:
            unjudged.append(f"{name} ({error})")
    return judged, unjudged


def slice_figures(spec: UseCase, drawn: Mapping[str, Resampled], who: str) -> list[SliceFigure]:
    """``who`` on every slice, and its gain over the champion if there is one."""
    primary = spec.metrics.primary
    against_champion = any((primary, "champion") in one.points for one in drawn.values())
    harms = [_harm(spec, one, who, against_champion) for one in drawn.values()]
    p_values = np.array([float(harm.p_values(0.0)[0]) for harm in harms])
    levels = holm_levels(p_values, 1 - spec.comparison.confidence) if harms else p_values
    figures = []
    for (name, one), harm, level in zip(drawn.items(), harms, levels, strict=True):
        needed = harm.rows_to_find(spec.comparison.slices.margin, one.n, float(levels.min()))
        value = one.at_confidence(1 - 2 * float(level)).interval(primary, who)
        gain = _gain(one.gain(primary, who, "champion"), harm, float(level)) if against_champion else None
        figures.append(SliceFigure(name, value, gain, needed))
    return figures


def _gain(gain: Interval, harm: Contrasts, level: float) -> Interval:
    """With bounds for all slices together, which few draws cannot give."""
    low, high = harm.largest(level)
    return gain.model_copy(update={"low": -high, "high": -low})


def _harm(spec: UseCase, one: Resampled, who: str, against_champion: bool) -> Contrasts:
    """How much worse than the champion, or than the limit that the spec accepts (without one: than itself)."""
    primary = spec.metrics.primary
    if against_champion:
        gain, draws = one.gain(primary, who, "champion").value, one.gains(primary, who, "champion")
    else:
        limits = [direction(primary) * limit_of(c) for c in spec.acceptance if c.metric == primary]
        own = direction(primary) * one.points[primary, who]
        gain, draws = own - max(limits, default=own), direction(primary) * one.draws[primary, who]
    error = np.array([standard_error(draws, one.independent)])
    return Contrasts([who], np.array([-gain]), error, one.independent, error)


def _slices(spec: UseCase, frame: pd.DataFrame) -> Iterator[tuple[str, np.ndarray]]:
    for column in spec.comparison.slices.columns:
        if column not in frame:
            raise EvaluationError(
                f"slice column {column!r} of {spec.name} is not in the test set: {list(frame.columns)}"
            )
        groups = frame.groupby(column, observed=True, sort=True, dropna=False).indices
        for value, rows in groups.items():
            yield f"{column}={value}", rows


def _too_few(spec: UseCase, y: np.ndarray, blocks: Blocks) -> str:
    """Why the slice with these labels is too small, or nothing."""
    if len(y) < spec.comparison.slices.min_rows:
        return f"{len(y)} rows"
    if not blocks.enough:
        return f"{len(y)} rows in {blocks.count} blocks of one {blocks.unit}"
    kind = family(spec)
    counts = kind.class_rows(spec, y) if spec.metrics.primary in kind.every_class else {}
    few = [f"{n} of class {name}" for name, n in counts.items() if n < CLASS_ROWS]
    return f"{len(y)} rows, {', '.join(few)}" if few else ""


def _drawn(
    spec: UseCase,
    y: np.ndarray,
    scores: Mapping[str, np.ndarray],
    rows: np.ndarray,
    confidence: float,
    seed: int,
    blocks: Blocks,
) -> Resampled:
    primary = spec.metrics.primary
    drawn = paired(y, scores, [primary], spec.comparison.resamples, confidence, seed=seed, rows=rows, blocks=blocks)
    for who in scores:
        drawn.interval(primary, who)  # raises where too many resamples leave it undefined
    return drawn
