"""What came of a retrain plan: its own verdict and release, and the realised gain beside the proved one."""

from datetime import timedelta

import pytest

from include.contracts.evaluation import Interval, Verdict
from include.contracts.operations import Figure
from include.operations.overview.plan_outcome import Outcome, outcomes
from tests.unit.operations.overview.test_timeline import REPLAYED, SPEC, event, figure, plan

PROVED = Interval(value=0.04, low=0.02, high=0.06, n=900)


def verdict(candidate: int, hours: float) -> Verdict:
    return Verdict(
        usecase=SPEC.name, decision="canary", rule="r", reason="better", candidate=candidate, champion=1,
        champion_release="r0001", cells=[], differences={"D-C roc_auc": PROVED}, gates=[], self_test="passed",
        decided_at=REPLAYED + timedelta(hours=hours),
    )  # fmt: skip


def gain(value: float, low: float, high: float, period: str = "2013-07") -> Figure:
    return figure("gain_over_replaced", period, value, "r0002", low=low, high=high)


def test_each_plan_has_the_verdict_and_the_release_before_the_next_plan() -> None:
    plans = [
        plan("2013-04", "retrain", REPLAYED), plan("2013-05", "keep", REPLAYED + timedelta(hours=1)),
        plan("2013-06", "retrain", REPLAYED + timedelta(hours=2)),
    ]  # fmt: skip
    events = [
        event("promoted", "r0001", REPLAYED - timedelta(hours=1)),
        event("promoted", "r0002", REPLAYED + timedelta(hours=4)),
    ]
    figures = [gain(0.03, 0.01, 0.05), gain(0.05, 0.01, 0.09, "2013-06")]
    first, second = outcomes("roc_auc", plans, [verdict(3, 0.5), verdict(4, 3)], events, figures)
    assert (first.verdict and first.verdict.candidate, first.release, first.newest_gain) == (3, "", None)
    assert (second.verdict and second.verdict.candidate, second.release, second.proved) == (4, "r0002", PROVED)
    assert [one.period for one in second.realised] == ["2013-06", "2013-07"]
    [waiting] = outcomes("roc_auc", plans[:1], [], [], [])
    assert (waiting.verdict, waiting.proved, waiting.kept) == (None, None, "unknown")


@pytest.mark.parametrize(("realised", "kept"), [
    (gain(0.03, 0.01, 0.05), "held"), (gain(0.01, -0.02, 0.04), "less"), (gain(-0.03, -0.05, -0.01), "lost"),
    (gain(0.03, 0, 0.1).model_copy(update={"state": "too few"}), "unknown"),
])  # fmt: skip
def test_a_realised_gain_is_held_against_the_proved_one(realised: Figure, kept: str) -> None:
    assert Outcome(plan("2013-04", "retrain", REPLAYED), None, "r0002", PROVED, [realised]).kept == kept
