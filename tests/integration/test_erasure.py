"""A subject's rows leave the files of every version of a real lake, whatever is pinned."""

from pathlib import Path

import pyarrow as pa
import pytest

from include.adapters.lake import DeltaLake
from include.contracts.period import Period
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


def test_a_person_goes_from_merged_files_and_from_older_snapshots_of_their_days(tmp_path: Path) -> None:
    """Files of two months were merged in turn; older contents of days are pinned by snapshots that are not current."""
    lake, snapshots = DeltaLake(tmp_path / "lake"), snapshots_in(tmp_path, "u")
    days = Period.between(Period("2013-01-30"), Period("2013-02-03"))
    contents = {"old": [MINE, THEIRS, THEIRS], "new": [THEIRS, MINE]}
    for name, tails in contents.items():
        for day in days:
            ref = lake.publish("u", "t", pa.table({"tail": tails, "day": [str(day)] * len(tails)}), day)
            _snapshot(ref, day, f"{day}-{name}", snapshots)
        lake.publish("u", "t", pa.table({"tail": [THEIRS], "day": ["of March"]}), Period("2013-03-01"))
        lake.compact("u", "t")
    lake.prune("u", "t", [(one.period, one.tables["t"]) for one in snapshots.all_named()])
    assert _rewrite(lake, snapshots) == [erasure.Changed("lake/t", 11, 6)]
    assert search(tmp_path / "lake", Matcher([MINE]), ["tail"]) == []
    assert _rewrite(lake, snapshots) == [], "it is done"
    for name, tails in contents.items():
        for day in days:
            rows = lake.read_pinned("u", "t", {day: snapshots.named(f"{day}-{name}").tables["t"]})
            assert rows["tail"].to_pylist() == [tail for tail in tails if tail != MINE]
            assert set(rows["day"].to_pylist()) == {str(day)}
    for day in days:
        assert snapshots.current(day) == snapshots.named(f"{day}-new")
        assert lake.read("u", "t", [day]).num_rows == 1, "the newest version is what is current"


def test_rows_that_nobody_pins_go_and_a_writer_of_them_is_not_disturbed(tmp_path: Path) -> None:
    lake, snapshots = DeltaLake(tmp_path / "lake"), snapshots_in(tmp_path, "u")
    lake.append("u", "log", pa.table({"tail": [MINE, THEIRS], "period": ["2013-01"] * 2}))
    begun = tmp_path / "lake" / "u" / "log" / "part=2013-01" / "part-00000-not-yet-committed.parquet"
    begun.write_text("")
    assert _rewrite(lake, snapshots) == [erasure.Changed("lake/log", 2, 1)]
    assert search(tmp_path / "lake", Matcher([MINE]), ["tail"]) == []
    assert begun.exists()
