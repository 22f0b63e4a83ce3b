"""Which release served when, and which retrain brought it: read from what is recorded about rollouts."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise, zip_longest

from include.contracts.deployment import RolloutEvent
from include.contracts.operations import RetrainPlan

SECOND = timedelta(seconds=1)  # plans are dated in whole seconds


def champions(events: Sequence[RolloutEvent]) -> list[RolloutEvent]:
    """The events at which another release became the champion, the first one included; ``events`` oldest first."""
    changes = [event for event in events if event.event != "drilled"]
    return [*changes[:1], *(later for earlier, later in pairwise(changes) if later.champion != earlier.champion)]


def replaced(events: Sequence[RolloutEvent], release: str) -> str | None:
    """The release that served until ``release`` began to, the last time that it did; None for the first champion.

    A release that was put back replaced the one it was put back for, whatever their names are.
    """
    pairs = [(one.champion, other.champion) for one, other in pairwise(champions(events))]
    return next((before for before, after in reversed(pairs) if after == release), None)


def released(plans: Sequence[RetrainPlan], events: Sequence[RolloutEvent]) -> dict[str, str]:
    """Retrain plan → release that began to serve, for the first time, between this plan and the next one.

    A plan whose training failed, or whose candidate was refused, rejected or taken back in its rollout, is not in it.

    Parameters
    ----------
    plans, events : oldest first
    """
    retrains = [plan for plan in plans if plan.decision == "retrain"]
    first = {event.champion: event.at for event in reversed(champions(events))}
    until = [plan.decided_at for plan in retrains[1:]]
    return {
        plan.name: name
        for plan, end in zip_longest(retrains, until)
        for name, at in first.items()
        if plan.decided_at + SECOND <= at and (end is None or at < end)
    }
