"""The lake and the snapshots on it: atomic, pinned, repeatable, safe against a kill and against other writers."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from include.adapters.lake import DeltaLake
from include.adapters.lake import rows as rows_of
from include.adapters.lake.table import Table
from include.contracts.period import Period
from include.contracts.tables import RowFilter
from include.data import staging as stage
from include.data import versioning
from include.errors import DataError, NotFoundError
from include.formats.content import content_hash
from include.settings import ROOT
from include.specification.loader import load_usecase
from tests.integration.state_fixtures import snapshots_in

pytestmark = pytest.mark.integration
SPEC, MAY = load_usecase("flight_delay"), Period("2013-05")


def rows(*values: float) -> pa.Table:
    return pa.table({"name": [f"row {v}" for v in values], "value": pa.array(values, pa.float64())})


def staged(home: Path, **tables: pa.Table) -> Path:
    stage.replace(home / "staging", stage.TABLES, tables)
    stage.mark_passed(home / "staging")
    return home / "staging"


def publish(home: Path, **tables: pa.Table) -> versioning.SnapshotRef:
    return versioning.publish(SPEC, MAY, staged(home, **tables), DeltaLake(home / "lake"), snapshots_in(home))


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


def test_a_file_is_published_as_the_table_that_it_holds(tmp_path: Path) -> None:
    lake, file = DeltaLake(tmp_path / "lake"), tmp_path / "t.parquet"
    many = pa.table({"n": range(200_000), "at": pa.array(range(200_000), pa.timestamp("ms", "America/New_York"))})
    pq.write_table(many, file, row_group_size=70_000)
    published = lake.publish("u", "t", file, "2013-01")
    assert (published.version, published.rows) == (1, 200_000)
    assert lake.publish("u", "t", many.take(pa.array(range(199_999, -1, -1))), "2013-01") == published
    stored = lake.read("u", "t", ["2013-01"]).drop_columns(["period"])
    assert content_hash(stored) == published.content_hash
    assert stored.schema.field("at").type == pa.timestamp("us", "UTC")


def test_a_file_that_cannot_be_published_is_named(tmp_path: Path) -> None:
    lake, broken = DeltaLake(tmp_path / "lake"), tmp_path / "broken.parquet"
    with pytest.raises(NotFoundError, match=r"u\.t period 2013-01: there is no file .*broken\.parquet"):
        lake.publish("u", "t", broken, "2013-01")
    broken.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"broken\.parquet is not a Parquet file"):
        lake.publish("u", "t", broken, "2013-01")
    assert lake.tables("u") == []


def test_what_a_table_is_can_be_asked_without_reading_it(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path)
    first = lake.publish("u", "t", rows(1), "2013-01")
    lake.publish("u", "t", rows(2), "2013-02")
    assert (lake.tables("u"), lake.tables("nobody")) == (["t"], [])
    assert lake.schema("u", "t").names == ["name", "value", "period"]
    assert len(lake.files("u", "t")) == 2
    assert len(lake.files("u", "t", version=first.version)) == 1
    assert lake.files("u", "t", []) == []
    _, oldest, newest = lake.describe("u", "t").commits
    assert (newest.version, newest.period, oldest.content_hash) == (2, "2013-02", first.content_hash)


def test_deleted_rows_are_gone_for_good_after_a_vacuum(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path)
    before = lake.publish("u", "t", rows(1, 2, 3), "2013-01")
    assert lake.delete("u", "t", "value >= 2") == 2
    assert lake.read("u", "t")["value"].to_pylist() == [1]
    assert lake.read("u", "t", version=before.version).num_rows == 3, "until the vacuum"
    assert lake.vacuum("u", "t") == 1
    with pytest.raises(NotFoundError, match="t version 1: 1 of its 1 files were vacuumed"):
        lake.read("u", "t", version=before.version)
    with pytest.raises(DataError, match=r"the predicate cannot be evaluated; its columns are \['name'"):
        lake.delete("u", "t", "salary > 2")


def test_a_kept_period_does_not_keep_the_others(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path)
    january = [lake.publish("u", "t", rows(value), "2013-01") for value in range(3)]
    february = lake.publish("u", "t", rows(7), "2013-02")
    lake.publish("u", "t", rows(3), "2013-01")
    keep = [(Period("2013-01"), january[1]), (Period("2013-02"), february)]
    (tmp_path / "u" / "t" / "part=2013-01" / "part-00000-of-a-killed-writer.parquet").write_text("")
    assert (lake.prune("u", "t", keep), lake.prune("u", "t", keep)) == (3, 0)
    assert lake.read("u", "t", ["2013-01"], january[1].version)["value"].to_pylist() == [1]
    assert lake.read("u", "t", ["2013-02"], february.version)["value"].to_pylist() == [7]
    with pytest.raises(NotFoundError, match="1 of its 1 files were vacuumed"):
        lake.read("u", "t", ["2013-01"], february.version)


def test_a_pinned_version_outlives_the_retention_of_the_log(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path)
    refs = [lake.publish("u", "t", rows(value), "2013-01") for value in range(3)]
    past = time.time() - 400 * 86_400
    for entry in (tmp_path / "u" / "t" / "_delta_log").iterdir():
        os.utime(entry, (past, past))
    delta = DeltaTable(str(tmp_path / "u" / "t"))
    delta.create_checkpoint()
    delta.cleanup_metadata()
    lake.prune("u", "t", [(Period("2013-01"), refs[0])])
    assert lake.read("u", "t", version=refs[0].version)["value"].to_pylist() == [0]


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
        writer.join(600)
    assert [writer.exitcode for writer in writers] == [0, 0]
    lake = DeltaLake(tmp_path)
    assert len(set(lake.read("u", "t")["value"].to_pylist())) == 1
    assert sorted(lake.read("u", "log")["writer"].to_pylist()) == [1] * 4 + [2] * 4


def test_a_snapshot_keeps_what_it_pinned(tmp_path: Path) -> None:
    first = publish(tmp_path, a=rows(1), b=rows(2))
    second = publish(tmp_path, a=rows(9), b=rows(2))
    lake = DeltaLake(tmp_path / "lake")
    assert versioning.snapshot(MAY, snapshots_in(tmp_path)) == second
    assert versioning.named(first.name, snapshots_in(tmp_path)) == first
    assert versioning.read(first, "a", lake)["value"].to_pylist() == [1]
    assert versioning.read(second, "a", lake)["value"].to_pylist() == [9]
    assert publish(tmp_path, a=rows(1), b=rows(2)).name == first.name
    with pytest.raises(NotFoundError, match="has no table 'c'; it has"):
        versioning.read(first, "c", lake)


def test_nothing_published_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="run the data pipeline"):
        versioning.snapshot("2013-05", snapshots_in(tmp_path))
    with pytest.raises(NotFoundError, match="nothing is published"):
        versioning.latest(snapshots_in(tmp_path))


KILLED = """
import os, signal, sys
from pathlib import Path
from include.adapters.lake import DeltaLake
from include.adapters.lake.table import Table
from include.contracts.period import Period
from include.data import versioning
from include.specification.loader import load_usecase
from tests.integration.state_fixtures import snapshots_in

class Mortal(DeltaLake):
    commits = 0
    def publish(self, *arguments):
        if Mortal.commits == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        Mortal.commits += 1
        return super().publish(*arguments)

home = Path(sys.argv[1])
lake = Mortal(home / "lake")
versioning.publish(load_usecase("flight_delay"), Period("2013-05"), home / "staging", lake, snapshots_in(home))
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
    assert versioning.snapshot(MAY, snapshots_in(tmp_path)) == before
    assert [versioning.read(before, t, lake)["value"].to_pylist() for t in "abc"] == [[1], [2], [3]]

    completed = versioning.publish(SPEC, MAY, tmp_path / "staging", lake, snapshots_in(tmp_path))
    assert [versioning.read(completed, t, lake)["value"].to_pylist() for t in "abc"] == [[10], [20], [30]]
    assert completed.name == publish(tmp_path, a=rows(10), b=rows(20), c=rows(30)).name


def test_a_reader_gets_the_next_version_when_its_files_are_replaced_and_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, opened = DeltaLake(tmp_path), rows_of.read

    def replaces_first(table: Table, wanted: RowFilter) -> pa.Table:
        if table.version == 1:
            data.publish("u", "t", pa.table({"a": [7]}), Period("2013-01"))
            data.vacuum("u", "t")
        return opened(table, wanted)

    data.publish("u", "t", pa.table({"a": [1]}), Period("2013-01"))
    monkeypatch.setattr(rows_of, "read", replaces_first)
    assert data.select("u", "t", RowFilter())["a"].to_pylist() == [7]


def test_a_table_that_is_just_being_made_is_none_yet(tmp_path: Path) -> None:
    (tmp_path / "u" / "t" / "_delta_log").mkdir(parents=True)
    assert DeltaLake(tmp_path).tables("u") == []


def test_what_a_killed_writer_left_goes_after_a_day(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path)
    lake.append("u", "log", pa.table({"period": ["2013-01"], "n": [1]}))
    unfinished = tmp_path / "u" / "log" / "part=2013-01" / "part-00000-unfinished.parquet"
    unfinished.write_text("")
    assert lake.vacuum("u", "log") == 0, "somebody may be writing it"
    yesterday = time.time() - 90_000
    os.utime(unfinished, (yesterday, yesterday))
    assert lake.vacuum("u", "log") == 1
    assert lake.read("u", "log")["n"].to_pylist() == [1]


def test_rows_come_in_batches_in_the_order_of_the_files_and_at_a_version(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path)
    some = pa.table({"n": range(150_000), "period": ["2013-01"] * 150_000})
    lake.append("u", "t", some)
    before = lake.version("u", "t")
    more = pa.table({"n": range(150_000, 300_000), "late": [0.5] * 150_000, "period": ["2013-01"] * 150_000})
    lake.append("u", "t", more)
    batches = list(lake.batches("u", "t", RowFilter(columns=["late", "n"])))
    assert max(batch.num_rows for batch in batches) <= rows_of.BATCH_ROWS
    together = pa.Table.from_batches(batches)
    assert together == lake.select("u", "t", RowFilter(columns=["late", "n"]))
    assert together["n"].to_pylist() == list(range(300_000))
    assert together["late"].null_count == 150_000
    bounded = lake.batches("u", "t", RowFilter(columns=["n"], at_least={"n": 149_990}), before)
    assert pa.Table.from_batches(bounded)["n"].to_pylist() == list(range(149_990, 150_000))
    assert not list(lake.batches("u", "t", RowFilter(periods=["2014-01"])))
    with pytest.raises(DataError, match="select\\(\\) orders rows"):
        lake.batches("u", "t", RowFilter(order=["n"]))
    with pytest.raises(NotFoundError):
        lake.batches("u", "none", RowFilter())
