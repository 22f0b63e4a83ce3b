"""What a model card is written from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from include.contracts.development import PartRef, Proof
from include.contracts.evaluation import GateOutcome, Interval
from include.development.explanation import Attribution
from include.development.slices import Figures
from include.development.surrogates import SurrogateTree
from include.evaluation.blocks import Blocks
from include.evaluation.fairness import GroupFigures

MEANING = {
    "roc_auc": "chance that a positive row gets a higher answer than a negative one; 0.5 is guessing, 1 is perfect",
    "average_precision": "precision averaged over recall; guessing gives the share of positives",
    "brier": "mean squared difference between probability and outcome; 0 is perfect",
    "log_loss": "negative log probability of the outcome; 0 is perfect",
    "accuracy": "share of rows whose most probable class is correct",
    "f1_macro": "mean over the classes of the harmonic mean of precision and recall; 1 is perfect",
    "roc_auc_ovr": "roc_auc of each class against the rest, averaged",
    "mae": "mean absolute error, in units of the label",
    "rmse": "root of the mean squared error, in units of the label; large errors count more",
    "r2": "share of the label's variance that is explained; 0 is the mean, 1 is perfect",
    "median_absolute_error": "half of the errors are smaller, in units of the label",
    "silhouette": "how much nearer a row is to its own cluster's centre than to the next one, from -1 to 1",
}


@dataclass(frozen=True)
class Refit:
    """The proof of a model that has learned from the rows that judged it: what is known out of sample is the proof's.

    ``metrics`` are the proof's, named ``<part>_<metric>``, ``intervals`` those of the test part; ``learned`` is the
    part that it was trained on; ``difference`` is that of both models' answers to the test part, in words.
    """

    version: int
    artifact_hash: str
    metrics: Mapping[str, float]
    intervals: Mapping[str, Interval]
    learned: PartRef
    difference: str


@dataclass(frozen=True)
class Facts:
    """What a training knows beyond the spec, the dataset and the model.

    ``metrics`` are named ``<part>_<metric>`` and ``baseline_<part>_<metric>``; ``cost`` is by name with its unit in it
    (``cpu_seconds``, ``peak_memory_bytes``, ``model_bytes`` …); ``tuning`` and ``baseline`` are words,
    ``curve`` is the fit step by step (a model that was loaded has none). ``refit``: the metrics are in-sample.
    ``recalibrated``: the model that this one is with another calibrator.
    """

    artifact_hash: str
    parameters: Mapping[str, int | float | str]
    metrics: Mapping[str, float]
    tuning: str = ""
    baseline: str = ""
    cost: Mapping[str, float] = field(default_factory=dict)
    revision: str = ""
    behaviour: Sequence[GateOutcome] = ()
    curve: Sequence[Mapping[str, float]] = ()
    refit: Refit | None = None
    recalibrated: Proof | None = None


@dataclass(frozen=True)
class Evidence:
    """What was found out about the model for its card; ``plots``: name of a picture → its caption.

    ``blocks`` of the test part were drawn for its intervals, ``calibration`` is the error, ``calibrated`` how scores
    were calibrated.
    """

    model: Mapping[str, Any]
    whole: Figures
    blocks: Blocks
    labels: Mapping[str, str]
    slices: Sequence[Mapping[str, Any]]
    groups: Sequence[GroupFigures]
    fairness: Sequence[GateOutcome]
    calibration: float | None
    calibrated: str
    moved: Attribution
    permutation: Mapping[str, Any]
    tree: SurrogateTree
    local: Sequence[Mapping[str, Any]]
    plots: Mapping[str, str]


def tests_passed(behaviour: Sequence[GateOutcome]) -> str:
    """How many behaviour tests passed, to go on a sentence; '' without one."""
    passed = sum(outcome.passed for outcome in behaviour)
    return f"; {passed} of {len(behaviour)} behaviour tests passed" if behaviour else ""
