"""What comes next in a rollout under way: the next step, and what is missing before it comes."""

import math
from typing import NamedTuple

from include.contracts.deployment import Judgement, RolloutState
from include.specification.usecase import UseCase


class Coming(NamedTuple):
    """``step`` of ``steps`` is under way, counted from 1; 0 before the first share of the traffic is given.

    ``share`` is the next one; None: the promotion, or the end of a shadow that stops. ``bake`` and ``wait`` are seconds
    until it comes at the earliest, and until the rollout is given up. ``missing`` requests have not come yet.
    """

    step: int
    steps: int
    share: float | None
    bake: float
    wait: float
    missing: int

    @property
    def promotes(self) -> bool:
        """Whether the next thing is the promotion."""
        return self.share is None and self.steps > 0


def coming(spec: UseCase, state: RolloutState, judgement: Judgement | None) -> Coming | None:
    """None while no rollout is under way; without a judgement no request is known to have come."""
    if (name := state.challenger) is None:
        return None
    limits, shares = spec.rollout, spec.rollout.shares
    given = state.weights.get(name, 0.0)
    step = next((number for number, share in enumerate(shares, start=1) if math.isclose(share, given)), 0)
    came = judgement.requests.get(name, 0.0) if judgement else 0.0
    bake = spec.rollout.ab_test.min_hours * 3600 if _compares(state, given) else limits.bake_seconds
    wait = spec.rollout.ab_test.max_hours * 3600 if _compares(state, given) else limits.max_wait_seconds
    return Coming(
        step, len(shares), shares[step] if step < len(shares) else None, max(bake - state.watched, 0.0),
        max(wait - state.watched, 0.0), max(limits.min_requests - int(came), 0),
    )  # fmt: skip


def _compares(state: RolloutState, given: float) -> bool:
    """Whether the arms of an A/B test are compared, which takes hours."""
    return state.strategy == "ab_test" and given < 1
