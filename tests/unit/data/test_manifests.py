"""The manifests of snapshots, whatever store they lie in."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.adapters.file_locks import FileLocks
from include.adapters.file_state import FileState
from include.contracts.period import Period, ranges
from include.contracts.tables import SnapshotRef
from include.data import manifests, retention
from include.data.manifests import CatchUp, Expiry, Snapshots, Turn
from include.errors import DamagedStateError, LockHeldError
from include.formats.sealed_text import copy_of
from include.specification.loader import load_usecase
from tests.unit.fakes.damage import KINDS, damage
from tests.unit.fakes.state import MemoryLocks, MemoryState

NOON = datetime(2013, 6, 1, 12, tzinfo=UTC)


def snapshot(name: str, period: str = "2013-05") -> SnapshotRef:
    return SnapshotRef(usecase="cats", period=period, name=name, tables={})


def turn(name: str) -> Turn:
    return Turn.of(name, NOON, "ann", "published")


@pytest.fixture
def locks() -> MemoryLocks:
    return MemoryLocks()


@pytest.fixture
def snapshots(locks: MemoryLocks) -> Snapshots:
    """Two snapshots of May, the later one current, and one of June."""
    made = Snapshots("cats", MemoryState(), locks)
    for one in (snapshot("a"), snapshot("b"), snapshot("c", "2013-06")):
        made.keep(one)
        made.make_current(one, turn(one.name))
    return made


def test_a_period_has_one_current_snapshot_and_many_named_ones(snapshots: Snapshots) -> None:
    assert snapshots.current("2013-05") == snapshot("b")
    assert snapshots.current("2013-07") is None
    assert snapshots.published() == [snapshot("b"), snapshot("c", "2013-06")]
    assert [one.name for one in snapshots.all_named()] == ["a", "b", "c"]
    assert list(snapshots.manifests()) == [
        "2013-05.json", "2013-06.json", "named/a.json", "named/b.json", "named/c.json",
    ]  # fmt: skip


def test_a_turn_is_noted_once(snapshots: Snapshots) -> None:
    snapshots.make_current(snapshot("b"), turn("b"))
    snapshots.make_current(snapshot("a"), turn("a"))
    assert [one.name for one in snapshots.turns("2013-05")] == ["a", "b", "a"]
    assert snapshots.turns("2013-05")[0].at == NOON


def test_a_pin_stays_until_it_is_taken_off(snapshots: Snapshots) -> None:
    snapshots.pin(turn("a"))
    assert snapshots.pins() == [snapshots.pinned("a")] == [turn("a")]
    snapshots.unpin("a")
    assert snapshots.pinned("a") is None


def test_an_expired_snapshot_leaves_its_record(snapshots: Snapshots) -> None:
    gone = Expiry(**turn("a").model_dump(), period="2013-05", snapshot=snapshot("a"))
    snapshots.expire(gone)
    assert snapshots.named("a") is None
    assert snapshots.all_expired() == [snapshots.expiry("a")] == [gone]


def test_no_file_is_deleted_while_somebody_publishes(snapshots: Snapshots, locks: MemoryLocks) -> None:
    with (
        snapshots.publishing(),
        snapshots.publishing(),
        pytest.raises(LockHeldError),
        locks.hold("snapshots/cats/publishing", wait=0),
    ):
        pass
    with snapshots.nobody_publishing(), pytest.raises(LockHeldError), locks.hold("snapshots/cats/changing", wait=0):
        pass


@pytest.fixture
def on_disk(tmp_path: Path) -> Snapshots:
    """The same two periods as files, of which that of May is damaged, and so is its copy."""
    made = Snapshots("cats", FileState(tmp_path, FileLocks(tmp_path)), FileLocks(tmp_path))
    for one in (snapshot("b"), snapshot("c", "2013-06")):
        made.keep(one)
        made.make_current(one, turn(one.name))
    for file in (place := tmp_path / "snapshots" / "cats" / "2013-05.json", copy_of(place)):
        damage(file, "half")
    return made


def test_a_damaged_manifest_stops_its_own_period_only(on_disk: Snapshots, caplog: pytest.LogCaptureFixture) -> None:
    assert on_disk.published() == [snapshot("c", "2013-06")]
    assert on_disk.periods() == ["2013-06"]
    assert "2013-05.json is damaged" in caplog.text
    assert on_disk.current("2013-06") == snapshot("c", "2013-06")
    with pytest.raises(DamagedStateError, match=r"2013-05\.json is damaged"):
        on_disk.current("2013-05")


def test_nothing_is_deleted_while_a_manifest_cannot_be_read(on_disk: Snapshots) -> None:
    with pytest.raises(DamagedStateError, match=r"2013-05\.json is damaged"):
        on_disk.manifests()


def test_a_period_that_is_published_or_restored_again_replaces_its_damaged_manifest(on_disk: Snapshots) -> None:
    on_disk.make_current(snapshot("b"), turn("b"))
    assert on_disk.published() == [snapshot("b"), snapshot("c", "2013-06")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["2013-05.json", "named/b.json", "log/2013-05.jsonl"])
def test_a_damaged_manifest_with_a_copy_changes_no_answer(tmp_path: Path, name: str, kind: str) -> None:
    made = Snapshots("cats", FileState(tmp_path, FileLocks(tmp_path)), FileLocks(tmp_path))
    for one in (snapshot("a"), snapshot("b")):
        made.keep(one)
        made.make_current(one, turn(one.name))
    before = made.manifests(), made.turns("2013-05")
    damage(tmp_path / "snapshots" / "cats" / name, kind)
    assert (made.manifests(), made.turns("2013-05")) == before


# -- the index
class Counting(MemoryState):
    """Counts the values that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def get(self, key: str) -> Any:
        self.read.append(key)
        return super().get(key)


@pytest.fixture
def hours() -> tuple[Snapshots, Counting]:
    """Every hour of January and February 2013, each with a manifest of its own."""
    made = Snapshots("cats", state := Counting(), MemoryLocks())
    for hour in Period.ranged("2013-01-01T00Z..2013-02-28T23Z"):
        made.replace(f"named/{hour}-0.json", snapshot(f"{hour}-0", hour))
        made.replace(f"{hour}.json", snapshot(f"{hour}-0", hour))
    assert made.reindex() == 2 * 59 * 24
    return made, state


def test_many_manifests_are_found_by_an_index_of_each_month(hours: tuple[Snapshots, Counting]) -> None:
    snapshots, state = hours
    state.read.clear()
    assert len(snapshots.published()) == len(snapshots.all_named()) == 59 * 24
    assert snapshots.periods() == [one.period for one in snapshots.published()]
    assert set(state.read) == {"snapshots/cats/index/2013-01.json", "snapshots/cats/index/2013-02.json"}
    state.read.clear()
    assert snapshots.newest() == snapshot("2013-02-28T23Z-0", "2013-02-28T23Z")
    assert len(state.read) == 1
    assert snapshots.reindex() == 0


def test_an_overview_reads_of_each_period_its_log_alone(hours: tuple[Snapshots, Counting]) -> None:
    snapshots, state = hours
    snapshots.pin(turn("2013-02-28T23Z-0"))
    state.read.clear()
    facts = retention.overview(load_usecase("flight_arrivals"), snapshots, {})
    assert [(one.name, one.current) for one in facts] == [(one.name, True) for one in snapshots.all_named()]
    assert [one.name for one in facts if one.pin] == ["2013-02-28T23Z-0"]
    others = [key for key in state.read if "/log/" not in key]
    assert sorted(set(others)) == [f"snapshots/cats/{place}.json" for place in (
        "index/2013-01", "index/2013-02", "pins/2013-02-28T23Z-0")]  # fmt: skip
    assert len(state.read) - len(others) == len(facts) == 59 * 24


def test_a_run_of_many_periods_notes_each_without_a_look_at_those_before(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    monkeypatch.setattr(manifests, "ranges", lambda periods: looked.append(len(periods)) or ranges(periods))
    hours, done = Period.ranged("2013-01-01T00Z..2013-01-31T23Z"), CatchUp(run="r")
    for hour in hours:
        done = done.plus(hour)
    assert (done.periods, done.ranges, looked) == (hours, ("2013-01-01T00Z..2013-01-31T23Z",), [1])
    gap = done.plus(hours[-1].shift(2)).plus(hours[-1].shift(3))
    assert gap.ranges == (*done.ranges, "2013-02-01T01Z..2013-02-01T02Z")
    assert gap.plus(hours[-1].shift(1)).ranges == ("2013-01-01T00Z..2013-02-01T02Z",), "what was left out came later"
    assert done.plus(hours[5]) == done


def test_a_manifest_that_changed_is_read_itself(hours: tuple[Snapshots, Counting]) -> None:
    snapshots, state = hours
    erased = snapshot("2013-01-31T05Z-0", "2013-01-31T05Z").model_copy(update={"rewrites": ["a subject was erased"]})
    snapshots.replace("2013-01-31T05Z.json", erased)
    state.read.clear()
    assert erased in snapshots.published()
    assert [key for key in state.read if "index" not in key] == ["snapshots/cats/2013-01-31T05Z.json"]
    again = snapshot("2013-01-31T05Z-1", "2013-01-31T05Z")
    snapshots.keep(again)
    snapshots.make_current(again, turn(again.name))
    state.read.clear()
    assert again in snapshots.published()
    assert [key for key in state.read if "index" not in key] == []


def test_an_index_that_is_damaged_or_gone_changes_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = Snapshots("cats", FileState(tmp_path, FileLocks(tmp_path)), FileLocks(tmp_path))
    for one in (snapshot("b"), snapshot("c", "2013-06")):
        made.keep(one)
        made.make_current(one, turn(one.name))
    index = tmp_path / "snapshots" / "cats" / "index" / "2013-05.json"
    for file in (index, copy_of(index)):
        damage(file, "half")
    assert made.published() == [snapshot("b"), snapshot("c", "2013-06")]
    assert "2013-05.json is damaged" in caplog.text
    assert made.reindex() == 2
    index.unlink()
    copy_of(index).unlink()
    assert made.published() == [snapshot("b"), snapshot("c", "2013-06")]


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=12))
def test_the_index_never_answers_with_what_was_replaced(changes: list[tuple[str, bool]]) -> None:
    """Whoever writes, in whatever order, within one tick of the disk's clock, and whether or not it is noted."""
    with TemporaryDirectory() as home:
        made = Snapshots("cats", FileState(Path(home), FileLocks(Path(home))), FileLocks(Path(home)))
        for name, noted in changes:
            current = snapshot(name)
            if noted:
                made.make_current(current, turn(name))
            else:
                made.replace("2013-05.json", current)
            assert made.published() == [current] == [made.newest()]
            assert made.periods() == [current.period]
