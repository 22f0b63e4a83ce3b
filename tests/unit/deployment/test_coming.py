"""What comes next in a rollout: the step, what is missing before it, and when the rollout is given up."""

from typing import Any

import pytest

from include.contracts import steady
from include.contracts.deployment import Judgement, RolloutState
from include.deployment.coming import coming
from include.specification.loader import load_usecase

SPEC = load_usecase("flight_delay")
SHARES = SPEC.rollout.shares


def state(share: float, **changes: Any) -> RolloutState:
    weights = {"r0001": 1 - share, "r0002": share} if share else {"r0001": 1.0}
    named = {"champion": "r0001", "weights": weights, "strategy": "canary", "reason": "a step", "generation": 2}
    return RolloutState(usecase=SPEC.name, **{**named, **changes})


def judged(requests: float) -> Judgement:
    figures: dict[str, Any] = {"error_rate": {}, "p99_ms": {}, "mean_answer": {}}
    return Judgement(enough=False, passed=False, reason="few", requests={"r0002": requests}, **figures)


@pytest.mark.parametrize("step", range(1, len(SHARES) + 1))
def test_after_each_share_the_next_one_comes_and_the_promotion_at_last(step: int) -> None:
    found = coming(SPEC, state(SHARES[step - 1]), None)
    assert found is not None
    assert (found.step, found.steps) == (step, len(SHARES))
    assert found.share == (SHARES[step] if step < len(SHARES) else None)
    assert found.promotes == (step == len(SHARES))


def test_what_is_missing_counts_what_came_and_the_time_runs() -> None:
    now = steady.now()
    begun = now.model_copy(update={"uptime": max(now.uptime - 1.0, 0.0)})
    found = coming(SPEC, state(SHARES[0], begun=begun), judged(1))
    assert found is not None
    assert found.missing == SPEC.rollout.min_requests - 1
    assert 0 <= found.bake <= SPEC.rollout.bake_seconds
    assert 0 < found.wait <= SPEC.rollout.max_wait_seconds
    enough = coming(SPEC, state(SHARES[0]), judged(10_000))
    assert enough is not None
    assert enough.missing == 0


def test_of_a_shadow_the_first_share_comes_and_of_an_ab_test_hours_are_waited() -> None:
    shadow = coming(SPEC, state(0, shadow={"release": "r0002", "share": 1.0}, strategy="shadow"), None)
    assert shadow is not None
    assert (shadow.step, shadow.share) == (0, SHARES[0])
    test = coming(SPEC, state(0.5, strategy="ab_test"), None)
    assert test is not None
    assert test.wait == SPEC.rollout.ab_test.max_hours * 3600


def test_without_a_rollout_nothing_comes() -> None:
    assert coming(SPEC, state(0), None) is None
