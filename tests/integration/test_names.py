"""A user's names beside those of the platform: columns that SQL, files or the lake might take for their own."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.adapters.lake import DeltaLake
from include.adapters.scan.parquet import ParquetScan
from include.catalog.profile import profile
from include.contracts.period import Period
from include.contracts.quality import Check
from include.contracts.tables import RowFilter, SnapshotRef
from include.data import late_data
from include.data.difference import compare
from include.deployment import batch_scoring
from include.errors import DataError
from include.specification.data import Source
from include.specification.loader import load_usecase

pytestmark = pytest.mark.integration
SPEC, MONTH = load_usecase("flight_delay"), Period("2013-01")
NAMES = [
    "h", "t", "n", "v", "a", "b", "k", "old", "new", "gone", "bin", "side", "here", "before", "after", "there", "typed",
    "given", "digest", "share", "day", "rows", "hash", "row", "name", "names", "content", "reasons", "wanted", "held",
    "copy", "copies", "differ", "same", "marked", "meeting", "grouped", "broken", "accepted", "repeated0", "top",
    "bins", "frame", "events", "matched", "view_0", "filename", "rowid", "files", "order", "select", "group by", 'a"b',
    "a'b", "a:b", "a.b", "{x}", "%s", "$1", "été",
]  # fmt: skip


def hostile(shift: int = 0) -> pa.Table:
    columns = {name: [f"{i % 3}{name}" for i in range(12)] for name in NAMES}
    times = pd.date_range("2013-01-01", periods=12, tz="UTC").as_unit("us")
    return pa.table(
        {"flight_id": [f"f{i + shift}" for i in range(12)], **columns, "at": times, "x": range(shift, 12 + shift)}
    )


@pytest.fixture
def lake(tmp_path: Path) -> DeltaLake:
    return DeltaLake(tmp_path / "lake")


def test_names_of_the_platform_and_of_sql_are_compared_like_any_other(lake: DeltaLake) -> None:
    refs = [lake.publish(SPEC.name, "events", rows, MONTH) for rows in (hostile(), hostile(2))]
    before, after = (
        SnapshotRef(usecase=SPEC.name, period=MONTH, name=str(i), tables={"events": r}) for i, r in enumerate(refs)
    )
    found = compare(SPEC, lake, before, after)[0]
    assert (found.added, found.removed, found.key) == (2, 2, ["flight_id"])
    assert {*NAMES} <= {*found.psi}
    planes = [
        lake.publish(SPEC.name, "planes", rows.drop_columns("flight_id"), MONTH) for rows in (hostile(), hostile(2))
    ]
    before, after = (
        SnapshotRef(usecase=SPEC.name, period=MONTH, name=str(i), tables={"planes": r}) for i, r in enumerate(planes)
    )
    assert compare(SPEC, lake, before, after)[0].added == 12


def test_names_of_the_platform_and_of_sql_are_stored_read_and_described_like_any_other(lake: DeltaLake) -> None:
    ref = lake.publish(SPEC.name, "events", hostile(), MONTH)
    rows = lake.read(SPEC.name, "events", [MONTH])
    assert rows.drop_columns("period").sort_by("x").to_pylist() == hostile().to_pylist()
    assert lake.publish(SPEC.name, "events", hostile(), MONTH) == ref
    for name in NAMES:
        wanted = RowFilter(equal={name: f"1{name}"}, order=[name, "x"], newest=2)
        assert lake.select(SPEC.name, "events", wanted)["x"].to_pylist() == [7, 10]
    described = {column.name: column for column in profile(lake.describe(SPEC.name, "events"), ())}
    assert all(len(described[name].top) == 3 for name in NAMES)
    read = pa.Table.from_batches(batch_scoring.read(lake.files(SPEC.name, "events", [MONTH]), NAMES, 5))
    assert read.column_names == NAMES


@pytest.mark.parametrize("values", [["2013-02"], [None], [7]])
@pytest.mark.parametrize("as_file", [True, False])
def test_a_published_column_period_is_not_dropped_silently(
    lake: DeltaLake, tmp_path: Path, values: list, as_file: bool
) -> None:
    rows = pa.table({"period": values, "x": [1]})
    pq.write_table(rows, tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"flight_delay.events period 2013-01: 1 rows have another value .* 'period'"):
        lake.publish(SPEC.name, "events", tmp_path / "t.parquet" if as_file else rows, MONTH)
    assert lake.publish(SPEC.name, "events", rows.set_column(0, "period", [["2013-01"]]), MONTH).rows == 1


@pytest.mark.parametrize("names", [["K", "k"], ["Period", "x"], ["__row", "x"], ["", "x"], ["file_row_number", "x"]])
def test_names_that_sql_would_confuse_are_not_published(lake: DeltaLake, names: list[str]) -> None:
    with pytest.raises(DataError, match="rename the columns where the table is made"):
        lake.publish(SPEC.name, "events", pa.table([[1], [2]], names=names), MONTH)


def test_names_of_the_platform_and_of_sql_are_checked_like_any_other(tmp_path: Path) -> None:
    pq.write_table(hostile(), tmp_path / "t.parquet")
    keys = {"column_list": [*NAMES[:8], "flight_id"]}
    checks = [
        *(_check(name, "expect_column_values_to_be_unique", column=name) for name in NAMES),
        _check("key", "expect_compound_columns_to_be_unique", **keys),
    ]
    scan = ParquetScan()
    assert [outcome.unexpected for outcome in scan.outcomes(tmp_path / "t.parquet", checks)] == [12] * len(NAMES) + [0]
    failing = scan.failing(tmp_path / "t.parquet", checks[:1], (), 5)
    assert scan.remove(tmp_path / "t.parquet", failing["row"].to_pylist()) == 5


def _check(name: str, kind: str, **kwargs: object) -> Check:
    return Check(id=name, type=kind, kwargs=kwargs, severity="block", table="t", dimension="")


@pytest.mark.parametrize("time", ["day", "rows", "hash", "at"])
def test_late_rows_are_counted_whatever_the_columns_are_called(tmp_path: Path, time: str) -> None:
    columns = dict.fromkeys(NAMES, "string") | {time: "timestamp"}
    source = Source(connector="own", columns=columns, key=["h"], time=time)
    rows = hostile().select(NAMES)
    rows = rows.drop_columns(time) if time in NAMES else rows
    pq.write_table(rows.append_column(time, hostile()["at"]), tmp_path / "t.parquet")
    days = late_data.tally(tmp_path / "t.parquet", source)
    assert [count for count, _ in days.values()] == [1] * 12
    assert len({digest for _, digest in days.values()}) == 12
