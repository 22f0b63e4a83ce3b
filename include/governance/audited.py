"""Actions with their events in the audit log: nothing is changed, decided or shown that the log does not take."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from include.contracts.audit import AuditEvent, Outcome
from include.errors import AccessError, ApprovalError
from include.ports.audit import AuditLog

REFUSALS = (AccessError, ApprovalError)
"""What the right was missing for; every other error is a failure."""


@contextmanager
def audited(log: AuditLog, event: AuditEvent) -> Iterator[None]:
    """Around a change: an event ``asked`` before it and one with its outcome after it.

    Raises ServiceError, before anything was done, when the log takes no entry.
    """
    event = numbered(event)
    log.append([ended(event, "asked")])
    try:
        yield
    except BaseException as error:
        log.append([ended(event, outcome_of(error))])
        raise
    log.append([ended(event, "done")])


@contextmanager
def looked_at(log: AuditLog, event: AuditEvent) -> Iterator[None]:
    """Around the reading of what is shown afterwards: one event, which is in the log before anything is shown."""
    try:
        yield
    except Exception as error:
        log.append([ended(event, outcome_of(error))])
        raise
    log.append([ended(event, "done")])


def numbered(event: AuditEvent) -> AuditEvent:
    """The event with a number of its act, which its later events repeat."""
    return event.model_copy(update={"facts": {**event.facts, "act": secrets.token_hex(6)}})


def ended(event: AuditEvent, outcome: Outcome, **facts: object) -> AuditEvent:
    """The same act with this outcome, now; ``facts`` are added."""
    return event.model_copy(
        update={"at": datetime.now(UTC), "outcome": outcome, "facts": {**event.facts, **facts}},
    )


def outcome_of(error: BaseException) -> Outcome:
    return "refused" if isinstance(error, REFUSALS) else "failed"
