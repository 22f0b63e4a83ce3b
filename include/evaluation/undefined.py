"""Metrics that have no value for what a model answered: that is no reason to keep a champion.

Where the labels leave a metric undefined, no model can be judged on these rows (see ``inputs``). Where the champion's
answers do, like a clustering that puts every row in one cluster, the candidate is judged alone.
"""

from collections.abc import Mapping

import numpy as np

from include.evaluation.metrics import undefined
from include.specification.usecase import UseCase

ALONE = "The candidate is judged alone, by the absolute limits."


def metrics_of(spec: UseCase) -> list[str]:
    """Primary first, then secondary and those of the acceptance criteria, each once."""
    return list(dict.fromkeys([*spec.metrics.names, *(c.metric for c in spec.acceptance)]))


def by_answers(spec: UseCase, truth: np.ndarray, scores: np.ndarray) -> str:
    """Which metric of the spec these answers leave without a value, and why, in words; '' where each has one."""
    for metric in metrics_of(spec):
        if why := undefined(metric, truth, scores):
            return f"all {len(scores)} {why}, so its {metric} is not defined"
    return ""


def without_undefined(
    spec: UseCase, truth: Mapping[str, np.ndarray], scores: Mapping[str, dict[str, np.ndarray]]
) -> tuple[dict[str, dict[str, np.ndarray]], list[str]]:
    """The scores (test set → contender) that can be compared, and what is left out, a sentence each.

    Where the champion's metric is undefined on the new test set there is nothing to compare with; where it is on the
    old one, what was forgotten cannot be told.
    """
    faults = {
        name: words
        for name, answers in scores.items()
        if "champion" in answers and (words := by_answers(spec, truth[name], answers["champion"]))
    }
    if "new" in faults:
        alone = {who: answers for who, answers in scores["new"].items() if who != "champion"}
        return {"new": alone}, [f"Of the champion on the new test set {faults['new']}. {ALONE}"]
    kept = {name: dict(answers) for name, answers in scores.items() if name not in faults}
    return kept, [
        f"Of the champion on the {name} test set {words}: what was forgotten is not judged."
        for name, words in faults.items()
    ]
