"""The daily care for the audit log, as tasks."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from include.governance.checklist.rules import states
from include.services import assessments, audit_checks, checklist, checklist_events
from include.services.composition import Services
from include.specification.loader import specifications
from include.specification.usecase import UseCase


def count_uses(spec: UseCase, services: Services) -> dict[str, int]:
    """Requests to the gateway since the last run, for this use case and for no model, as events of the log."""
    log = services.settings.gateway_log
    counts = {name: audit_checks.count_uses(services, name, log) for name in (spec.name, "")}
    return {"requests": counts[spec.name], "refused_without_model": counts[""]}


def verify(spec: UseCase, services: Services, *, anew: bool, run: str = "") -> dict[str, Any]:
    """What was verified, and when. Raises DamagedStateError, which names what was altered."""
    usecases = [*specifications().good.values()]
    check = audit_checks.verify(services, usecases, anew=anew, usecase=spec.name, run=run)
    for note in check.notes:
        print(note)
    print(f"verified at {check.at.isoformat()}: {check.counts}; nothing was altered")
    return {"at": check.at.isoformat(), **check.counts}


def sign(spec: UseCase, services: Services) -> dict[str, Any]:
    """Sign what the log has now and copy it outside the state root; errors as ``AuditLog.checkpoint``."""
    signed = services.audit.checkpoint()
    if signed is None:
        return {}
    about = signed.checkpoint
    print(f"checkpoint {about.number}: {about.size} entries of {about.day}, root {about.root}")
    return {"number": about.number, "day": about.day, "size": about.size, "root": about.root}


def record_checklist(spec: UseCase, services: Services) -> dict[str, int]:
    """Keep the states of the implementation checklist of today, by what the platform has to show; how many of each.

    The checklist is one for all use cases: the last run of a day counts.
    """
    now = datetime.now(UTC)
    checklist_events.look(services, now)
    facts = checklist.gather(services, specifications().good.values())
    if facts.unread:
        print(f"no figures of Prometheus are evidence today: {facts.unread}")
    day = assessments.record_day(services, states(facts), now.date())
    return dict(Counter(day.derived.values()))


def forget(spec: UseCase, services: Services) -> dict[str, int]:
    """Remove the events whose retention is over; how many, by day."""
    return audit_checks.forget(services, datetime.now(UTC))
