"""Which periods a retrain learns from and is tested on."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from include.contracts.evaluation import Verdict
from include.contracts.operations import RetrainPlan
from include.contracts.period import Period, from_to
from include.specification.usecase import UseCase


class TrainingWindow(NamedTuple):
    """First and last period to learn from, and why; first and last to test on. In a split by rule all may test."""

    train_from: Period
    train_to: Period
    test_from: Period | None
    test_to: Period
    why: str

    @property
    def learned(self) -> str:
        return f"{self.train_from} to {self.train_to}"

    @property
    def tested(self) -> str:
        return from_to(self.test_from, self.test_to)

    def tests_with(self, plan: RetrainPlan) -> bool:
        """Whether the plan's test shares a period with this one."""
        if self.test_from is None or plan.test_from is None or plan.test_to is None:
            return plan.test_to == self.test_to
        return plan.test_from <= self.test_to and self.test_from <= plan.test_to

    def periods(self) -> dict[str, Period | None]:
        """Its fields in a plan."""
        return {name: getattr(self, name) for name in ("train_from", "train_to", "test_from", "test_to")}


class NoWindow:
    """What a plan that does not retrain has."""

    def periods(self) -> dict[str, Period | None]:
        return dict.fromkeys(("train_from", "train_to", "test_from", "test_to"))


NO_WINDOW = NoWindow()


def choose(
    spec: UseCase, newest: Period, tested: Sequence[Period], verdicts: Sequence[Verdict], now: datetime
) -> TrainingWindow:
    """The test window ends with ``newest``, or with the last before it most of whose own labels are due ``now``.

    It is later than ``tested``, the champion's; what is before it teaches.
    """
    newest = _with_labels(spec, newest, now)
    test_from = spec.periods_to_test(newest, max(tested, default=None))[0] if spec.split.by == "time" else None
    train_to = (test_from or newest).shift(-1)
    train_from, why = _start(spec, train_to, verdicts)
    return TrainingWindow(train_from, train_to, test_from, newest, why)


def _with_labels(spec: UseCase, newest: Period, now: datetime) -> Period:
    """A window of figures may end with periods whose labels are still to come; one without any stays as it is."""
    period = newest
    while period > spec.periods.first and not spec.mostly_due(period, now):
        period = period.shift(-1)
    return period if spec.mostly_due(period, now) else newest


def to_calibrate(spec: UseCase, window: TrainingWindow, known: Sequence[Period]) -> TrainingWindow | None:
    """The same test, after the periods that fit a calibrator: the newest before it, as many as ``split.test`` takes.

    The share of the classes is to be the one of now, so no more. None where the champion knows (``known``) all that is
    left, or the split is not by time.
    """
    newest = max(known, default=None)
    if spec.split.by != "time" or window.test_from is None or newest is None or newest >= window.train_to:
        return None
    first = spec.periods_to_test(window.train_to, newest)[0]
    return window._replace(train_from=first, why="the newest before the test, which the champion does not know")


def nothing_new(
    spec: UseCase, window: TrainingWindow, tested: Sequence[Period], teaches: Callable[[Sequence[Period]], bool]
) -> str | None:
    """Why a retrain would test or teach nothing that the champion does not know, or None."""
    newest, every = max(tested, default=None), spec.calendar.every
    if window.test_from and newest and window.test_from <= newest:
        return (
            f"keep the champion: {window.tested} is in the test set that it was released with (up to {newest}); a "
            f"retrain is tested on later {every}s"
        )
    if teaches(Period.between(window.train_from, window.test_to if spec.refits else window.train_to)):
        return None
    return (
        f"keep the champion: a retrain would see no new training rows. {window.tested} would test, and it has learned "
        f"from every {every} before or was tested on it; wait for newer {every}s than split.test takes to test"
    )


def _start(spec: UseCase, train_to: Period, verdicts: Sequence[Verdict]) -> tuple[Period, str]:
    """First training period and why; a short window whose last candidate was refused is widened to everything."""
    window = spec.retrain.window
    if window == "all":
        return spec.periods.first, "all periods so far"
    if verdicts and verdicts[-1].decision == "keep_champion":
        return spec.periods.first, f"all periods, because the last candidate from the last {window} was refused"
    return spec.learned_from(train_to), f"the last {window}"
