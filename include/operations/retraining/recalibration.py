"""What a recalibration of the serving release would repair of a confirmed loss.

Where only the share of a class has moved, answers are too high or too low and still in the right order: the figures
``recalibrated_*`` of the window say what curves over the same answers would leave of the loss. What is left may still
be a loss, as outcomes are harder to tell the nearer the share is to one half: where the answers rank as well as before,
there is nothing to learn, and no training repairs it.
"""

from dataclasses import dataclass

from include.evaluation.metrics import direction
from include.operations.windows.release_history import History
from include.operations.windows.windows import RECALIBRATED_ERROR
from include.specification.usecase import UseCase

SAME = 1e-3
"""A ranking metric moves by less when answers are recalibrated."""
SHARELESS = ("roc_auc", "roc_auc_ovr")
"""What tells how well answers rank, whatever the share of a class is."""


@dataclass(frozen=True)
class Repair:
    """The primary metric and the calibration error, each as measured and recalibrated; ``left`` of the primary loss.

    ``ranks`` says in words that the answers rank as before; '' where they do not, or no metric tells.
    """

    spec: UseCase
    primary: tuple[float, float]
    error: tuple[float, float]
    left: float
    ranks: str = ""

    @property
    def suffices(self) -> bool:
        """Whether what is left of the loss is no breach, or is none that a training would repair."""
        was, now = self.primary
        repairs = direction(self.spec.metrics.primary) * (now - was) >= SAME
        return self.left <= self.spec.monitoring.performance_loss or (repairs and bool(self.ranks))

    @property
    def sentence(self) -> str:
        """Both figures before and after, and what follows."""
        name, (was, now), (before, after) = self.spec.metrics.primary, self.primary, self.error
        figures = (
            f"recalibrated, each part of the window by the others, its answers would have a calibration error of "
            f"{after:.3f} instead of {before:.3f}"
        )
        if abs(was - now) < SAME:
            return f"{figures}, and the same {name} ({was:.3f}): a recalibration cannot repair the loss"
        left = f"and the {name} {now:.3f} instead of {was:.3f}, a loss of {self.left:+.3f}"
        if self.left > self.spec.monitoring.performance_loss and self.suffices:
            left = f"{left}, which no training repairs, as {self.ranks}"
        return f"{figures}, {left}: a recalibration {'suffices' if self.suffices else 'does not suffice'}"


def repair(spec: UseCase, history: History) -> Repair | None:
    """What the figures of the newest window say; None when they do not tell."""
    primary, loss = spec.metrics.primary, history.loss(history.period)
    names = (primary, f"recalibrated_{primary}", "calibration_error", RECALIBRATED_ERROR)
    was, now, before, after = (history.value(name) for name in names)
    if loss is None or was is None or now is None or before is None or after is None:
        return None
    left = loss.value - direction(primary) * (now - was)
    return Repair(spec, (was, now), (before, after), left, _ranks_as_before(spec, history))


def _ranks_as_before(spec: UseCase, history: History) -> str:
    """That a metric which only ranks is not below all good periods by more than chance, in words."""
    good = history.good(spec.monitoring.performance_loss)
    for name in (one for one in spec.metrics.names if one in SHARELESS):
        now = history.by_key.get((history.period, name, ""))
        before = [value for period in good if (value := history.value(name, period)) is not None]
        if now and before and (now.value if now.high is None else now.high) >= min(before):
            listed = ", ".join(f"{value:.3f}" for value in before)
            return f"the {name} is {now.value:.3f}; in the good periods it was {listed}"
    return ""
