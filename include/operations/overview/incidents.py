"""What went wrong last in the loop of a use case, of everything that is recorded about it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from include.contracts.deployment import RolloutEvent
from include.contracts.operations import FiringAlert
from include.contracts.scrub import Scrubbed

Kind = Literal["aborted", "interrupted", "rolled_back", "damaged", "alert"]
EVENTS: tuple[Kind, ...] = ("aborted", "interrupted", "rolled_back")
"""Events of a rollout that are incidents."""


class Incident(NamedTuple):
    """One incident: what kind, when, and what is recorded of it."""

    kind: Kind
    at: datetime
    words: str


def last(events: Sequence[RolloutEvent], scrubs: Sequence[Scrubbed], alerts: Sequence[FiringAlert]) -> Incident | None:
    """The newest incident; None when nothing is recorded."""
    return max([*_of_rollouts(events), *_of_scrubs(scrubs), *_of_alerts(alerts)], key=lambda one: one.at, default=None)


def _of_rollouts(events: Sequence[RolloutEvent]) -> Iterator[Incident]:
    for event in events:
        for kind in EVENTS:
            if event.event == kind:
                yield Incident(kind, event.at, f"{event.release}: {event.reason}")


def _of_scrubs(scrubs: Sequence[Scrubbed]) -> Iterator[Incident]:
    return (Incident("damaged", scrub.at, scrub.damaged[0]) for scrub in scrubs if scrub.damaged)


def _of_alerts(alerts: Sequence[FiringAlert]) -> Iterator[Incident]:
    return (Incident("alert", alert.since, alert.name) for alert in alerts if alert.since)
