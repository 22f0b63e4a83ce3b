"""The audit log on a disk."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.adapters.audit_log import FileAuditLog
from include.adapters.file_locks import FileLocks
from include.contracts.audit import AuditEvent

pytestmark = pytest.mark.integration


def test_events_come_back_in_their_order_and_by_time(tmp_path: Path) -> None:
    log = FileAuditLog(tmp_path / "audit", FileLocks(tmp_path / "locks"))
    events = [
        AuditEvent(at=datetime(2026, 1, day, tzinfo=UTC), kind="access", action="read_table", by="olga", via="command")
        for day in (1, 2, 3)
    ]
    log.append(events[:2])
    log.append(events[2:])
    assert list(log.read()) == events
    assert list(log.read(since=events[1].at, until=events[2].at)) == [events[1]]
