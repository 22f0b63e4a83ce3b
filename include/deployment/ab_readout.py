"""The result of an A/B test: one interval of the difference of both arms on labelled rows, clustered by client."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from include.contracts.deployment import ReadOut
from include.contracts.evaluation import Interval
from include.evaluation.metrics import brier_losses
from include.families.registry import family
from include.specification.running import ABTest
from include.specification.usecase import UseCase


def measure_of(spec: UseCase) -> str:
    """The loss per row that decides: the spec's, or the first one of the task."""
    return spec.rollout.ab_test.measure or family(spec).facts.ab_measures[0]


def losses(spec: UseCase, scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Loss of each row (n,), smaller is better; ``scores`` (n,) or (n, K), ``truth`` (n,) codes or values.

    The Brier score is the squared distance to the outcome, over all classes for more than two (Brier 1950).
    """
    measure = measure_of(spec)
    if measure == "error_rate":
        return (family(spec).predicted(scores) != truth.astype(int)).astype(float)
    if measure == "brier_score":
        return brier_losses(truth.astype(int), scores)
    distance = np.abs(scores - truth.astype(float))
    return distance if measure == "absolute_error" else distance**2


@dataclass(frozen=True)
class ClusteredMean:
    """A mean over rows whose variance knows that the rows of one entity belong together."""

    rows: int
    entities: int
    mean: float
    variance: float

    @classmethod
    def of(cls, values: np.ndarray, entities: np.ndarray) -> "ClusteredMean":
        """Ratio of entity totals, linearised (delta method: Deng, Knoblich and Lu, KDD 2018); (n,) and (n,)."""
        _, codes = np.unique(entities, return_inverse=True)
        n, groups = len(values), int(codes.max()) + 1 if len(values) else 0
        mean = float(values.mean()) if n else 0.0
        if groups < 2:
            return cls(n, groups, mean, float("nan"))
        residuals = np.bincount(codes, weights=values - mean, minlength=groups)
        return cls(n, groups, mean, float((residuals**2).sum() * groups / (groups - 1) / n**2))


def difference(champion: ClusteredMean, challenger: ClusteredMean, confidence: float) -> Interval | None:
    """Challenger - champion with its interval (Welch's degrees of freedom over entities); None below two entities."""
    if min(champion.entities, challenger.entities) < 2:
        return None
    parts = [(one.variance, one.entities - 1) for one in (champion, challenger)]
    variance, value = sum(v for v, _ in parts), challenger.mean - champion.mean
    n = champion.rows + challenger.rows
    if variance == 0:
        return Interval(value=value, low=value, high=value, n=n)
    freedom = variance**2 / sum(v**2 / df for v, df in parts)
    half = float(stats.t.ppf(0.5 + confidence / 2, freedom)) * variance**0.5
    return Interval(value=value, low=value - half, high=value + half, n=n)


def read_out(spec: UseCase, champion: str, challenger: str, rows: pd.DataFrame, hours: float) -> ReadOut:
    """Where the test stands after ``hours``; ``rows`` has release, entity and loss of each labelled row.

    One look decides, when the planned time is over and both arms have their labels: looking at an interval until it
    excludes 0 would find differences that are not there.
    """
    limits = spec.rollout.ab_test
    arms = {
        name: ClusteredMean.of(part["loss"].to_numpy(float), part["entity"].astype(str).to_numpy())
        for name in (champion, challenger)
        for part in [rows[rows["release"] == name]]
    }
    interval = difference(arms[champion], arms[challenger], limits.confidence)
    missing = max(0, limits.min_labelled - min(arm.rows for arm in arms.values()))
    decision, reason = _decided(limits, measure_of(spec), challenger, interval, missing, hours)
    return ReadOut(
        measure=measure_of(spec), champion=champion, challenger=challenger,
        rows={name: arm.rows for name, arm in arms.items()},
        entities={name: arm.entities for name, arm in arms.items()},
        loss={name: arm.mean for name, arm in arms.items()},
        difference=interval, missing=missing, decision=decision, reason=reason,
    )  # fmt: skip


def _decided(
    limits: ABTest, measure: str, challenger: str, interval: Interval | None, missing: int, hours: float
) -> tuple[str, str]:
    if missing or interval is None:
        words = f"{missing} labelled rows are missing in the smaller arm ({limits.min_labelled} are needed per arm)"
        if not missing:
            words = "an arm has labelled rows of one entity only; two are needed for an interval"
        over = hours >= limits.max_hours
        return (limits.undecided, f"undecided after {hours:.1f} h: {words}") if over else ("wait", words)
    gap = f"{interval.value:+.4g} [{interval.low:+.4g}, {interval.high:+.4g}]"
    words = f"{measure} of {challenger} is {gap} from the champion's"
    if hours < limits.min_hours:
        return "wait", f"{words}; decided after {limits.min_hours:g} h"
    if interval.high < 0:
        return "promote", f"{words}: better"
    if interval.low > 0:
        return "keep", f"{words}: worse"
    return limits.undecided, f"{words}: no difference was found, and undecided means {limits.undecided}"
