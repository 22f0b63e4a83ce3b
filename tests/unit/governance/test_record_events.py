"""Records of changes and decisions as events of the audit log."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from include.contracts.approval import RecordedApproval
from include.contracts.quality import QuarantinedRow
from include.governance import record_events
from include.records.registry import APPROVALS, PRIVACY_RECORDS, QUARANTINE, RECORD_TABLES

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def held(row: str, **decision: Any) -> QuarantinedRow:
    about = {"period": "2013-01", "gate": "raw", "table": "events", "row": row, "reasons": "", "content": "{}"}
    return QuarantinedRow.model_validate({**about, "status": "held", "recorded_at": NOW, **decision})


def test_every_table_of_records_is_mirrored_or_says_why_not() -> None:
    assert set(record_events.MIRRORED) | set(record_events.NOT_MIRRORED) == set(RECORD_TABLES)
    assert not set(record_events.MIRRORED) & set(record_events.NOT_MIRRORED)


def test_decisions_on_rows_are_one_event_each_and_rows_that_a_gate_held_are_none() -> None:
    released = {"status": "released", "decided_by": "olga", "note": "late feed", "decided_at": NOW}
    rows = QUARANTINE._table([held("a"), held("b", **released), held("c", **released)], "append")
    (event,) = record_events.events("flight_delay", "quarantine", rows)
    assert (event.kind, event.action, event.by) == ("change", "quarantine_released", "olga")
    assert (event.what, event.reason) == ("2 rows of events 2013-01", "late feed")


def test_an_entry_of_the_signed_record_is_named_by_the_hash_that_the_next_entry_names() -> None:
    row = RecordedApproval(
        sequence=3, at=NOW, event="approved", version=2, by="anna", reason="better", content='{"a": 1}', signature="s",
        key="k",
    )  # fmt: skip
    (event,) = record_events.events("flight_delay", APPROVALS.name, APPROVALS._table([row], "append"))
    assert (event.kind, event.action, event.by, event.what) == ("decision", "approved", "anna", "model version 2")
    assert event.facts["entry_sha256"] == row.content_hash


def test_the_places_of_an_erasure_are_one_event_without_the_subject() -> None:
    facts = '{"subject": "k01:abc", "reason": "asked", "by": "admin"}'
    row = {"period": "2026-01", "done_at": NOW, "kind": "erasure", "facts": facts, "before": 3, "after": 0}
    rows = pa.Table.from_pylist([row | {"place": place} for place in ("a", "b")], PRIVACY_RECORDS.schema)
    (event,) = record_events.events("flight_delay", PRIVACY_RECORDS.name, rows)
    assert (event.action, event.by, event.what, event.reason) == ("erase_subject", "admin", "2 places", "asked")
    assert "k01:abc" not in event.model_dump_json()
