"""The result of an A/B test: one interval of the difference of both arms on labelled rows, clustered by client.

A difference must be outside the interval of ``clustered.difference``, and rare among clients that are dealt to the arms
again at random. Arms with too few effective clients are undecided.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.contracts.deployment import ReadOut
from include.contracts.evaluation import Interval
from include.deployment.clustered import ClusteredMean, dealt_again, difference
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
class Waiting:
    """Answers of both arms without a label: it is not due yet, or it is due and never came."""

    not_due: int = 0
    overdue: int = 0


NOTHING_WAITS = Waiting()
FEWEST = 10.0  # effective entities per arm: with fewer, one of them decides


def read_out(
    spec: UseCase, champion: str, challenger: str, rows: pd.DataFrame, hours: float, waiting: Waiting = NOTHING_WAITS
) -> ReadOut:
    """Where the test stands after ``hours``; ``rows`` has release, entity and loss of each labelled row."""
    entities = {name: _by_entity(rows[rows["release"] == name]) for name in (champion, challenger)}
    return of_entities(spec, entities, hours, waiting)


def of_entities(
    spec: UseCase, entities: Mapping[str, tuple[np.ndarray, np.ndarray]], hours: float, waiting: Waiting = NOTHING_WAITS
) -> ReadOut:
    """The same of champion and challenger, in this order: rows (g,) and sum of the losses (g,) of each entity.

    One look decides, when the planned time is over and both arms have their labels and enough effective entities:
    looking at an interval until it excludes 0 would find differences that are not there. When that look comes depends
    on how many rows and entities there are, not on their losses. ``waiting`` counts answers without a label.
    """
    limits, (champion, challenger) = spec.rollout.ab_test, entities
    arms = {name: ClusteredMean.of_entities(*of) for name, of in entities.items()}
    interval = difference(arms[champion], arms[challenger], limits.confidence)
    missing = max(0, limits.min_labelled - min(arm.rows for arm in arms.values()))
    lacks = _lacks(limits, arms, missing, waiting)
    decision, reason = (
        _not_yet(limits, lacks, hours)
        if lacks or interval is None
        else _decided(limits, measure_of(spec), challenger, interval, [*entities.values()], hours)
    )
    return ReadOut(
        measure=measure_of(spec), champion=champion, challenger=challenger,
        rows={name: arm.rows for name, arm in arms.items()},
        entities={name: arm.entities for name, arm in arms.items()},
        effective={name: round(arm.effective, 1) for name, arm in arms.items()},
        loss={name: arm.mean for name, arm in arms.items()},
        difference=interval, missing=missing, not_due=waiting.not_due, overdue=waiting.overdue, decision=decision,
        reason=reason,
    )  # fmt: skip


def _by_entity(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """(rows, sum of losses) of each entity, (g,) and (g,)."""
    grouped = rows["loss"].astype(float).groupby(rows["entity"].astype(str))
    return grouped.size().to_numpy(), grouped.sum().to_numpy()


def _lacks(limits: ABTest, arms: Mapping[str, ClusteredMean], missing: int, waiting: Waiting) -> str:
    """What an arm has too little of to be compared, in words; "" when it has enough."""
    if missing:
        needed = f"{missing} labelled rows are missing in the smaller arm ({limits.min_labelled} are needed per arm)"
        return f"{needed}; {waiting.not_due} labels are not due yet, {waiting.overdue} are due and never came"
    few = {name: arm for name, arm in arms.items() if arm.effective < FEWEST}
    return "; ".join(
        f"{name} was asked by {arm.entities} clients that count as {arm.effective:.1f} equal ones ({FEWEST:g} are "
        "needed per arm): a heavy client would decide alone"
        for name, arm in few.items()
    )


def _not_yet(limits: ABTest, lacks: str, hours: float) -> tuple[str, str]:
    return (
        (limits.undecided, f"undecided after {hours:.1f} h: {lacks}") if hours >= limits.max_hours else ("wait", lacks)
    )


def _decided(
    limits: ABTest, measure: str, challenger: str, interval: Interval, entities: list, hours: float
) -> tuple[str, str]:
    gap = f"{interval.value:+.4g} [{interval.low:+.4g}, {interval.high:+.4g}]"
    words = f"{measure} of {challenger} is {gap} from the champion's"
    if hours < limits.min_hours:
        return "wait", f"{words}; decided after {limits.min_hours:g} h"
    if interval.low <= 0 <= interval.high:
        return limits.undecided, f"{words}: no difference was found, and undecided means {limits.undecided}"
    chance = dealt_again(entities)
    if chance > 1 - limits.confidence:
        luck = f"clients dealt to the arms at random differ as much in {chance:.1%} of the deals"
        return limits.undecided, f"{words}, but {luck}: undecided means {limits.undecided}"
    return ("promote", f"{words}: better") if interval.high < 0 else ("keep", f"{words}: worse")
