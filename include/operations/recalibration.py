"""What a recalibration of the serving release would repair of a confirmed loss.

Where only the share of a class has moved, answers are too high or too low and still in the right order: the figures
``recalibrated_*`` of the window say what curves over the same answers would leave of the loss.
"""

from dataclasses import dataclass

from include.evaluation.metrics import direction
from include.operations.release_history import History
from include.operations.windows import RECALIBRATED_ERROR
from include.specification.usecase import UseCase

SAME = 1e-3
"""A ranking metric moves by less when answers are recalibrated."""


@dataclass(frozen=True)
class Repair:
    """The primary metric and the calibration error, each as measured and recalibrated; ``left`` of the primary loss."""

    spec: UseCase
    primary: tuple[float, float]
    error: tuple[float, float]
    left: float

    @property
    def suffices(self) -> bool:
        """Whether what is left of the loss is no breach."""
        return self.left <= self.spec.monitoring.performance_loss

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
        return f"{figures}, {left}: a recalibration {'suffices' if self.suffices else 'does not suffice'}"


def repair(spec: UseCase, history: History) -> Repair | None:
    """What the figures of the newest window say; None when they do not tell."""
    primary, loss = spec.metrics.primary, history.loss(history.period)
    names = (primary, f"recalibrated_{primary}", "calibration_error", RECALIBRATED_ERROR)
    was, now, before, after = (history.value(name) for name in names)
    if loss is None or was is None or now is None or before is None or after is None:
        return None
    return Repair(spec, (was, now), (before, after), loss.value - direction(primary) * (now - was))
