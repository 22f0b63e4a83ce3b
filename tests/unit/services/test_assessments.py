"""Assessments are kept for good: numbered, chained, audited; the states of each day are kept once."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from include.contracts.checklist import Assessment, AssessmentEntry
from include.errors import DataError, ServiceError
from include.governance.checklist.facts import Facts
from include.governance.checklist.rules import states
from include.services import assessments
from include.services.composition import Services
from tests.unit.fakes.adapters import services_in

AT = datetime(2026, 1, 2, tzinfo=UTC)
DONE, PLANNED = Assessment(state="done"), Assessment(state="planned", plan="next year")


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path)


def save(services: Services, given: dict[int, Assessment], day: int = 0, by: str = "ada") -> AssessmentEntry:
    return assessments.save(services, given, by, "page", AT + timedelta(days=day))


def test_the_newest_entry_says_every_item_s_newest_assessment(services: Services) -> None:
    save(services, {1: PLANNED, 2: DONE})
    save(services, {1: DONE}, 1, "eve")
    standing = assessments.newest(services.adapters.state).standing  # type: ignore[union-attr]
    assert {item: (one.by, one.assessment.state) for item, one in standing.items()} == {
        1: ("eve", "done"), 2: ("ada", "done"),
    }  # fmt: skip


def test_nothing_that_was_saved_is_changed_and_the_history_has_all_of_it(services: Services) -> None:
    for day, state in enumerate(("not done", "planned", "done")):
        save(services, {1: Assessment(state=state), 5 + day: DONE}, day)  # type: ignore[arg-type]
    found = assessments.history(services.adapters.state, 1)
    assert [one.assessment.state for one in found] == ["done", "planned", "not done"]
    assert len(assessments.history(services.adapters.state, 1, most=2)) == 2
    assert assessments.history(services.adapters.state, 28) == []


def test_entries_are_chained_and_one_that_was_altered_is_found(services: Services) -> None:
    first, state = save(services, {1: PLANNED}), services.adapters.state
    assert save(services, {2: DONE}, 1).previous == first.digest
    assert assessments.faults(state) == []
    state.put(f"{assessments.ROOM}/00000001.json", first.model_copy(update={"by": "eve"}).model_dump_json())
    assert assessments.faults(state) == [
        f"{assessments.ROOM}/00000002.json: the entry before it was altered, or is gone"
    ]


def test_the_audit_log_tells_who_assessed_which_items(services: Services) -> None:
    entry = save(services, {3: DONE, 1: DONE})
    told = services.adapters.audit.events  # type: ignore[attr-defined]
    assert [(e.action, e.by, e.what, e.outcome) for e in told] == [
        ("assess_checklist", "ada", "items 1, 3", outcome) for outcome in ("asked", "done")
    ]
    assert told[0].facts["sha256"] == entry.digest


def test_nothing_is_saved_that_the_audit_log_does_not_take(services: Services) -> None:
    services.adapters.audit.away = True  # type: ignore[attr-defined]
    with pytest.raises(ServiceError):
        save(services, {1: DONE})
    assert assessments.newest(services.adapters.state) is None
    with pytest.raises(DataError, match="nothing was saved"):
        save(services, {})


def test_a_day_is_recorded_once_and_months_follow_each_other(services: Services) -> None:
    derived = states(Facts(at=AT))
    save(services, {1: DONE})
    for day in (date(2026, 2, 1), date(2026, 1, 31), date(2026, 1, 31)):
        assessments.record_day(services, derived, day)
    found = assessments.days(services.adapters.state, 5)
    assert [str(one.day) for one in found] == ["2026-01-31", "2026-02-01"]
    assert found[0].judged == {1: "done"}
    assert set(found[0].derived.values()) == {"no evidence"}
    assert assessments.days(services.adapters.state, 1) == found[1:]
