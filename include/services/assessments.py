"""What people assess of the checklist, kept for good: numbered entries, each chained to the one before, and audited."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

from include.contracts.audit import AuditEvent
from include.contracts.checklist import (
    Assessed,
    Assessment,
    AssessmentEntry,
    ChecklistDay,
    ChecklistMonth,
    ItemState,
)
from include.errors import DamagedStateError, DataError
from include.governance.audited import audited
from include.ports.state import ABSENT, StateStore
from include.services.composition import Services

ROOM, MONTHS = "platform/checklist/assessments", "platform/checklist/states"
EARLIER = 20
"""Assessments of an item that its history shows."""


def newest(state: StateStore) -> AssessmentEntry | None:
    """The newest entry, which says every item's newest assessment; None before the first."""
    keys = list(state.stamps(ROOM))
    return _entry(state, int(keys[-1].rpartition("/")[2].removesuffix(".json"))) if keys else None


def save(
    services: Services, given: Mapping[int, Assessment], by: str, way: str, now: datetime | None = None
) -> AssessmentEntry:
    """Keep these assessments together, or none of them; two events of the audit log tell of it.

    Raises DataError when there is nothing to keep, ServiceError when the log takes no entry, DamagedStateError when an
    entry was altered.
    """
    if not given:
        raise DataError("no item is assessed: nothing was saved")
    at, state = now or datetime.now(UTC), services.adapters.state
    numbers = ", ".join(map(str, sorted(given)))
    with services.adapters.locks.hold("checklist"):
        entry = _following(newest(state), given, by, way, at)
        event = AuditEvent(
            at=at, kind="change", action="assess_checklist", by=by, via="page", what=f"items {numbers}",
            facts={"entry": entry.number, "sha256": entry.digest, "way": way},
        )  # fmt: skip
        with audited(services.adapters.audit, event):
            state.put(_key(entry.number), entry.model_dump_json(), ABSENT)
    return entry


def _following(
    last: AssessmentEntry | None, given: Mapping[int, Assessment], by: str, way: str, at: datetime
) -> AssessmentEntry:
    number, standing = (last.number + 1, dict(last.standing)) if last else (1, {})
    for item, assessment in given.items():
        before = standing[item].entry if item in standing else 0
        standing[item] = Assessed(by=by, at=at, entry=number, before=before, assessment=assessment)
    return AssessmentEntry(
        number=number, previous=last.digest if last else "", at=at, by=by, way=way,
        items=sorted(given), standing=standing,
    )  # fmt: skip


def history(state: StateStore, item: int, most: int = EARLIER) -> list[Assessed]:
    """The assessments of an item, newest first; each names the entry of the one before."""
    found: list[Assessed] = []
    entry = newest(state)
    while entry and item in entry.standing and len(found) < most:
        found.append(entry.standing[item])
        entry = _entry(state, found[-1].before) if found[-1].before else None
    return found


def faults(state: StateStore) -> list[str]:
    """Entries that are not what the next one was chained to, one line each; [] when all are."""
    previous, found = "", []
    for key in state.stamps(ROOM):
        entry = _entry(state, int(key.rpartition("/")[2].removesuffix(".json")))
        if entry.previous != previous:
            found.append(f"{key}: the entry before it was altered, or is gone")
        previous = entry.digest
    return found


def _entry(state: StateStore, number: int) -> AssessmentEntry:
    key = _key(number)
    if (found := state.get(key)) is None:
        raise DamagedStateError(f"{key} of {state} is gone: restore it from a backup")
    return AssessmentEntry.read_back(found.text, key)


def _key(number: int) -> str:
    return f"{ROOM}/{number:08d}.json"


# -- over time
def record_day(services: Services, states: Mapping[int, ItemState], day: date) -> ChecklistDay:
    """Keep the states of the day; those of an earlier run of the same day are replaced."""
    last = newest(services.adapters.state)
    judged = {item: assessed.assessment.state for item, assessed in (last.standing if last else {}).items()}
    made = ChecklistDay(day=day, derived={n: one.state for n, one in states.items()}, judged=judged)
    key = f"{MONTHS}/{day.year:04d}-{day.month:02d}.json"
    with services.adapters.locks.hold("checklist"):
        days = [one for one in _month(services.adapters.state, key).days if one.day != day]
        month = ChecklistMonth(days=sorted([*days, made], key=lambda one: one.day))
        services.adapters.state.put(key, month.model_dump_json())
    return made


def days(state: StateStore, newest: int) -> list[ChecklistDay]:
    """So many of the newest recorded days, oldest first; no month before them is read."""
    found: list[ChecklistDay] = []
    for key in reversed(list(state.stamps(MONTHS))):
        if len(found) < newest:
            found = [*_month(state, key).days, *found]
    return found[-newest:]


def _month(state: StateStore, key: str) -> ChecklistMonth:
    found = state.get(key)
    return ChecklistMonth.read_back(found.text, key) if found else ChecklistMonth()
