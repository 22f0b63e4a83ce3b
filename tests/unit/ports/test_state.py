"""What every store of small state and every kind of lock must do, whichever adapter stands behind the port."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Event

import pytest

from include.adapters.file_locks import FileLocks
from include.adapters.file_state import FileState
from include.errors import ConflictError, LockHeldError
from include.ports.state import ABSENT, Locks, StateStore
from tests.unit.fakes.state import MemoryLocks, MemoryState

STORES: dict[str, Callable[[Path], StateStore]] = {
    "files": lambda root: FileState(root, FileLocks(root)),
    "memory": lambda root: MemoryState(),
}
LOCKS: dict[str, Callable[[Path], Locks]] = {"files": FileLocks, "memory": lambda root: MemoryLocks()}
KEY, NAME = "releases/cats/rollout.json", "snapshots/cats/changing"


@pytest.fixture(params=STORES)
def state(request: pytest.FixtureRequest, tmp_path: Path) -> StateStore:
    return STORES[request.param](tmp_path)


@pytest.fixture(params=LOCKS)
def locks(request: pytest.FixtureRequest, tmp_path: Path) -> Locks:
    return LOCKS[request.param](tmp_path)


def test_a_value_is_there_until_it_is_deleted(state: StateStore) -> None:
    assert state.get(KEY) is None
    state.put(KEY, "größer\n")
    assert state.get(KEY).text == "größer\n"
    state.delete(KEY)
    state.delete(KEY)
    assert state.get(KEY) is None


def test_only_the_version_that_was_read_is_replaced(state: StateStore) -> None:
    first = state.put(KEY, "1", expected=ABSENT)
    assert state.get(KEY).version == first
    second = state.put(KEY, "2", expected=first)
    for stale in (first, ABSENT):
        with pytest.raises(ConflictError, match=r"rollout\.json is at version"):
            state.put(KEY, "3", expected=stale)
    assert (state.get(KEY).text, state.get(KEY).version) == ("2", second)
    assert state.put(KEY, "4") != second


def test_a_value_that_was_deleted_is_absent_for_who_read_it(state: StateStore) -> None:
    version = state.put(KEY, "1")
    state.delete(KEY)
    with pytest.raises(ConflictError, match="is at version none"):
        state.put(KEY, "2", expected=version)
    assert state.put(KEY, "1", expected=ABSENT)


def test_of_many_writers_of_one_version_one_wins(state: StateStore) -> None:
    version = state.put(KEY, "0")

    def write(n: int) -> bool:
        try:
            state.put(KEY, f"writer {n}", expected=version)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(write, range(8)))
    assert won.count(True) == 1
    assert state.get(KEY).text == f"writer {won.index(True)}"


def test_keys_are_found_below_a_prefix(state: StateStore) -> None:
    assert state.keys("snapshots/cats") == []
    for key in ("snapshots/cats/b.json", "snapshots/cats/named/a.json", "snapshots/catsanddogs/c.json"):
        state.put(key, "{}", private=True)
    assert state.keys("snapshots/cats") == ["snapshots/cats/b.json", "snapshots/cats/named/a.json"]
    assert state.keys("snapshots/cats/named") == ["snapshots/cats/named/a.json"]


def test_a_stamp_changes_with_each_value_and_needs_no_reading(state: StateStore) -> None:
    assert (state.stamp(KEY), state.stamps("snapshots/cats")) == ("", {})
    for key in (
        "snapshots/cats/b.json",
        "snapshots/cats/a.json",
        "snapshots/cats/named/a.json",
        "snapshots/dogs/c.json",
    ):
        state.put(key, "{}")
    stamps = state.stamps("snapshots/cats")
    assert list(stamps) == ["snapshots/cats/a.json", "snapshots/cats/b.json"]
    assert stamps == {key: state.stamp(key) for key in stamps}
    state.put("snapshots/cats/b.json", "{}")
    changed = state.stamps("snapshots/cats")
    assert [key for key in stamps if changed[key] != stamps[key]] == ["snapshots/cats/b.json"]
    state.delete("snapshots/cats/a.json")
    assert list(state.stamps("snapshots/cats")) == ["snapshots/cats/b.json"]


def test_a_room_has_no_old_stamp_after_a_change(state: StateStore) -> None:
    room = "releases/cats"
    for change in (partial(state.put, KEY, "{}"), partial(state.put, KEY, "[]"), partial(state.delete, KEY)):
        if isinstance(state, FileState) and (state.root / room).exists():
            os.utime(state.root / room, (9, 9))  # the last change is long ago
        before = state.room_stamp(room)
        assert before == state.room_stamp(room) != ""
        change()
        assert state.room_stamp(room) != before


def test_a_file_that_is_gone_but_for_its_copy_has_no_stamp(tmp_path: Path) -> None:
    store = STORES["files"](tmp_path)
    store.put("snapshots/cats/a.json", "{}")
    (tmp_path / "snapshots/cats/a.json").unlink()
    assert store.stamps("snapshots/cats") == {"snapshots/cats/a.json": ""}


def test_a_value_lies_in_a_file_of_its_key(tmp_path: Path) -> None:
    store = STORES["files"](tmp_path)
    store.put(KEY, '{"a": 1}')
    store.put("privacy/cats/erasing", "[]", private=True)
    kept = json.loads((tmp_path / KEY).read_text())
    assert (kept.pop("checksum")[:2], kept) == ("1:", {"a": 1})
    assert (tmp_path / "privacy/cats/erasing").stat().st_mode & 0o777 == 0o600
    assert str(store) == str(tmp_path)


def test_an_exclusive_lock_keeps_everybody_out(locks: Locks) -> None:
    with locks.hold(NAME):
        for shared in (False, True):
            with pytest.raises(LockHeldError, match="changing is locked"), locks.hold(NAME, shared=shared, wait=0):
                pass
        words = "a publication runs"
        with pytest.raises(LockHeldError, match=words), locks.hold(NAME, wait=0, refusal=words):
            pass
        with locks.hold("snapshots/dogs/changing", wait=0):
            pass
    with locks.hold(NAME, wait=0):
        pass


def test_shared_locks_keep_exclusive_ones_out(locks: Locks) -> None:
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(locks.hold(NAME, shared=True, wait=0))
        with pytest.raises(LockHeldError), locks.hold(NAME, wait=0.03):
            pass
    with locks.hold(NAME, wait=0):
        pass


@pytest.mark.parametrize("wait", [None, 30.0])
def test_who_waits_gets_the_lock_when_it_is_free(locks: Locks, wait: float | None) -> None:
    waiting = Event()

    def take() -> str:
        waiting.set()
        with locks.hold(NAME, wait=wait):
            return "taken"

    with ThreadPoolExecutor(1) as pool:
        with locks.hold(NAME):
            taken = pool.submit(take)
            assert waiting.wait(10)
            assert not taken.done()
        assert taken.result(10) == "taken"


def test_a_lock_is_freed_when_the_work_fails(locks: Locks) -> None:
    with pytest.raises(ZeroDivisionError), locks.hold(NAME):
        raise ZeroDivisionError
    with locks.hold(NAME, wait=0):
        pass


HOLDER = """
import sys, time
from pathlib import Path
from include.adapters.file_locks import FileLocks
with FileLocks(Path(sys.argv[1])).hold(sys.argv[2], lease=5.0):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_ends_with_its_holder_within_the_lease(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path), NAME]
    locks = FileLocks(tmp_path)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockHeldError), locks.hold(NAME, wait=0):
            pass
        holder.send_signal(signal.SIGKILL)
        with locks.hold(NAME, wait=5.0):
            pass
