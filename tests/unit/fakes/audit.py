"""An audit log in memory."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from include.contracts.audit import AuditEvent


class MemoryAudit:
    """Keeps every event in the order of its coming."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []

    def append(self, events: Sequence[AuditEvent]) -> None:
        self.events += events

    def read(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[AuditEvent]:
        for event in self.events:
            if (since is None or event.at >= since) and (until is None or event.at < until):
                yield event
