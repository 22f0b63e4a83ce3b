"""The alarm for a feature that is the label in disguise: a single column that predicts it almost perfectly."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from include.contracts.spelling import as_text
from include.families.registry import family
from include.specification.data import Feature
from include.specification.usecase import UseCase

ALARM = 0.995
SAMPLE = 20_000
FEWEST_OF_VALUE = 5  # rarer values count as one: an id of each row says nothing of the next
BINS = 50


@dataclass(frozen=True)
class Alarm:
    """A feature, how it was measured (``AUC``, ``rank correlation``, ``lambda``, ``eta squared``), and the value."""

    feature: str
    measure: str
    value: float


def alarms(spec: UseCase, train: pd.DataFrame) -> list[Alarm]:
    """Features of the training part that tell the label alone, at ``ALARM`` or above; [] without a label.

    The task's family says how a category and a number are measured (``associations``): a number by its AUC in either
    direction, Goodman and Kruskal's lambda over its quantiles, or Spearman's rank correlation; a category by lambda or
    the correlation ratio. Text is not judged, nor what the spec marks with ``tells_label``. ``SAMPLE`` evenly spaced
    rows are looked at.
    """
    if spec.event.label is None:
        return []
    rows = train.iloc[:: max(1, len(train) // SAMPLE)]
    y = family(spec).label_codes(spec, rows[spec.event.label]).to_numpy(dtype=np.float64)
    judged = [f for f in spec.features if f.kind != "text" and not f.tells_label and f.name in rows]
    raised = [Alarm(f.name, *_measured(spec, f, rows[f.name], y)) for f in judged]
    return [alarm for alarm in raised if alarm.value >= ALARM]


def _measured(spec: UseCase, feature: Feature, values: pd.Series, y: np.ndarray) -> tuple[str, float]:
    of_category, of_number = family(spec).associations
    if feature.kind == "categorical":
        return of_category, OF_GROUPS[of_category](_frequent(values), y)
    if of_number in OF_GROUPS:
        return of_number, OF_GROUPS[of_number](_frequent(_quantiles(values)), y)
    numbers = values.to_numpy(dtype=np.float64)
    known = np.isfinite(numbers)
    return of_number, OF_NUMBERS[of_number](numbers[known], y[known])


def _frequent(values: pd.Series) -> np.ndarray:
    """Codes of the values; missing ones and rare ones are groups of their own."""
    text = as_text(values).fillna("")
    rare = text.map(text.value_counts()) < FEWEST_OF_VALUE
    return pd.factorize(text.where(~rare, "\0rare"))[0]


def _quantiles(values: pd.Series) -> pd.Series:
    numbers = values.astype("float64")
    return numbers if numbers.nunique() <= BINS else pd.qcut(numbers, BINS, labels=False, duplicates="drop")


def _lambda(groups: np.ndarray, y: np.ndarray) -> float:
    """Share of the errors of always guessing the commonest class that knowing the group avoids."""
    counts = pd.crosstab(groups, y).to_numpy()
    guessed, possible = counts.sum(axis=0).max(), counts.sum()
    return float((counts.max(axis=1).sum() - guessed) / (possible - guessed)) if possible > guessed else 0.0


def _eta_squared(groups: np.ndarray, y: np.ndarray) -> float:
    """Share of the label's variance that lies between the groups."""
    total = float(((y - y.mean()) ** 2).sum())
    means = pd.Series(y).groupby(groups).transform("mean").to_numpy()
    return 1 - float(((y - means) ** 2).sum()) / total if total else 0.0


def _auc(numbers: np.ndarray, y: np.ndarray) -> float:
    positives, negatives = int((y == 1).sum()), int((y == 0).sum())
    if not positives or not negatives:
        return 0.0
    area = (rankdata(numbers)[y == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives)
    return float(max(area, 1 - area))


def _rank_correlation(numbers: np.ndarray, y: np.ndarray) -> float:
    if len(numbers) < FEWEST_OF_VALUE or np.ptp(numbers) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(abs(np.corrcoef(rankdata(numbers), rankdata(y))[0, 1]))


Measure = Callable[[np.ndarray, np.ndarray], float]
OF_GROUPS: Mapping[str, Measure] = {"lambda": _lambda, "eta squared": _eta_squared}
OF_NUMBERS: Mapping[str, Measure] = {"AUC": _auc, "rank correlation": _rank_correlation}
