"""The audit log on a disk."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

from include.adapters.audit_log import FileAuditLog, SqliteSubjectKeys, verify_audit
from include.adapters.file_locks import FileLocks
from include.adapters.signatures import StateRootSignatures, new_signing_key, publish_signing_key
from include.contracts.approval import RecordedApproval
from include.contracts.audit import ERASED, AuditEvent, PredictionBatch
from include.deployment import release
from include.errors import DamagedStateError
from include.formats import merkle, signed_files
from include.formats.file_proof import sha256
from include.governance import approval_record
from include.governance.audit_search import Reading, Search, find

pytestmark = pytest.mark.integration


def event(day: int = 1, **fields: object) -> AuditEvent:
    about = {"kind": "access", "action": "read_table", "by": "olga", "via": "command", **fields}
    return AuditEvent.model_validate({"at": datetime(2026, 1, day, tzinfo=UTC), **about})


class World:
    def __init__(self, root: Path) -> None:
        self.root, self.private = root, new_signing_key()
        self.directory, self.outside, self.public = root / "audit", root / "outside", root / "approval.pub"
        publish_signing_key(self.public, self.private)
        self._noon, self._written = datetime.now(UTC).replace(hour=12), 0
        self.keys = SqliteSubjectKeys(root / "keys.db")
        self.log = self.opened()

    def opened(self) -> FileAuditLog:
        signatures = StateRootSignatures(self.private, self.public)
        log = FileAuditLog(self.directory, FileLocks(self.root / "locks"), self.keys, signatures, self.outside)
        log._now = self._now  # type: ignore[method-assign]
        return log

    def _now(self) -> datetime:
        """Each a second later, all of one day: at midnight the log would begin another file."""
        self._written += 1
        return self._noon + timedelta(seconds=self._written)

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


def test_the_newest_entries_are_read_first_and_no_day_before_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([datetime(2026, 1, day, 12, tzinfo=UTC) for day in (1, 2, 3)])
    now = next(clock)
    monkeypatch.setattr(world.log, "_now", lambda: now)
    for day in (1, 2, 3):
        world.log.append([event(day, what=f"{day} first"), event(day, what=f"{day} last")])
        now = next(clock, now)
    (world.directory / "2026-01-01.jsonl").write_text("no entry\n")
    newest = world.log.newest(datetime(2026, 1, 1).date())
    assert [e.event.what for e in islice(newest, 3) if e.event] == ["3 last", "3 first", "2 last"]
    since = [e.event.what for e in world.log.newest(datetime(2026, 1, 3).date()) if e.event]
    assert since == ["3 last", "3 first"]
    with pytest.raises(DamagedStateError):
        list(newest)


def test_events_are_counted_by_day_and_kind_and_a_line_that_was_counted_is_not_read_again(world: World) -> None:
    first = datetime(2025, 1, 1).date()
    world.log.append([event(1), event(1, kind="use"), event(2, facts={"kind": "use", "at": "2020-01-01"})])
    assert world.log.tally(first) == {
        ("2026-01-01", "access"): 1,
        ("2026-01-01", "use"): 1,
        ("2026-01-02", "access"): 1,
    }
    with world.lines.open("r+b") as lines:  # what was counted is not looked at again
        lines.write(b"no entry")
    world.log.append([event(2, kind="use")])
    assert world.log.tally(datetime(2026, 1, 2).date()) == {("2026-01-02", "access"): 1, ("2026-01-02", "use"): 1}


def test_batches_are_counted_as_uses_and_by_how_many_predictions_came_after_a_time(world: World) -> None:
    leaves = b"".join(merkle.leaf_hash(bytes([n])) for n in range(3))
    for usecase in ("flight_delay", "flight_delay", "flight_arrivals"):
        made = PredictionBatch(usecase=usecase, table="predictions", size=3, root=merkle.root(leaves).hex(), columns={})
        world.log.append_batch(made, leaves)
    first, second, _ = world.log.entries()
    assert first.at
    assert second.at
    assert world.log.tally(first.at.date()) == {(first.day, "use"): 3}
    assert world.log.size() == 3
    assert world.log.answers_after("flight_delay", first.at - timedelta(days=2)) == 6
    assert world.log.answers_after("flight_delay", first.at) == 3
    assert world.log.answers_after("flight_delay", second.at) == 0
    wanted = Search(action="log_answers", usecase="flight_arrivals")
    found = find(world.log.entries(having=wanted.exact), wanted, Reading("aud", "auditor", "internal"))
    assert [(one.number, one.event.what) for one in found.entries if one.event] == [(2, "3 rows of table predictions")]


def test_events_whose_retention_is_over_are_counted_no_more(world: World) -> None:
    world.log.append([event(1), event(2, kind="decision")])
    first = datetime(2025, 1, 1).date()
    assert sum(world.log.tally(first).values()) == 2
    later = datetime.now(UTC) + timedelta(days=2)
    world.log.prune(later, lambda one: one.kind == "decision")
    assert world.log.tally(first) == {("2026-01-02", "decision"): 1}
    assert (world.log.forgotten(first), world.log.size()) == (1, 2)


def test_entries_that_cannot_have_a_value_are_not_opened(world: World) -> None:
    world.log.append([event(1, by="vera"), event(2, by='ol"ga 올가'), event(3, reason='"by":"vera"')])
    having = lambda **wanted: [e.number for e in world.log.entries(having=wanted) if e.event]  # noqa: E731
    assert having(by="vera") == [0]
    assert having(by='ol"ga 올가', kind="access") == [1]
    assert having(by="nobody") == []


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


def flipped(file: Path, at: int = 40) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(bytes(content))


def lines_of(file: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    file.write_bytes(b"".join(change(file.read_bytes().splitlines(keepends=True))))


@pytest.fixture
def signed(world: World) -> World:
    """Five events and a batch of seven predictions, signed, and one event that is not."""
    world.log.append([event(day) for day in (1, 2, 3)])
    leaves = b"".join(merkle.leaf_hash(bytes([n])) for n in range(7))
    about = {"usecase": "flight_delay", "table": "predictions", "columns": {}}
    world.log.append_batch(PredictionBatch(size=7, root=merkle.root(leaves).hex(), **about), leaves)
    world.log.checkpoint({})
    world.log.append([event(4), event(5)])
    world.log.checkpoint({})
    world.log.append([event(6)])
    return world


def run(world: World, *arguments: object) -> tuple[int, str]:
    """The verifier as an auditor runs it: its file alone, in a directory without anything of ours."""
    alone = world.root / "elsewhere"
    alone.mkdir(exist_ok=True)
    program = shutil.copy(str(verify_audit.__file__), alone)
    command = [sys.executable, "-I", program, *map(str, arguments)]
    done = subprocess.run(command, cwd=alone, capture_output=True, text=True, check=False, env={})
    return done.returncode, done.stdout + done.stderr


def faults(world: World, outside: bool = True) -> list[str]:
    keys = verify_audit.Keys([world.public])
    return verify_audit.verify(world.directory, keys, world.outside if outside else None)[0]


def test_what_was_altered_is_named(signed: World) -> None:
    day = signed.lines.stem
    assert faults(signed) == []
    altered: dict[str, tuple[str, Callable[[Path], None]]] = {
        f"{day}.jsonl line 2: entry 1 was changed": (f"{day}.jsonl", lambda f: lines_of(f, _second_by_eve)),
        f"{day}.jsonl: entry 1 was removed": (f"{day}.jsonl", lambda f: lines_of(f, lambda all_: [all_[0], *all_[2:]])),
        "line 3: entry 1 was moved behind entry 2": (
            f"{day}.jsonl", lambda f: lines_of(f, lambda all_: [all_[0], all_[2], all_[1], *all_[3:]]),
        ),
        f"{day}.jsonl: it was truncated: entries 4 to 6": (
            f"{day}.jsonl", lambda f: lines_of(f, lambda all_: all_[:4]),
        ),
        "line 7: it is no entry of this log: it was added": (
            f"{day}.jsonl", lambda f: lines_of(f, lambda all_: [*all_[:6], all_[2], all_[6]]),
        ),
        f"{day}.tree: leaf hash 1 was changed": (f"{day}.tree", flipped),
        f"{day}.leaves: the batch of entry 3": (f"{day}.leaves", flipped),
        "leaves from 0 on were truncated to 6": (f"{day}.leaves", lambda f: os.truncate(f, 6 * 32 + 5)),
        "checkpoints.jsonl: checkpoint 1": ("checkpoints.jsonl", flipped),
        "checkpoint 2 of": ("checkpoints.jsonl", lambda f: lines_of(f, lambda all_: all_[:1])),
    }  # fmt: skip
    for named, (file, alter) in altered.items():
        sound = (signed.directory / file).read_bytes()
        alter(signed.directory / file)
        assert any(named in fault for fault in faults(signed)), named
        (signed.directory / file).write_bytes(sound)
    assert faults(signed) == []


def test_every_byte_of_a_signed_entry_counts(signed: World) -> None:
    signed_entries = len(b"".join(signed.lines.read_bytes().splitlines(keepends=True)[:6]))
    sound = signed.lines.read_bytes()
    for at in range(0, signed_entries, 97):
        flipped(signed.lines, at)
        assert faults(signed), f"byte {at}"
        signed.lines.write_bytes(sound)


def test_entries_that_were_hashed_again_are_named_by_the_copy(signed: World) -> None:
    day, tree = signed.lines.stem, signed.lines.with_suffix(".tree")
    lines_of(signed.lines, _second_by_eve)
    tree.write_bytes(b"".join(map(merkle.leaf_hash, signed.lines.read_bytes().splitlines())))
    assert faults(signed) == [f"{day}.jsonl line 2: entry 1 was changed"]
    assert any("its root is not the signed one" in fault for fault in faults(signed, outside=False))


def test_only_the_copy_of_checkpoints_shows_that_a_log_was_made_again(signed: World) -> None:
    for file in signed.directory.iterdir():
        file.unlink()
    again = signed.opened()
    again.append([event(1), event(2)])
    with pytest.raises(DamagedStateError):
        again.checkpoint({})  # it was signed; the copy refuses it
    assert faults(signed, outside=False) == []
    assert any("the log was made again" in fault for fault in faults(signed))
    code, said = run(signed, signed.directory, "--keys", signed.public)
    assert (code, "looks as good" in said) == (0, True), "it says that it cannot know"
    code, said = run(signed, signed.directory, "--keys", signed.public, "--checkpoints", signed.outside)
    assert (code, "ALTERED: checkpoint 1" in said) == (1, True)


def test_approvals_and_releases_are_verified_with_the_log(world: World, tmp_path: Path) -> None:
    signatures = StateRootSignatures(world.private, world.public)
    rows: list[RecordedApproval] = []
    for name in ("verdict", "approved"):
        about = {"usecase": "flight_delay", "environment": "prod", "event": name, "by": "anna", "reason": "better"}
        of = {"version": 3, "artifact_hash": "ab", "verdict": "promote"}
        rows.append(approval_record.following(rows, signatures, **about, **of))
    approvals, releases = tmp_path / "approvals", tmp_path / "releases"
    directory = releases / "flight_delay" / "r0001"
    directory.mkdir(parents=True)
    approvals.mkdir()
    (directory / "model.onnx").write_bytes(bytes(100))
    release.seal(directory, {"usecase": "flight_delay"})
    payload = signed_files.statement("r0001", {"model.onnx": sha256(directory / "model.onnx")}, [])
    envelope = directory / "release.dsse.json"
    envelope.write_text(signed_files.envelope(payload, signatures.sign))
    record = approvals / "flight_delay.jsonl"
    record.write_text("".join(json.dumps(row.json_dict()) + "\n" for row in rows))
    world.log.append([event(1)])
    manifest = sha256(directory / "release.json")
    world.log.checkpoint(
        {"approvals/flight_delay": f"2:{rows[1].content_hash}", "releases/flight_delay/r0001": manifest}
    )

    def found() -> list[str]:
        return verify_audit.verify(
            world.directory, verify_audit.Keys([world.public]), world.outside, approvals, releases
        )[0]

    assert found() == []
    for file, named in {
        record: "approvals of flight_delay: entry",
        directory / "release.json": "release flight_delay/r0001: release.json",
        envelope: "release flight_delay/r0001: release.dsse.json",
        directory / "model.onnx": "release flight_delay/r0001: model.onnx was changed",
    }.items():
        sound = file.read_bytes()
        for at in {*range(0, len(sound), 31), *_ends_of_base64(sound)}:
            flipped(file, at)
            assert any(named in fault for fault in found()), f"byte {at} of {file.name}"
            file.write_bytes(sound)
    lines_of(record, lambda all_: all_[:1])
    assert found() == ["approvals of flight_delay: it was truncated: a checkpoint names entry 2"]


def _ends_of_base64(content: bytes) -> list[int]:
    """The last letters of encoded texts, which have bits that decoding ignores."""
    return [match.start() - 1 for match in re.finditer(rb"=+\"", content)]


def _second_by_eve(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b'"by":"olga"', b'"by":"eve"'), *lines[2:]]
