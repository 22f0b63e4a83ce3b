"""Which events a search finds, and for whose eyes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from include.contracts.audit import AuditEntry, AuditEvent
from include.governance.audit_search import HIDDEN, Reading, Search, find, row

DAY = datetime(2026, 1, 1, tzinfo=UTC)
OWNER = Reading()


def entry(number: int, **fields: Any) -> AuditEntry:
    about = {"kind": "access", "action": "read_table", "by": "olga", "via": "command", **fields}
    event = AuditEvent.model_validate({"at": DAY + timedelta(hours=number), **about})
    return AuditEntry(day="2026-01-01", number=number, event=event)


LOG = [
    entry(0, usecase="flight_delay", what="table events", subject={"tailnum": "N12345"}),
    entry(1, by="vera", kind="use", action="trigger", outcome="refused", reason="for Monday"),
    entry(2, by="anna", kind="decision", action="approved", what="model version 2", facts={"entry": 7}),
    AuditEntry(day="2026-01-01", number=3),
]


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, [2, 1, 0]),
        ({"by": "vera"}, [1]),
        ({"kind": "decision", "action": "approved"}, [2]),
        ({"usecase": "flight_delay"}, [0]),
        ({"what": "version"}, [2]),
        ({"outcome": "refused"}, [1]),
        ({"since": DAY + timedelta(hours=1)}, [2, 1]),
        ({"until": DAY + timedelta(hours=1)}, [0]),
        ({"text": "monday VERA"}, [1]),
        ({"text": "n12345"}, [0]),
        ({"by": "vera", "kind": "decision"}, []),
    ],
)
def test_filters_hold_together_and_the_newest_comes_first(filters: dict[str, Any], numbers: list[int]) -> None:
    found = find(LOG, Search.model_validate(filters), OWNER)
    assert [one.number for one in found.entries] == numbers


def test_only_the_newest_are_kept_and_all_are_counted() -> None:
    found = find(LOG, Search(), OWNER, 1)
    assert ([one.number for one in found.entries], found.total) == ([2], 3)
    assert found.by_day == {("2026-01-01", kind): 1 for kind in ("access", "decision", "use")}


def test_an_auditor_sees_every_event_and_nobody_of_the_persons_whose_class_is_above() -> None:
    auditor = Reading("aud", "auditor", "internal")
    shown = find(LOG, Search(), auditor).entries
    assert [one.number for one in shown] == [2, 1, 0]
    assert row(shown[-1])["subject"] == f'{{"tailnum": "{HIDDEN}"}}'
    assert find(LOG, Search(text="N12345"), auditor).total == 0, "what is hidden is not found by guessing either"
    assert find(LOG, Search(text="N12345"), Reading("admin", "admin", "personal")).total == 1


@pytest.mark.parametrize("role", ["viewer", "engineer", "operator", "approver"])
def test_everybody_else_sees_their_own_events(role: Any) -> None:
    assert [one.number for one in find(LOG, Search(), Reading("vera", role, "internal")).entries] == [1]


def test_a_span_without_time_is_refused() -> None:
    with pytest.raises(ValidationError, match="nothing is since"):
        Search(since=DAY, until=DAY)
