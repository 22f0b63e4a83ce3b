"""What came of retrain plans: the verdict on the candidate, the release, the gain that was proved and that realised."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Literal

from include.contracts.deployment import RolloutEvent
from include.contracts.evaluation import Interval, Verdict
from include.contracts.operations import Figure, RetrainPlan
from include.operations.overview import served

GAIN = "gain_over_replaced"


@dataclass(frozen=True)
class Outcome:
    """``proved`` is the verdict's gain D-C in the primary metric, ``realised`` the gain by window, oldest first.

    ``release`` is the one that the plan brought into service; '' when none began to serve.
    """

    plan: RetrainPlan
    verdict: Verdict | None = None
    release: str = ""
    proved: Interval | None = None
    realised: list[Figure] = field(default_factory=list)

    @property
    def newest_gain(self) -> Figure | None:
        """The realised gain in the newest window that says so."""
        return self.realised[-1] if self.realised else None

    @property
    def kept(self) -> Literal["held", "less", "lost", "unknown"]:
        """Whether the newest realised gain is at least the proved one, less, surely a loss; or not measured."""
        newest = self.newest_gain
        if newest is None or self.proved is None or newest.state == "too few":
            return "unknown"
        if newest.high is not None and newest.high < 0:
            return "lost"
        return "held" if newest.value >= self.proved.low else "less"


def outcomes(
    metric: str,
    plans: Sequence[RetrainPlan],
    verdicts: Sequence[Verdict],
    events: Sequence[RolloutEvent],
    figures: Sequence[Figure],
) -> list[Outcome]:
    """Of each retrain plan, oldest first; all that is given is oldest first.

    The verdict on a plan is the last one before the next plan; a candidate without a plan is taken for the plan's.
    """
    retrains = [plan for plan in plans if plan.decision == "retrain"]
    released = served.released(retrains, events)
    return [
        _outcome(metric, plan, _judged(plan, later, verdicts), released.get(plan.name, ""), figures)
        for plan, later in zip_longest(retrains, retrains[1:])
    ]


def _judged(plan: RetrainPlan, later: RetrainPlan | None, verdicts: Sequence[Verdict]) -> Verdict | None:
    mine = [v for v in verdicts if v.decided_at >= plan.decided_at and (not later or v.decided_at < later.decided_at)]
    return mine[-1] if mine else None


def _outcome(
    metric: str, plan: RetrainPlan, verdict: Verdict | None, release: str, figures: Sequence[Figure]
) -> Outcome:
    realised = [f for f in figures if (f.name, f.release, f.subject) == (GAIN, release, "")]
    proved = verdict.differences.get(f"D-C {metric}") if verdict else None
    return Outcome(plan, verdict, release, proved, sorted(realised, key=lambda figure: figure.period))
