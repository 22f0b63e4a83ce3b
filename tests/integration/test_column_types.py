"""What the lake stores is what was hashed, whatever a column's type was in the period before."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.adapters.lake import DeltaLake
from include.contracts.period import Period
from include.contracts.tables import RowFilter
from include.errors import DataError
from include.formats.content import content_hash

pytestmark = pytest.mark.integration
JANUARY, FEBRUARY = Period("2013-01"), Period("2013-02")


def column(kind: pa.DataType, *values: Any) -> pa.Table:
    return pa.table({"seats": pa.array(values, kind)})


def given(rows: pa.Table, home: Path, as_file: bool) -> pa.Table | Path:
    if not as_file:
        return rows
    pq.write_table(rows, home / "given.parquet")
    return home / "given.parquet"


@pytest.mark.parametrize("as_file", [False, True])
def test_a_column_type_that_changes_between_periods_is_refused_and_nothing_is_written(
    tmp_path: Path, as_file: bool
) -> None:
    lake = DeltaLake(tmp_path / "lake")
    before = lake.publish("u", "t", column(pa.int64(), 1, 2), JANUARY)
    for other in (column(pa.float64(), 1.5), column(pa.float64(), 7.0), column(pa.string(), "007")):
        with pytest.raises(DataError, match=r"u\.t period 2013-02: .*seats \(.*, in the table int64\)"):
            lake.publish("u", "t", given(other, tmp_path, as_file), FEBRUARY)
        with pytest.raises(DataError, match=r"u\.t: .*seats \(.*, in the table int64\)"):
            lake.append("u", "t", other.append_column("period", pa.array(["2013-02"])))
    assert (lake.version("u", "t"), lake.periods("u", "t")) == (before.version, [JANUARY])


@pytest.mark.parametrize("as_file", [False, True])
@pytest.mark.parametrize(
    ("first", "second", "stored"),
    [
        (column(pa.int32(), 1, 2), column(pa.int64(), 2**40), pa.int64()),
        (column(pa.int64(), 2**40), column(pa.int32(), 1, 2), pa.int64()),
        (column(pa.float32(), 0.1), column(pa.float64(), 0.1), pa.float64()),
        (column(pa.null(), None), column(pa.string(), "a"), pa.string()),
        (column(pa.null(), None), column(pa.timestamp("us", "UTC"), 1), pa.timestamp("us", "UTC")),
        (column(pa.null(), None), column(pa.timestamp("us"), datetime(2013, 1, 1)), pa.timestamp("us")),
        (column(pa.string(), "a"), column(pa.null(), None), pa.string()),
    ],
)
def test_a_widened_column_keeps_every_value_and_the_hash_of_what_is_stored(
    tmp_path: Path, first: pa.Table, second: pa.Table, stored: pa.DataType, as_file: bool
) -> None:
    lake = DeltaLake(tmp_path / "lake")
    refs = [
        lake.publish("u", "t", given(rows, tmp_path, as_file), period)
        for rows, period in ((first, JANUARY), (second, FEBRUARY))
    ]
    back = lake.select("u", "t", RowFilter(order=["period"]))
    assert back.schema.field("seats").type == stored
    assert back["seats"].to_pylist() == [*first["seats"].to_pylist(), *second["seats"].to_pylist()]
    for ref, period in zip(refs, (JANUARY, FEBRUARY), strict=True):
        assert content_hash(lake.read("u", "t", [period], ref.version)) == ref.content_hash
        lake.pinned("u", "t", {period: ref}, again=True)
    again = lake.publish("u", "t", given(second, tmp_path, as_file), FEBRUARY)
    assert again == refs[1], "the same rows are not written again"


@pytest.mark.parametrize("as_file", [False, True], ids=["table", "file"])
def test_a_column_without_any_value_takes_the_type_of_the_table(tmp_path: Path, as_file: bool) -> None:
    lake, moment = DeltaLake(tmp_path / "lake"), datetime(2013, 1, 1, tzinfo=UTC)
    lake.publish("u", "t", pa.table({"n": [2**60], "s": ["007"], "t": [moment]}), JANUARY)
    nothing = pa.table({name: pa.nulls(2, pa.float64()) for name in "nst"})
    lake.publish("u", "t", given(nothing, tmp_path, as_file), FEBRUARY)
    lake.append("u", "t", nothing.append_column("period", pa.array(["2013-03"] * 2)))
    assert lake.schema("u", "t").types[:3] == [pa.int64(), pa.string(), pa.timestamp("us", "UTC")]
    assert sorted(lake.read("u", "t")["n"].to_pylist(), key=str) == [2**60, None, None, None, None]


def test_rows_that_are_added_widen_a_column_too(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path)
    for rows in (column(pa.null(), None), column(pa.int32(), 1), column(pa.int64(), 2**40)):
        lake.append("u", "t", rows.append_column("period", pa.array(["2013-01"])))
    assert sorted(lake.read("u", "t").drop_null()["seats"].to_pylist()) == [1, 2**40]
    assert lake.delete("u", "t", "seats = 1") == 1
    assert sorted(lake.read("u", "t").drop_null()["seats"].to_pylist()) == [2**40]


def test_what_delta_does_not_take_is_our_own_error_and_leaves_no_table(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path)
    for rows in (
        column(pa.time64("us"), 1),
        column(pa.uint64(), 2**64 - 1),
        column(pa.timestamp("ns"), 1001),
        pa.table({"a": [1], "A": [2]}),
    ):
        with pytest.raises(DataError, match=r"^u\.t"):
            lake.publish("u", "t", rows, JANUARY)
        with pytest.raises(DataError, match=r"^u\.t"):
            lake.append("u", "t", rows.append_column("period", pa.array(["2013-01"])))
    assert lake.tables("u") == []


def test_a_table_that_cannot_be_opened_is_our_own_error(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path)
    lake.publish("u", "t", column(pa.int64(), 1), JANUARY)
    for log in ("_delta_log/00000000000000000000.json", "_log_copies/00000000000000000000.json.good"):
        (tmp_path / "u" / "t" / log).unlink()
    with pytest.raises(DataError, match=r"u\.t \(.*\) cannot be opened"):
        lake.read("u", "t")
