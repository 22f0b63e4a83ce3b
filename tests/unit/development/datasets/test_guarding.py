"""A dataset leaves faulty periods out, says so, and is not tested on one."""

from pathlib import Path

import pandas as pd
import pytest

from include.contracts.calendar import Span
from include.contracts.development import DatasetRef
from include.contracts.period import Period
from include.development.datasets.guarding import require_sound
from include.development.datasets.rebuild import rebuild
from include.errors import DataError
from include.records.registry import PERIOD_PROFILES
from include.specification.learning import Guard
from tests.unit.development.frames import MemoryFeatureStore, MemoryLake, build, events, flight_spec, snapshots

MONTHS = Period.between(Period("2013-01"), Period("2013-05"))
FAULTY = Period("2013-04")


def _tables(faulty: Period) -> dict[str, pd.DataFrame]:
    tables = {month: events(month, 600) for month in MONTHS}
    return tables | {faulty: tables[faulty].assign(distance=tables[faulty]["distance"] * 1.609)}


def _built(directory: Path, lake: MemoryLake, test_to: str = "2013-05", **guard: object) -> DatasetRef:
    spec = flight_spec(guard=Guard.model_validate(guard))
    return build(directory, lake.tables, spec, test_to=Period(test_to), lake=lake)


def test_a_faulty_period_is_left_out_reported_and_stays_out_of_a_rebuild(tmp_path: Path) -> None:
    lake = MemoryLake(_tables(FAULTY))
    dataset = _built(tmp_path, lake)
    assert FAULTY not in {*dataset.snapshots, *dataset.train.periods, *dataset.validation.periods}
    assert any("distance: unseen" in text or "distance: whole" in text for text in dataset.facts.guard.left_out[FAULTY])
    again = rebuild(
        flight_spec(), dataset, lake=lake, feature_store=MemoryFeatureStore(flight_spec()), directory=tmp_path / "again"
    )
    assert again.train.content_hash == dataset.train.content_hash


def test_a_faulty_test_period_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"finds a fault in 2013-05 \(.*distance: .*guard.accept: \{2013-05: <reason>\}"
    ):
        _built(tmp_path, MemoryLake(_tables(MONTHS[-1])))


def test_a_person_accepts_a_period_with_a_reason(tmp_path: Path) -> None:
    dataset = _built(tmp_path, MemoryLake(_tables(FAULTY)), accept={FAULTY: "the source is metric from now on"})
    assert FAULTY in dataset.snapshots
    assert dataset.facts.guard.accepted[FAULTY][0] == "accepted: the source is metric from now on"
    assert not dataset.facts.guard.left_out


def test_the_guard_may_be_off(tmp_path: Path) -> None:
    lake = MemoryLake(_tables(FAULTY))
    assert FAULTY in _built(tmp_path, lake, enabled=False).snapshots
    assert PERIOD_PROFILES.periods("flight_delay", lake) == []


def test_a_profile_is_kept_until_its_rows_change(tmp_path: Path) -> None:
    lake = MemoryLake(_tables(FAULTY))
    _built(tmp_path, lake)
    assert len(PERIOD_PROFILES.read("flight_delay", lake)) == len(MONTHS)
    _built(tmp_path / "again", lake)
    assert len(PERIOD_PROFILES.read("flight_delay", lake)) == len(MONTHS)
    lake.tables[MONTHS[-1]] = lake.tables[MONTHS[-1]][:-1]
    build(tmp_path / "changed", lake.tables, test_to=MONTHS[-1], lake=lake, snapshots=snapshots(lake.tables))
    assert [one.period for one in PERIOD_PROFILES.read("flight_delay", lake)].count(MONTHS[-1]) == 2


def test_a_faulty_test_part_is_no_monitoring_baseline(tmp_path: Path) -> None:
    lake = MemoryLake(_tables(MONTHS[-1]))
    unguarded = _built(tmp_path, lake, enabled=False)
    require_sound(flight_spec(), lake, unguarded)  # nothing is known of earlier periods yet
    _built(tmp_path, lake, test_to="2013-04")
    with pytest.raises(DataError, match="the monitoring baseline of a release would be faulty"):
        require_sound(flight_spec(), lake, unguarded)
    require_sound(flight_spec(guard=Guard(accept={MONTHS[-1]: "metric"})), lake, unguarded)


@pytest.mark.parametrize("lead", ["2 weeks", "40 days"])
def test_a_faulty_test_part_is_found_where_events_are_asked_for_long_before(tmp_path: Path, lead: str) -> None:
    lake = MemoryLake(_tables(MONTHS[-1]))
    unguarded = _built(tmp_path, lake, enabled=False)
    _built(tmp_path, lake, test_to="2013-04")
    asked_before = flight_spec().event.model_copy(update={"lead": Span(lead)})
    with pytest.raises(DataError, match=r"finds a fault in 2013-05 .*the monitoring baseline"):
        require_sound(flight_spec(event=asked_before), lake, unguarded)
