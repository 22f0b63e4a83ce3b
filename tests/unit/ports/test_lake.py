"""What every lake answers to a filter, whichever adapter stands behind the port."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from include.adapters.lake import DeltaLake
from include.contracts.tables import RowFilter
from include.errors import NotFoundError
from include.ports.lake import Lake
from tests.unit.fakes.lake import MemoryLake

LAKES: dict[str, Callable[[Path], Lake]] = {"delta": DeltaLake, "memory": lambda root: MemoryLake()}
DAYS = (3, 1, 4, 2, 5)


@pytest.fixture(params=LAKES)
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """Five rows of two periods, each in a file of its own."""
    lake = LAKES[request.param](tmp_path)
    for day in DAYS:
        lake.append("cats", "log", pa.table({"period": [f"2013-0{1 + day % 2}"], "at": [moment(day)], "day": [day]}))
    return lake


def moment(day: int) -> datetime:
    return datetime(2013, 1, day, tzinfo=UTC)


def days(lake: Lake, **wanted: object) -> list[int]:
    return lake.select("cats", "log", RowFilter(**wanted))["day"].to_pylist()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"order": ["at"]}, [1, 2, 3, 4, 5]),
        ({"order": ["period", "at"]}, [2, 4, 1, 3, 5]),
        ({"order": ["at"], "newest": 2}, [4, 5]),
        ({"order": ["at"], "newest": 0}, []),
        ({"order": ["at"], "newest": 9, "at_least": {"at": moment(4)}}, [4, 5]),
        ({"order": ["at"], "periods": ["2013-02"]}, [1, 3, 5]),
        ({"order": ["at"], "periods": ["2013-02"], "newest": 1}, [5]),
        ({"periods": []}, []),
        ({"periods": ["2014-01"], "order": ["at"], "newest": 1}, []),
        ({"order": ["at"], "equal": {"day": [2, 3, 9]}}, [2, 3]),
        ({"equal": {"day": 4}}, [4]),
        ({"equal": {"day": []}}, []),
        ({"order": ["at"], "equal": {"period": "2013-02"}, "at_least": {"day": 2}, "newest": 2}, [3, 5]),
    ],
    ids=str,
)
def test_a_filter_gives_its_rows_in_its_order(lake: Lake, wanted: dict[str, object], found: list[int]) -> None:
    assert days(lake, **wanted) == found


def test_the_columns_that_are_wanted_come_with_their_types(lake: Lake) -> None:
    rows = lake.select("cats", "log", RowFilter(columns=["day", "at"], order=["at"], newest=1))
    assert rows.schema == pa.schema([("day", pa.int64()), ("at", pa.timestamp("us", tz="UTC"))])
    assert rows.to_pylist() == [{"day": 5, "at": moment(5)}]
    assert lake.select("cats", "log", RowFilter(columns=["at"], periods=[])).schema.names == ["at"]


def test_a_column_that_came_later_is_empty_before(lake: Lake) -> None:
    lake.append("cats", "log", pa.table({"period": ["2013-03"], "day": [6], "note": ["new"]}))
    assert days(lake, equal={"note": "new"}) == [6]
    rows = lake.select("cats", "log", RowFilter(periods=["2013-01"], columns=["note"]))
    assert rows.to_pylist() == [{"note": None}] * 2


def test_known_columns_and_orders_are_those_that_the_table_has(lake: Lake) -> None:
    wanted = RowFilter(columns=["note", "day"], order=["note", "at"], newest=1, known=True)
    assert lake.select("cats", "log", wanted).to_pylist() == [{"day": 5}]
    with pytest.raises(Exception, match="note"):
        lake.select("cats", "log", RowFilter(columns=["note"]))


def test_rows_of_one_period_are_replaced(lake: Lake) -> None:
    lake.publish("cats", "log", pa.table({"day": [7]}), "2013-01")
    assert days(lake, order=["day"]) == [1, 3, 5, 7]
    assert lake.periods("cats", "log") == ["2013-01", "2013-02"]


def test_equal_rows_of_one_commit_keep_their_order(lake: Lake) -> None:
    rows = pa.table({"period": ["2013-03"] * 4, "at": [moment(9)] * 4, "day": [8, 6, 9, 7]})
    lake.append("cats", "log", rows)
    assert days(lake, order=["at"], periods=["2013-03"]) == [8, 6, 9, 7]
    assert days(lake, order=["at"], newest=2) == [9, 7]


def test_a_table_that_is_not_there_is_named(lake: Lake) -> None:
    with pytest.raises(NotFoundError, match=r"no table cats\.dogs"):
        lake.select("cats", "dogs", RowFilter())


def test_a_table_has_no_old_stamp_after_a_commit(lake: Lake, tmp_path: Path) -> None:
    if isinstance(lake, DeltaLake):
        os.utime(tmp_path / "cats" / "log" / "_delta_log", (9, 9))  # the last commit is long ago
    before = lake.stamp("cats", "log")
    assert before == lake.stamp("cats", "log") != ""
    lake.append("cats", "log", pa.table({"period": ["2013-03"], "at": [moment(6)], "day": [6]}))
    assert lake.stamp("cats", "log") != before
    assert lake.stamp("cats", "nothing") == lake.stamp("cats", "nothing") != before
