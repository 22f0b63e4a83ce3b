"""The gain in each part of the new test set: one period is not the next, and one day is not the next."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from include.contracts.evaluation import PartGain
from include.contracts.period import FORMS, Every, Period
from include.errors import UndefinedMetricError
from include.evaluation.inputs import EvaluationSet
from include.evaluation.metrics import direction, score
from include.families.registry import family
from include.specification.usecase import UseCase

MOST_PARTS = 62
"""Of more periods, those of one month are one part."""
LEAST_ROWS = 30
"""Of fewer rows the metric is hardly more than chance."""
FEW = 8
"""So many parts are listed one by one."""


def gain_by_part(
    spec: UseCase, new: EvaluationSet, truth: np.ndarray, champion: np.ndarray, candidate: np.ndarray, metric: str
) -> list[PartGain]:
    """D-C on the metric in every period of the test set, or in every day when it is one period.

    Parts with few rows, or on which the metric is undefined, are left out; so are rows without time, and clusterings,
    whose clusters are those of the whole test set.
    """
    return gains_every(spec, new.frame, _every(spec, new.periods), truth, champion, candidate, metric)


def gains_every(
    spec: UseCase,
    frame: pd.DataFrame,
    every: Every,
    truth: np.ndarray,
    champion: np.ndarray,
    candidate: np.ndarray,
    metric: str = "",
) -> list[PartGain]:
    """The same of any rows, in every hour, day, …, oldest first; without a metric of the primary one."""
    if spec.event.time not in frame or not family(spec).facts.labelled:
        return []
    metric, gains = metric or spec.metrics.primary, []
    for part, rows in _parts(spec, frame, every):
        try:
            better, worse = (score(metric, truth[rows], scores[rows]) for scores in (candidate, champion))
        except UndefinedMetricError:
            continue
        gains.append(PartGain(part=part, rows=len(rows), gain=direction(metric) * (better - worse)))
    return gains


def _parts(spec: UseCase, frame: pd.DataFrame, every: Every) -> Iterator[tuple[str, np.ndarray]]:
    """Name and rows (positions) of the parts that have enough rows, by time."""
    zone = "UTC" if every == "hour" else spec.calendar.timezone
    times = pd.to_datetime(frame[spec.event.time], utc=True, cache=False).dt.tz_convert(zone).dt.tz_localize(None)
    hours, codes = np.unique(times.dt.floor("h").to_numpy(), return_inverse=True)
    names = pd.DatetimeIndex(hours).strftime(FORMS[every].written).to_numpy()[codes]
    for name, rows in sorted(pd.Series(names).groupby(names).indices.items()):
        if len(rows) >= LEAST_ROWS:
            yield str(name), rows


def _every(spec: UseCase, periods: Sequence[Period]) -> Every:
    if len(periods) <= 1:
        return "day"
    return spec.calendar.every if len(periods) <= MOST_PARTS else "month"


def in_words(parts: Sequence[PartGain]) -> str:
    """How far the gain differs between the parts; '' when there is one part or none."""
    if len(parts) < 2:
        return ""
    every, gains = Period(parts[0].part).every, [part.gain for part in parts]
    worst, best = (min(parts, key=lambda part: sign * part.gain) for sign in (1, -1))
    above = sum(gain > 0 for gain in gains)
    opening = f"the candidate was better in {above} of {len(parts)} {every}s"
    if len(parts) <= FEW:
        return f"{opening}: {', '.join(f'{part.gain:+.4f} in {part.part}' for part in parts)}"
    low, high = np.quantile(gains, [0.25, 0.75])
    return (
        f"{opening}; its gain was {worst.gain:+.4f} ({worst.part}) to {best.gain:+.4f} ({best.part}), in half of them "
        f"{low:+.4f} to {high:+.4f}; a single {every} scatters by chance, too"
    )
