"""What the checklist knows of the audit log: a daily look at it keeps when what happened last."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

from include.contracts.audit import AuditEvent
from include.governance.checklist.facts import newest
from include.services.composition import Services

EVENTS = "platform/checklist/events.json"
BEGIN = timedelta(days=30)
"""How far the first look at the audit log reaches back."""


def seen(services: Services) -> dict[str, datetime]:
    """Kinds, actions and outcomes of events → when the daily look at the log met them last."""
    found = services.adapters.state.get(EVENTS)
    kept = json.loads(found.text)["seen"] if found else {}
    return {what: datetime.fromisoformat(at) for what, at in kept.items()}


def look(services: Services, now: datetime) -> dict[str, datetime]:
    """Read the events since the last look, and keep what they were. Raises what reading the log raises."""
    state = services.adapters.state
    found = state.get(EVENTS)
    since = datetime.fromisoformat(json.loads(found.text)["until"]) if found else now - BEGIN
    times = [(what, event.at) for event in services.adapters.audit.read(since=since) for what in _words(event)]
    last = newest([*seen(services).items(), *times])
    text = {what: at.isoformat() for what, at in sorted(last.items())}
    state.put(EVENTS, json.dumps({"until": now.isoformat(), "seen": text}))
    return last


def _words(event: AuditEvent) -> Iterator[str]:
    yield f"outcome: {event.outcome}"
    if event.outcome != "done":
        return
    yield f"kind: {event.kind}"
    yield f"action: {event.action}"
    form = event.facts.get("form")
    if isinstance(form, dict) and isinstance(form.get("operation"), str):
        yield f"operation: {form['operation']}"
