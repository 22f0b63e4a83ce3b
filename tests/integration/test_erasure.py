"""A subject's rows leave the files of every version of a real lake, whatever is pinned."""

from pathlib import Path

import pyarrow as pa
import pytest

from include.adapters.lake import DeltaLake
from include.contracts.tables import SnapshotRef, TableRef
from include.data.manifests import Snapshots
from include.governance import erasure
from include.governance.mentions import Mentions
from include.governance.traces import Matcher, search
from tests.integration.state_fixtures import snapshots_in

pytestmark = pytest.mark.integration
MINE, THEIRS = "N14228-of-mine", "N24211-of-theirs"


def _snapshot(ref: TableRef, period: str, name: str, snapshots: Snapshots) -> None:
    manifest = SnapshotRef(usecase="u", period=period, name=name, tables={"t": ref})
    snapshots.keep(manifest)
    snapshots.replace(f"{period}.json", manifest)


def _rewrite(lake: DeltaLake, snapshots: Snapshots) -> list[erasure.Changed]:
    return erasure.LakeRewrite("u", lake, snapshots, Mentions([MINE], "tail").without, "a subject was erased").run()


def test_a_pinned_month_does_not_keep_another_months_old_rows_on_disk(tmp_path: Path) -> None:
    lake, snapshots = DeltaLake(tmp_path / "lake"), snapshots_in(tmp_path, "u")
    lake.publish("u", "t", pa.table({"tail": [MINE, THEIRS]}), "2013-01")
    february = lake.publish("u", "t", pa.table({"tail": [THEIRS]}), "2013-02")  # this version has January as it was
    january = lake.publish("u", "t", pa.table({"tail": [THEIRS]}), "2013-01")
    _snapshot(february, "2013-02", "feb", snapshots)
    _snapshot(january, "2013-01", "jan", snapshots)
    assert search(tmp_path / "lake", Matcher([MINE]), ["tail"])
    assert _rewrite(lake, snapshots) == [], "no row that a snapshot names is the subject's"
    assert search(tmp_path / "lake", Matcher([MINE]), ["tail"]) == []
    for ref, period in ((february, "2013-02"), (january, "2013-01")):
        assert lake.read("u", "t", [period], ref.version)["tail"].to_pylist() == [THEIRS]


def test_rows_that_nobody_pins_go_and_a_writer_of_them_is_not_disturbed(tmp_path: Path) -> None:
    lake, snapshots = DeltaLake(tmp_path / "lake"), snapshots_in(tmp_path, "u")
    lake.append("u", "log", pa.table({"tail": [MINE, THEIRS], "period": ["2013-01"] * 2}))
    begun = tmp_path / "lake" / "u" / "log" / "part=2013-01" / "part-00000-not-yet-committed.parquet"
    begun.write_text("")
    assert _rewrite(lake, snapshots) == [erasure.Changed("lake/log", 2, 1)]
    assert search(tmp_path / "lake", Matcher([MINE]), ["tail"]) == []
    assert begun.exists()
