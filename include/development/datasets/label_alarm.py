"""The alarm for a feature that is the label in disguise: a single column that predicts it almost perfectly."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from include.contracts.spelling import as_text, codes
from include.families.registry import family
from include.specification.data import Feature
from include.specification.usecase import UseCase

ALARM = 0.995
SAMPLE = 20_000
FEWEST_OF_VALUE = 5  # rarer values count as one: an id of each row says nothing of the next
NO_AREA = 0.5
RARE = -1  # the code of these
NEIGHBOURS = 2  # rows on either side of a number in order, which say what the label of its value is
BLOCKS = 5  # of time; each is judged by the others


@dataclass(frozen=True)
class Alarm:
    """A feature, how it was measured (``AUC``, ``rank correlation``, ``lambda``, ``eta squared``), and the value."""

    feature: str
    measure: str
    value: float


def alarms(spec: UseCase, train: pd.DataFrame) -> list[Alarm]:
    """Features of the training part that tell the label alone, at ``ALARM`` or above; [] without a label.

    The task's family says how a category and a number are measured (``associations``). A number is compared with the
    label itself, by AUC in either direction or Spearman's rank correlation, and with the labels that rows of the same
    or the nearest values have at other times: so a relation need not be monotone. Its missing values are a group of
    their own. A category and a text are measured by Goodman and Kruskal's lambda or the correlation ratio over their
    values. What the spec marks with ``tells_label`` is not judged. Of a number ``SAMPLE`` rows are looked at; of a
    category all, as of a sample few values had ``FEWEST_OF_VALUE`` rows.
    """
    if spec.event.label is None:
        return []
    y = family(spec).label_codes(spec, train[spec.event.label]).to_numpy(dtype=np.float64)
    drawn = _drawn(len(train))
    judged = [f for f in spec.features if not f.tells_label and f.name in train]
    raised = [Alarm(f.name, *_measured(spec, f, train[f.name], y, drawn)) for f in judged]
    return [alarm for alarm in raised if alarm.value >= ALARM]


def _drawn(count: int) -> np.ndarray | slice:
    """The same rows every time, in order, at random: evenly spaced ones would be of one hour of the day, or class."""
    if count <= SAMPLE:
        return slice(None)
    return np.sort(np.random.default_rng(0).choice(count, SAMPLE, replace=False))


def _measured(
    spec: UseCase, feature: Feature, values: pd.Series, y: np.ndarray, drawn: np.ndarray | slice
) -> tuple[str, float]:
    of_category, of_number = family(spec).associations
    if feature.kind != "numeric":
        return of_category, OF_GROUPS[of_category](_frequent(values), y)
    return of_number, _measured_number(of_number, values.iloc[drawn].to_numpy(dtype=np.float64), y[drawn])


def _measured_number(name: str, numbers: np.ndarray, y: np.ndarray) -> float:
    """The largest value of the measure ``name``: of known numbers themselves, and of guesses with and without gaps."""
    measure, guess = OF_GUESSES[name]
    truth, known = rankdata(y) if measure is _correlation else y, ~np.isnan(numbers)
    found = []
    for fewest in (1, FEWEST_OF_VALUE):
        guesses = np.zeros(len(y))
        guesses[known] = guess(numbers[known], truth[known], fewest)
        guesses[~known] = guess(np.zeros((~known).sum()), truth[~known], fewest)
        found.append(measure(guesses[known], truth[known]))
        if not known.all():
            found.append(measure(guesses, truth))
    if name in EITHER_WAY:
        found.append(EITHER_WAY[name](measure(numbers[known], truth[known])))
    return max(found)


def _frequent(values: pd.Series) -> np.ndarray:
    """Codes of the values; missing ones and rare ones are groups of their own."""
    groups = codes(as_text(values).fillna(""))
    return np.where(np.bincount(groups)[groups] < FEWEST_OF_VALUE, RARE, groups)


def _mean_nearby(numbers: np.ndarray, y: np.ndarray, fewest: int) -> np.ndarray:
    """Mean label, in the shape of ``y``, of rows of the same or the nearest values in the other blocks of time.

    The nearest ones count where a value has less than ``fewest`` rows.

    Rows are in order of time. So a calendar, whose near values are near in time, tells no label by its neighbours.
    Source: Roberts et al. 2017, Cross-validation strategies for data with temporal structure, Ecography 40.
    """
    guesses, order = np.zeros(y.shape), np.argsort(numbers, kind="stable")
    block = order * BLOCKS // max(len(y), 1)
    for number in range(BLOCKS):
        asked, others = order[block == number], order[block != number]
        guesses[asked] = _mean_of_nearest(numbers[others], y[others], numbers[asked], fewest)
    return guesses


def _mean_of_nearest(numbers: np.ndarray, y: np.ndarray, asked: np.ndarray, fewest: int) -> np.ndarray:
    """Mean label of the rows that have the value ``asked``, and of the next ones where fewer do; 0 of no rows.

    ``numbers`` and ``asked`` rise.
    """
    sums = np.concatenate([np.zeros((1, *y.shape[1:])), np.cumsum(y, axis=0)])
    first, last = (np.searchsorted(numbers, asked, side=side) for side in ("left", "right"))
    beside = np.where(last - first < fewest, NEIGHBOURS, 0)
    first, last = np.maximum(first - beside, 0), np.minimum(last + beside, len(numbers))
    count = np.maximum(last - first, 1)
    return (sums[last] - sums[first]) / (count if y.ndim == 1 else count[:, None])


def _class_nearby(numbers: np.ndarray, y: np.ndarray, fewest: int) -> np.ndarray:
    """(n,) the commonest class of the same rows; the first of equal ones."""
    classes = np.unique(y)
    shares = _mean_nearby(numbers, (y[:, None] == classes).astype(np.float64), fewest)
    return classes[shares.argmax(axis=1)] if len(y) else y


def _lambda(groups: np.ndarray, y: np.ndarray) -> float:
    """Share of the errors of always guessing the commonest class that knowing the group avoids."""
    if not len(y):
        return 0.0
    (_, group), (_, answer) = (np.unique(codes, return_inverse=True) for codes in (groups, y))
    shape = int(group.max()) + 1, int(answer.max()) + 1
    counts = np.bincount(group * shape[1] + answer, minlength=shape[0] * shape[1]).reshape(shape)
    guessed, possible = counts.sum(axis=0).max(), counts.sum()
    return float((counts.max(axis=1).sum() - guessed) / (possible - guessed)) if possible > guessed else 0.0


def _eta_squared(groups: np.ndarray, y: np.ndarray) -> float:
    """Share of the label's variance that lies between the groups."""
    total = float(((y - y.mean()) ** 2).sum())
    means = pd.Series(y).groupby(groups).transform("mean").to_numpy()
    return 1 - float(((y - means) ** 2).sum()) / total if total else 0.0


def _auc(scores: np.ndarray, y: np.ndarray) -> float:
    """Area under the ROC curve of class 1; that of chance where so few rows of a class would reach any area."""
    positives, negatives = int((y == 1).sum()), int((y == 0).sum())
    if min(positives, negatives) < FEWEST_OF_VALUE:
        return NO_AREA
    return float((rankdata(scores)[y == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _correlation(guesses: np.ndarray, ranks: np.ndarray) -> float:
    """Spearman's, of labels that are ranks already."""
    if len(guesses) < 2 * FEWEST_OF_VALUE or np.ptp(guesses) == 0 or np.ptp(ranks) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(guesses), ranks)[0, 1])


Measure = Callable[[np.ndarray, np.ndarray], float]
Guess = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
OF_GROUPS: Mapping[str, Measure] = {"lambda": _lambda, "eta squared": _eta_squared}
OF_GUESSES: Mapping[str, tuple[Measure, Guess]] = {
    "AUC": (_auc, _mean_nearby),
    "rank correlation": (_correlation, _mean_nearby),
    "lambda": (_lambda, _class_nearby),
}
EITHER_WAY: Mapping[str, Callable[[float], float]] = {"AUC": lambda area: max(area, 1 - area), "rank correlation": abs}
"""Measures of a number itself, not only of what it lets one guess; it may fall as the label rises."""
