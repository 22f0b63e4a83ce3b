"""The lake and the snapshots on it: atomic, pinned, repeatable, safe against a kill and against other writers."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from include.adapters.lake import DeltaLake
from include.contracts import Period
from include.data import staging as stage
from include.data import versioning
from include.errors import NotFoundError
from include.settings import ROOT
from include.usecase import load_usecase

pytestmark = pytest.mark.integration
SPEC, MAY = load_usecase("flight_delay"), Period(key="2013-05")


def rows(*values: float) -> pa.Table:
    return pa.table({"name": [f"row {v}" for v in values], "value": pa.array(values, pa.float64())})


def staged(home: Path, **tables: pa.Table) -> Path:
    stage.replace(home / "staging", stage.TABLES, tables)
    return home / "staging"


def publish(home: Path, **tables: pa.Table) -> versioning.SnapshotRef:
    return versioning.publish(SPEC, MAY, staged(home, **tables), DeltaLake(home / "lake"), home / "snapshots")


def test_one_month_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path)
    lake.publish("u", "t", rows(1, 2), "2013-01")
    lake.publish("u", "t", rows(3), "2013-02")
    replaced = lake.publish("u", "t", rows(4), "2013-01")
    assert sorted(lake.read("u", "t")["value"].to_pylist()) == [3, 4]
    assert lake.read("u", "t", ["2013-01"], version=replaced.version - 1)["value"].to_pylist() == [1, 2]
    assert lake.periods("u", "t") == ["2013-01", "2013-02"]
    assert lake.read("u", "t", ["2014-01"]).num_rows == 0


def test_the_same_rows_again_are_not_written_again(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path)
    first = lake.publish("u", "t", rows(1, 2, 3), "2013-01")
    assert lake.publish("u", "t", rows(3, 1, 2), "2013-01") == first


def test_a_column_may_come_later(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path)
    before = lake.publish("u", "t", rows(1), "2013-01")
    lake.publish("u", "t", rows(2).append_column("extra", pa.array([7])), "2013-02")
    assert lake.read("u", "t", ["2013-01"])["extra"].to_pylist() == [None]
    assert lake.publish("u", "t", rows(1), "2013-01").content_hash == before.content_hash


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path)
    with pytest.raises(NotFoundError, match=r"no table u\.t"):
        lake.read("u", "t")
    lake.publish("u", "t", rows(1), "2013-01")
    with pytest.raises(NotFoundError, match="no version 99; the newest is 1"):
        lake.read("u", "t", version=99)


def _write(root: Path, writer: int) -> None:
    lake = DeltaLake(root)
    for round_ in range(4):
        lake.publish("u", "t", rows(*[float(writer)] * (round_ + 1)), "2013-01")
        lake.append("u", "log", pa.table({"period": ["2013-01"], "writer": [writer]}))


def test_writers_of_one_month_leave_one_of_their_states(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path, number)) for number in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0, 0]
    lake = DeltaLake(tmp_path)
    assert len(set(lake.read("u", "t")["value"].to_pylist())) == 1
    assert sorted(lake.read("u", "log")["writer"].to_pylist()) == [1] * 4 + [2] * 4


def test_a_snapshot_keeps_what_it_pinned(tmp_path: Path) -> None:
    first = publish(tmp_path, a=rows(1), b=rows(2))
    second = publish(tmp_path, a=rows(9), b=rows(2))
    lake = DeltaLake(tmp_path / "lake")
    assert versioning.snapshot(MAY.key, tmp_path / "snapshots") == second
    assert versioning.named(first.name, tmp_path / "snapshots") == first
    assert versioning.read(first, "a", lake)["value"].to_pylist() == [1]
    assert versioning.read(second, "a", lake)["value"].to_pylist() == [9]
    assert publish(tmp_path, a=rows(1), b=rows(2)).name == first.name
    with pytest.raises(NotFoundError, match="has no table 'c'; it has"):
        versioning.read(first, "c", lake)


def test_nothing_published_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="run the data pipeline"):
        versioning.snapshot("2013-05", tmp_path)
    with pytest.raises(NotFoundError, match="nothing is published"):
        versioning.latest(tmp_path)


KILLED = """
import os, signal, sys
from pathlib import Path
from include.adapters.lake import DeltaLake
from include.contracts import Period
from include.data import versioning
from include.usecase import load_usecase

class Mortal(DeltaLake):
    commits = 0
    def publish(self, *arguments):
        if Mortal.commits == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        Mortal.commits += 1
        return super().publish(*arguments)

home = Path(sys.argv[1])
lake = Mortal(home / "lake")
versioning.publish(load_usecase("flight_delay"), Period(key="2013-05"), home / "staging", lake, home / "snapshots")
"""


@pytest.mark.parametrize("commits", [0, 1, 2])
def test_a_kill_between_commits_leaves_the_snapshot_before(tmp_path: Path, commits: int) -> None:
    before = publish(tmp_path, a=rows(1), b=rows(2), c=rows(3))
    staged(tmp_path, a=rows(10), b=rows(20), c=rows(30))
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(commits)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False, capture_output=True,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    lake = DeltaLake(tmp_path / "lake")
    assert versioning.snapshot(MAY.key, tmp_path / "snapshots") == before
    assert [versioning.read(before, t, lake)["value"].to_pylist() for t in "abc"] == [[1], [2], [3]]

    completed = versioning.publish(SPEC, MAY, tmp_path / "staging", lake, tmp_path / "snapshots")
    assert [versioning.read(completed, t, lake)["value"].to_pylist() for t in "abc"] == [[10], [20], [30]]
    assert completed.name == publish(tmp_path, a=rows(10), b=rows(20), c=rows(30)).name
