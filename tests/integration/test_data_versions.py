"""Snapshots over time: restored, pinned, expired and vacuumed, also by two processes at once."""

import multiprocessing
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from include.adapters.lake import DeltaLake
from include.contracts.development import DatasetRef, PartRef
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef
from include.data import retention, versioning
from include.data import staging as stage
from include.errors import NotFoundError
from include.specification.loader import load_usecase
from tests.integration.state_fixtures import file_state, snapshots_in

pytestmark = pytest.mark.integration
SPEC, MAY = load_usecase("flight_delay"), Period("2013-05")
START = datetime(2013, 6, 1, tzinfo=UTC)
KEPT = timedelta(hours=SPEC.retention.snapshots.hours)
BY = {"by": "ann", "why": "the source was wrong"}


class World:
    """A lake and the snapshots on it."""

    def __init__(self, home: Path) -> None:
        self.home, self.lake, self.snapshots = home, DeltaLake(home / "lake"), snapshots_in(home)

    def publish(self, *values: float, days: int = 0) -> SnapshotRef:
        rows = pa.table({"name": [f"row {v}" for v in values], "value": pa.array(values, pa.float64())})
        stage.replace(self.home / "staging", stage.TABLES, {"events": rows, "planes": rows.slice(0, 1)})
        stage.mark_passed(self.home / "staging")
        at = START + timedelta(days=days)
        return versioning.publish(SPEC, MAY, self.home / "staging", self.lake, self.snapshots, at)

    def values(self, snapshot: SnapshotRef) -> list[float]:
        return sorted(versioning.read(snapshot, "events", self.lake)["value"].to_pylist())

    def restore(self, name: str, days: int = 0) -> SnapshotRef:
        return versioning.restore(name, self.lake, self.snapshots, at=START + timedelta(days=days), **BY)

    def expire(self, as_of: datetime, uses: retention.Uses | None = None) -> retention.Expiration:
        return retention.expire(SPEC, self.lake, self.snapshots, uses or {}, as_of=as_of, by="ann", why="")

    def current(self) -> SnapshotRef:
        return versioning.snapshot(MAY, self.snapshots)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def dataset(*snapshots: SnapshotRef) -> DatasetRef:
    part = PartRef(path="/none", rows=0, content_hash="0", periods=[])
    return DatasetRef(
        usecase=SPEC.name, name="d", path="/none", feature_service=SPEC.feature_service, label="late",
        train=part, validation=part, test=part,
        snapshots={s.period: s.name for s in snapshots}, features_from=list(snapshots),
    )  # fmt: skip


def test_a_restored_snapshot_is_current_again_and_can_be_replaced_again(world: World) -> None:
    first, second = world.publish(1, 2), world.publish(3, days=1)
    assert world.restore(first.name, days=2) == first == world.current()
    assert world.restore(first.name, days=3) == first
    assert world.values(world.current()) == [1, 2]
    assert world.publish(3, days=4) == second == world.current()
    turns = world.snapshots.turns(MAY)
    assert [(t.name, t.by) for t in turns] == [
        (first.name, ""),
        (second.name, ""),
        (first.name, "ann"),
        (second.name, ""),
    ]


def test_what_cannot_be_restored_is_named(world: World) -> None:
    first = world.publish(1)
    with pytest.raises(NotFoundError, match=rf"no snapshot '2013-05-nothing' .*there are \['{first.name}'\]"):
        world.restore("2013-05-nothing")
    world.publish(2, days=1)
    world.expire(START + timedelta(days=2) + KEPT)
    with pytest.raises(NotFoundError, match=rf"{first.name} expired on 2014-06-03T00:00:00\+00:00 \(superseded more"):
        world.restore(first.name)
    assert world.values(world.current()) == [2]


def test_retention_counts_from_when_another_took_its_place(world: World) -> None:
    first, second = world.publish(1), world.publish(2, days=100)
    facts = {f.name: f for f in retention.overview(SPEC, world.snapshots, {})}
    assert (facts[first.name].current, facts[second.name].current) == (False, True)
    assert facts[first.name].rows == {"events": 1, "planes": 1}
    assert facts[first.name].expires_at == START + timedelta(days=100) + KEPT
    assert world.expire(START + timedelta(days=99) + KEPT).expired == []
    assert world.values(first) == [1]
    assert world.expire(START + timedelta(days=100) + KEPT).expired == [first.name]
    with pytest.raises(NotFoundError, match="files were vacuumed"):
        world.values(first)
    assert world.expire(START + timedelta(days=100) + KEPT) == retention.Expiration(
        expired=[], kept=1, files={"events": 0, "planes": 0}
    )


def test_what_is_pinned_used_or_current_stays(world: World) -> None:
    pinned, used, gone, current = (world.publish(v, days=v) for v in (1, 2, 3, 4))
    retention.pin(pinned.name, world.snapshots, at=START, **BY)
    uses = {"model 1": dataset(used)}
    done = world.expire(START + 2 * KEPT, uses)
    assert (done.expired, done.kept) == ([gone.name], 3)
    assert [world.values(s) for s in (pinned, used, current)] == [[1], [2], [4]]
    facts = {f.name: f for f in retention.overview(SPEC, world.snapshots, uses, [MAY])}
    assert facts[pinned.name].pin.why == "the source was wrong"
    assert facts[used.name].used_by == ["model 1"]
    assert all(f.expires_at is None for f in facts.values())

    assert retention.unpin(pinned.name, world.snapshots).by == "ann"
    assert world.expire(START + 2 * KEPT).expired == sorted([pinned.name, used.name])
    with pytest.raises(NotFoundError, match=rf"snapshot {current.name} is not pinned; pinned are \[\]"):
        retention.unpin(current.name, world.snapshots)


def test_expired_content_can_be_published_again(world: World) -> None:
    first, _ = world.publish(1), world.publish(2, days=1)
    world.expire(START + 2 * KEPT)
    again = world.publish(1, days=900)
    assert again.name == first.name
    assert again.tables["events"].version > first.tables["events"].version
    assert world.values(versioning.named(again.name, world.snapshots)) == [1]


def test_a_snapshot_from_before_there_was_a_log_is_kept(world: World) -> None:
    first, _ = world.publish(1), world.publish(2)
    file_state(world.home).delete(f"snapshots/{SPEC.name}/log/{MAY}.jsonl")
    assert world.expire(START + 9 * KEPT).expired == []
    assert world.values(first) == [1]


# -- two processes


def together(*calls: tuple[Callable, tuple]) -> None:
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(len(calls))
    workers = [context.Process(target=call, args=(gate, *arguments)) for call, arguments in calls]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(600)
    assert [worker.exitcode for worker in workers] == [0] * len(calls)


def _publish(gate: object, home: Path, writer: int) -> None:
    world = World(home)
    world.home = home / f"writer{writer}"
    gate.wait(300)
    for round_ in range(5):
        published = world.publish(*[float(writer)] * (round_ + 1), days=round_)
        assert world.values(published) == [writer] * (round_ + 1), "what a publication returns can be read"


def _expire(gate: object, home: Path) -> None:
    gate.wait(300)
    for _ in range(10):
        World(home).expire(START + 9 * KEPT)


def _read_pinned(gate: object, home: Path, name: str) -> None:
    world = World(home)
    gate.wait(300)
    for _ in range(40):
        assert world.values(versioning.named(name, world.snapshots)) == [7]


def test_two_publishers_of_a_month_leave_one_whole_state(world: World) -> None:
    together((_publish, (world.home, 1)), (_publish, (world.home, 2)))
    current = world.current()
    assert len(set(world.values(current))) == 1
    for snapshot in world.snapshots.all_named():
        for table, ref in snapshot.tables.items():
            stored = versioning.read(snapshot, table, world.lake)
            assert stored.num_rows == ref.rows
    assert len(world.snapshots.all_named()) >= 10


def test_publishing_expiring_and_reading_at_once_lose_nothing(world: World) -> None:
    pinned = world.publish(7)
    retention.pin(pinned.name, world.snapshots, at=START, **BY)
    together((_publish, (world.home, 1)), (_expire, (world.home,)), (_read_pinned, (world.home, pinned.name)))
    assert world.values(world.current()) == [1.0] * 5
    assert all(world.values(snapshot) for snapshot in world.snapshots.all_named())
