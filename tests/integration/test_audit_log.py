"""The audit log on a disk."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.adapters.audit_log import FileAuditLog, SqliteSubjectKeys
from include.adapters.file_locks import FileLocks
from include.adapters.signatures import StateRootSignatures, new_signing_key, publish_signing_key
from include.contracts.audit import ERASED, AuditEvent, PredictionBatch
from include.errors import DamagedStateError
from include.formats import merkle

pytestmark = pytest.mark.integration


def event(day: int = 1, **fields: object) -> AuditEvent:
    about = {"kind": "access", "action": "read_table", "by": "olga", "via": "command", **fields}
    return AuditEvent.model_validate({"at": datetime(2026, 1, day, tzinfo=UTC), **about})


class World:
    def __init__(self, root: Path) -> None:
        self.root, self.private = root, new_signing_key()
        self.directory, self.outside, self.public = root / "audit", root / "outside", root / "approval.pub"
        publish_signing_key(self.public, self.private)
        self.keys = SqliteSubjectKeys(root / "keys.db")
        self.log = self.opened()

    def opened(self) -> FileAuditLog:
        signatures = StateRootSignatures(self.private, self.public)
        return FileAuditLog(self.directory, FileLocks(self.root / "locks"), self.keys, signatures, self.outside)

    @property
    def lines(self) -> Path:
        return next(self.directory.glob("????-??-??.jsonl"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_events_come_back_in_their_order_and_by_time(world: World) -> None:
    events = [event(day) for day in (1, 2, 3)]
    world.log.append(events[:2])
    world.log.append(events[2:])
    assert list(world.log.read()) == events
    assert list(world.log.read(since=events[1].at, until=events[2].at)) == [events[1]]
    world.log.checkpoint({})
    assert list(world.log.entries(since=datetime(2026, 2, 1, tzinfo=UTC))) == [], "no file is read for it"
    assert list(world.log.read(since=events[1].at, until=events[2].at)) == [events[1]]


def test_a_person_is_unreadable_once_the_key_is_gone(world: World) -> None:
    world.log.append([event(usecase="flight_delay", subject={"tailnum": "N12345"}), event(2)])
    assert b"N12345" not in world.lines.read_bytes()
    assert next(world.log.read()).subject == {"tailnum": "N12345"}
    world.log.checkpoint({})
    assert world.keys.erase("flight_delay", ["N12345"]) == 1
    assert b"N12345" not in (world.root / "keys.db").read_bytes()
    assert next(world.log.read()).subject == {"tailnum": ERASED}
    assert world.log.checkpoint({}), "the tree is as it was signed"


def test_an_entry_that_was_cut_short_is_put_aside_and_a_leaf_that_lacks_is_added(world: World) -> None:
    world.log.append([event(1), event(2)])
    tree = world.lines.with_suffix(".tree")
    os.truncate(tree, merkle.SIZE + 5)
    with world.lines.open("ab") as lines:
        lines.write(b'{"at":"2026-01-01T00:0')
    world.opened().append([event(3)])
    actions = [one.action for one in world.log.read()]
    assert sorted(actions) == ["read_table", "read_table", "read_table", "repair_audit_log"]
    lines = world.lines.read_bytes().splitlines()
    assert [json.loads(line)["n"] for line in lines] == [0, 1, 2, 3]
    assert tree.read_bytes() == b"".join(map(merkle.leaf_hash, lines))


def test_what_was_signed_and_then_changed_is_an_alarm(world: World) -> None:
    world.log.append([event(1), event(2)])
    first = world.log.checkpoint({"approvals/flight_delay": "1:ab"})
    assert first
    assert first == world.log.checkpoint({}), "nothing new is there to sign"
    tree = world.lines.with_suffix(".tree")
    tree.write_bytes(bytes([tree.read_bytes()[0] ^ 1]) + tree.read_bytes()[1:])
    with pytest.raises(DamagedStateError, match="checkpoint 1 signed"):
        world.log.checkpoint({})


def test_a_log_that_was_made_again_does_not_continue_the_checkpoints_outside(world: World) -> None:
    world.log.append([event(1), event(2)])
    world.log.checkpoint({})
    for file in world.directory.iterdir():
        file.unlink()
    world.opened().append([event(1)])
    with pytest.raises(DamagedStateError, match="does not continue"):
        world.opened().checkpoint({})


def test_a_batch_keeps_the_leaves_of_its_predictions(world: World) -> None:
    leaves = b"".join(merkle.leaf_hash(bytes([n])) for n in range(5))
    for offset in (0, 5):
        batch = PredictionBatch(
            usecase="flight_delay", table="predictions", size=5, root=merkle.root(leaves).hex(), columns={}
        )
        world.log.append_batch(batch, leaves)
        entry = list(world.log.entries())[-1]
        assert entry.batch
        assert entry.batch.offset == offset
        assert world.log.leaves(entry.day, entry.batch) == leaves


def test_events_beyond_their_retention_leave_their_hashes(world: World) -> None:
    world.log.append([event(1), event(2, kind="decision", action="approve")])
    world.log.checkpoint({})
    day = world.lines.stem
    assert world.log.prune(datetime(2999, 1, 1, tzinfo=UTC), lambda one: one.kind == "decision") == {day: 1}
    assert [one.action for one in world.log.read()] == ["approve"]
    world.log.append([event(3)])
    assert world.log.checkpoint({})
