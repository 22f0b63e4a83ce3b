"""The calendar of what is published stays: a row is in one period."""

import pytest

from include.contracts.calendar import Calendar
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef
from include.data import versioning
from include.data.manifests import Snapshots
from include.errors import SpecError
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.unit.fakes.state import MemoryLocks, MemoryState

SPEC = load_usecase("flight_delay")


def by(every: str, first: str, timezone: str = "America/New_York") -> UseCase:
    changed = {"every": every, "first": Period(first), "last": None, "timezone": timezone}
    return SPEC.model_copy(update={"periods": SPEC.periods.model_copy(update=changed)})


@pytest.fixture
def snapshots() -> Snapshots:
    """One published month, of an unknown zone."""
    made = Snapshots(SPEC.name, MemoryState(), MemoryLocks())
    one = SnapshotRef(usecase=SPEC.name, period=Period("2013-01"), name="2013-01-a", tables={})
    made.replace("2013-01.json", one)
    return made


@pytest.mark.parametrize(
    "changed",
    [
        by("day", "2013-01-01"),
        by("week", "2013-W01"),
        by("month", "2013-01", "Asia/Kolkata"),
        by("month", "2013-01", "UTC"),
    ],
)
def test_another_calendar_is_refused_with_both_and_the_ways_out(snapshots: Snapshots, changed: UseCase) -> None:
    snapshots.keep_calendar(SPEC.calendar)
    versioning.require_calendar(SPEC, snapshots)
    text = rf"are months of America/New_York, and usecase.yaml now says {changed.calendar.every}s of .*another name"
    with pytest.raises(SpecError, match=text):
        versioning.require_calendar(changed, snapshots)


def test_what_was_published_before_calendars_were_recorded_tells_its_rhythm(snapshots: Snapshots) -> None:
    versioning.require_calendar(SPEC, snapshots)
    with pytest.raises(SpecError, match=r"the published periods are months, and usecase.yaml now says days"):
        versioning.require_calendar(by("day", "2013-01-01"), snapshots)


def test_a_use_case_without_a_publication_may_change() -> None:
    fresh = Snapshots(SPEC.name, MemoryState(), MemoryLocks())
    fresh.keep_calendar(Calendar(every="week"))
    versioning.require_calendar(SPEC, fresh)
