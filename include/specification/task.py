"""The kinds of learning task, declared: what a spec may say of each.

Everything else that depends on the kind is in ``include/families``: an entry here needs a module of its name there.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator

Predicts = Literal["class", "value", "cluster"]
ScoreShape = Literal["column", "table"]


@dataclass(frozen=True)
class TaskFacts:
    """One kind of task.

    ``scores``: a model gives one score per row (``column``), or one per class or cluster (``table``). ``metrics``,
    ``labelling`` (strategies) and ``ab_measures`` (loss per row of an A/B test; the first is the default) are the
    values that the spec may have. ``threshold``: the score from which on a row is of class 1.
    """

    predicts: Predicts
    scores: ScoreShape
    metrics: tuple[str, ...]
    labelling: tuple[str, ...] = ()
    ab_measures: tuple[str, ...] = ()
    threshold: float | None = None

    @property
    def labelled(self) -> bool:
        """Whether events have a label, so that equal scores of two models mean the same."""
        return self.predicts != "cluster"

    @property
    def probabilities(self) -> bool:
        """Whether scores are probabilities of classes."""
        return self.predicts == "class"

    @property
    def table(self) -> bool:
        return self.scores == "table"

    @property
    def names_classes(self) -> bool:
        """Whether ``event.classes`` names the classes."""
        return self.probabilities and self.table


THRESHOLD = 0.5
STRATEGIES = ("entropy", "margin", "disagreement")
CLASS_LOSSES, NUMBER_LOSSES = ("brier_score", "error_rate"), ("absolute_error", "squared_error")
RANKED = ("roc_auc", "average_precision", "brier", "log_loss", "accuracy")
NAMED = ("accuracy", "f1_macro", "roc_auc_ovr", "log_loss", "brier")
NUMBER = TaskFacts("value", "column", ("mae", "rmse", "r2", "median_absolute_error"), ("disagreement",), NUMBER_LOSSES)
TASKS: dict[str, TaskFacts] = {
    "binary": TaskFacts("class", "column", RANKED, STRATEGIES, CLASS_LOSSES, THRESHOLD),
    "multiclass": TaskFacts("class", "table", NAMED, STRATEGIES, CLASS_LOSSES),
    "regression": NUMBER,
    "forecasting": NUMBER,
    "clustering": TaskFacts("cluster", "table", ("silhouette",)),
}


def _known(name: str) -> str:
    if name not in TASKS:
        raise ValueError(f"{name!r} is no task; the tasks are {', '.join(TASKS)}")
    return name


Task = Annotated[str, AfterValidator(_known)]
