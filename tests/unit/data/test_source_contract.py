"""The contract of a source: what is read as what, and what is refused with its column and count."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from include.contracts.calendar import Calendar
from include.contracts.period import Period
from include.data import source_casts, source_contract, source_values
from include.errors import SourceError
from include.specification.data import Source

AT = datetime(2013, 3, 10, 9, 30, tzinfo=UTC)


def source(kind: str = "string", **changes: Any) -> Source:
    facts = {
        "connector": "file",
        "options": {"path": "here.csv"},
        "columns": {"id": "string", "x": kind},
        "key": ["id"],
    }
    return Source.model_validate(facts | changes)


def conformed(values: Any, kind: str, **changes: Any) -> list[Any]:
    batch = source_contract.as_batch({"id": ["a"] * len(values), "x": values})
    rows = source_contract.conform("here", "t", source(kind, **changes), batch, None)
    assert rows.schema == source_contract.schema(source(kind))
    return rows["x"].to_pylist()


@pytest.mark.parametrize(
    ("kind", "values", "read"),
    [
        ("string", ["a", None, ""], ["a", None, ""]),
        ("string", [1545, None], ["1545", None]),
        ("integer", ["2013", "2013.0", None, "-4"], [2013, 2013, None, -4]),
        ("integer", [1.0, float("nan")], [1, None]),
        ("integer", [Decimal(7)], [7]),
        ("integer", ["9007199254740993", "1.0"], [9007199254740993, 1]),
        ("number", ["10.357019999999999", "1e3", None], [10.357019999999999, 1000.0, None]),
        ("number", [1, 2.5, None], [1.0, 2.5, None]),
        ("number", [float("nan"), Decimal("1.5")], [None, 1.5]),
        ("boolean", ["true", "0", None], [True, False, None]),
        ("boolean", [1, 0], [True, False]),
        ("timestamp", ["2013-03-10T09:30:00Z", "2013-03-10 10:30:00+01:00", None], [AT, AT, None]),
        ("timestamp", [AT, None], [AT, None]),
        ("string", [], []),
        ("number", [None, None], [None, None]),
    ],
)
def test_values_are_read_as_agreed(kind: str, values: Any, read: Any) -> None:
    assert conformed(values, kind) == read


@pytest.mark.parametrize(
    ("kind", "values", "count"),
    [
        ("integer", ["1", "one", "1.5", None], 2),
        ("integer", [1.5, 2.0], 1),
        ("number", ["12 miles"] * 100 + ["3"], 100),
        ("number", [{"a": 1}, {"a": 2}], 2),
        ("boolean", [2, 1], 1),
        ("timestamp", ["2013-03-10T09:30:00Z", "yesterday Z"], 1),
        ("timestamp", [1362909000, 1362909001], 2),
    ],
)
def test_what_cannot_be_read_is_counted_and_not_shown(kind: str, values: Any, count: int) -> None:
    said = rf"here: column 'x': {count} of {len(values)} values cannot be read as {kind}.*'sources.t.columns.x'"
    with pytest.raises(SourceError, match=said) as caught:
        conformed(values, kind, without_zone="utc")
    assert not any(word in str(caught.value) for word in ("one", "miles", "yesterday", "1362909"))


@pytest.mark.parametrize("value", ["0x10", "0XFFFFFFFFFFFFFFFF", "1e99999999999999999999", "1e-99999999999999999999"])
@pytest.mark.parametrize("beside", ["1", "1.0", "1e3"])
def test_a_text_of_digits_that_is_no_integer_is_refused_whatever_is_beside_it(value: str, beside: str) -> None:
    with pytest.raises(SourceError, match="1 of 2 values cannot be read as integer, the first in row 2"):
        conformed([beside, value], "integer")


@pytest.mark.parametrize("values", [["2013-03-10 05:30:00"], [datetime(2013, 3, 10, 5, 30)], [date(2013, 3, 10)]])
def test_a_time_without_zone_is_refused_until_somebody_says_how_it_is_read(values: Any) -> None:
    said = (
        r"column 'x': 1 of 1 timestamps have no time zone.*'sources.t.without_zone' to utc, or to local for America/New"
    )
    with pytest.raises(SourceError, match=said):
        conformed(values, "timestamp", timezone="America/New_York")


def test_a_time_without_zone_is_read_as_said() -> None:
    naive = ["2013-03-10 05:30:00", "2013-03-10T09:30:00Z"]
    assert conformed(naive, "timestamp", without_zone="utc")[0] == datetime(2013, 3, 10, 5, 30, tzinfo=UTC)
    assert conformed(naive, "timestamp", without_zone="local", timezone="America/New_York") == [AT, AT]
    assert conformed([date(2013, 3, 1)], "timestamp", without_zone="utc") == [datetime(2013, 3, 1, tzinfo=UTC)]


def test_an_hour_that_the_clock_shows_twice_or_never_cannot_be_read() -> None:
    twice, never = "2013-11-03 01:30:00", "2013-03-10 02:30:00"
    with pytest.raises(SourceError, match="2 of 3 values cannot be read as timestamp"):
        conformed([twice, never, "2013-11-03 04:00:00"], "timestamp", without_zone="local", timezone="America/New_York")


def test_a_missing_column_is_named_and_so_are_the_unexpected() -> None:
    batch = source_contract.as_batch({"id": ["a"], "xx": [1]})
    with pytest.raises(
        SourceError, match=r"here lacks the columns \['x'\].*does not name are \['xx'\].*'sources.t.columns'"
    ):
        source_contract.conform("here", "t", source(), batch, None)


def test_an_empty_key_is_counted() -> None:
    batch = source_contract.as_batch({"id": ["a", None, None], "x": ["", "", ""]})
    with pytest.raises(SourceError, match="column 'id' is empty in 2 of 3 rows"):
        source_contract.conform("here", "t", source(), batch, None)


def test_extra_columns_are_left_behind_and_the_window_is_half_open() -> None:
    window = Calendar(every="month", timezone="America/New_York").window(Period("2013-03"))
    times = ["2013-03-01T04:59:59Z", "2013-03-01T05:00:00Z", "2013-04-01T03:59:59Z", "2013-04-01T04:00:00Z"]
    batch = source_contract.as_batch({"id": list("abcd"), "x": times, "secret": [1] * 4})
    timed = source("timestamp", time="x", timezone="America/New_York")
    rows = source_contract.conform("here", "t", timed, batch, window)
    assert rows.schema.names == ["id", "x"]
    assert rows["id"].to_pylist() == ["b", "c"]


def test_bad_values_of_other_months_do_not_matter() -> None:
    columns = {"id": "string", "at": "timestamp", "n": "integer"}
    timed = Source(connector="file", options={"path": "here.csv"}, columns=columns, key=["id"], time="at")
    times = ["2013-03-05T00:00:00Z", "2013-01-05T00:00:00Z"]
    batch = source_contract.as_batch({"id": ["a", "b"], "at": times, "n": ["1", "bad"]})
    rows = source_contract.conform(
        "here", "t", timed, batch, Calendar(every="month", timezone="UTC").window(Period("2013-03"))
    )
    assert rows["n"].to_pylist() == [1]


ID = UUID("12345678-1234-5678-1234-567812345678")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7.0, "7.0"), (7, "7"), (True, "true"), (2**70, str(2**70)), (b"1.10", "1.10"), (Decimal("0E-3"), "0.000"),
        ({"a": [b"1.10", None, True, "x"]}, '{"a": [1.10, null, true, "x"]}'), (ID, str(ID)),
        (date(2013, 3, 1), "2013-03-01"), (AT, "2013-03-10T09:30:00+00:00"), (np.int64(3), "3"),
        (pd.NA, None), (pd.NaT, None), (float("nan"), None), (np.datetime64("2013-03-01"), "2013-03-01"),
        (np.float32(0.5), "0.5"), (np.array([2, 1]), "[2, 1]"),
    ],
)  # fmt: skip
def test_a_value_becomes_text_by_itself_and_not_by_its_neighbours(value: Any, text: str | None) -> None:
    for neighbours in ([], ["x"], [1], [2.5], [None], [True], [{"b": 1}]):
        assert conformed([value, *neighbours], "string")[0] == text


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.binary(max_size=2), st.uuids(),
    st.decimals(places=2), st.datetimes(timezones=st.none() | st.just(UTC)), st.dates(),
    st.lists(st.integers(), max_size=2),
    st.sampled_from(["1", "1.0", "1e3", "true", "inf", "\ud800", "2013-03-10T09:30:00Z", "2013-03-10"]),
)  # fmt: skip


@given(SCALARS, st.lists(SCALARS, max_size=3), st.sampled_from(list(source_casts.TYPES)))
@example(5.341436114190229e16, [False], "integer")
def test_how_a_value_is_read_never_depends_on_its_neighbours(value: Any, neighbours: list[Any], kind: str) -> None:
    def read(values: list[Any]) -> Any:
        array = source_values.array(values)
        try:
            return source_casts.cast(array[:1], kind, source(without_zone="utc"))[0]
        except source_casts.IMPOSSIBLE:
            return "refused"

    alone, beside = read([value]), read([value, *neighbours])
    assert alone == beside or (not alone.is_valid and not beside.is_valid)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("string", [{"b", "a"}]), ("string", [frozenset("b")]), ("string", [np.timedelta64(1, "D")]),
        ("timestamp", [np.datetime64("2013-03")]),
        ("string", ["\ud800"]), ("string", [b"\xff"]), ("string", [timedelta(1)]), ("string", [object()]),
        ("integer", [True]), ("integer", [2**63]), ("integer", [AT]), ("integer", ["1e999999999"]), ("integer", [""]),
        ("integer", [5.341436114190229e16]), ("integer", ["5.341436114190229e+16"]), ("integer", [2.0**60]),
        ("number", [False]), ("number", [float("inf")]), ("number", ["Infinity"]), ("number", [b"1e400"]),
        ("number", [2**53 + 1]), ("number", ["9007199254740993"]), ("number", [Decimal("9007199254740993.0")]),
        ("number", [b"1e-400"]), ("number", ["-2e-324"]), ("number", [Decimal("1E-500")]),
        ("number", ["1e-" + "9" * 20]), ("integer", np.array([123456792], "f4")), ("integer", ["1e3.0"]),
        ("boolean", ["true.0"]), ("string", np.array([(1, 2)], "i4,i4")),
        ("timestamp", np.array(["2013-03-10T09"], "datetime64[h]")), ("string", np.array([1j])),
        ("boolean", [0.5]), ("timestamp", [0]), ("timestamp", ["0000-01-01"]),
        ("timestamp", pa.array([2**62], pa.timestamp("s"))), ("timestamp", pa.array([2**62], pa.date64())),
        ("timestamp", pa.array([2**40], pa.timestamp("s", "UTC"))), ("timestamp", pa.array([2**30], pa.date32())),
    ],
)  # fmt: skip
def test_a_cast_that_would_change_a_value_is_refused_with_its_row(kind: str, values: Any) -> None:
    with pytest.raises(SourceError, match=f"1 of 1 values cannot be read as {kind}, the first in row 1"):
        conformed(values, kind, without_zone="utc")


def test_of_a_time_only_the_digits_below_a_microsecond_are_cut() -> None:
    moment = datetime(1969, 12, 31, 23, 59, 59, 999999, UTC)
    assert conformed(pa.array([-1], pa.timestamp("ns", "UTC")), "timestamp") == [moment]
    assert conformed(["1969-12-31T23:59:59.999999999Z"], "timestamp") == [moment]
    assert conformed(["1969-12-31T23:59:59.999999999"], "timestamp", without_zone="utc") == [moment]


def test_a_number_near_zero_is_the_one_that_was_written() -> None:
    written = ["0", "0e-400", "-0.0", b"5e-324", "4.9406564584124654e-324", 2.2250738585072014e-308, Decimal("1E-310")]
    assert conformed(written, "number") == [0.0, 0.0, 0.0, 5e-324, 5e-324, 2.2250738585072014e-308, 1e-310]


def test_a_large_number_is_the_one_that_was_written() -> None:
    assert conformed(["9.9999999999999992e+22"], "number") == [1e23]
    assert conformed(np.array([2**24], "f4"), "integer") == [2**24]
    written = [2**60, "1e23", "12345678901234567000", Decimal(2**53), 1e16]
    assert conformed(written, "number") == [float(2**60), 1e23, 12345678901234567000.0, float(2**53), 1e16]
    assert conformed(["1e3", 1e16, b"-2E2"], "integer") == [1000, 10**16, -200]


@pytest.mark.parametrize("values", [pa.array([ID]), [ID], [ID, "x"]])
def test_a_uuid_is_its_36_characters(values: Any) -> None:
    assert conformed(values, "string")[0] == str(ID)


def test_the_row_of_a_fault_is_counted_over_the_whole_read_and_before_the_window_is_cut() -> None:
    window = Calendar(every="month", timezone="UTC").window(Period("2013-03"))
    columns = {"id": "string", "at": "timestamp", "n": "integer"}
    timed = Source(connector="file", options={"path": "here.csv"}, columns=columns, key=["id"], time="at")
    times = ["2013-01-05T00:00:00Z", "2013-03-05T00:00:00Z", "2013-03-06T00:00:00Z"]
    batch = source_contract.as_batch({"id": ["a", "b", None], "at": times, "n": ["1", "1", "1"]})
    with pytest.raises(SourceError, match="'id' is empty in 1 of 2 rows, first in row 103"):
        source_contract.conform("here", "t", timed, batch, window, 100)


def test_a_duplicate_column_is_named() -> None:
    twice = pa.RecordBatch.from_arrays([pa.array(["a"])] * 3, names=["id", "x", "x"])
    with pytest.raises(SourceError, match=r"here has the columns \['x'\] more than once"):
        source_contract.conform("here", "t", source(), twice, None)


def test_times_without_zone_beside_an_unreadable_one_are_still_a_source_error() -> None:
    with pytest.raises(SourceError, match="1 of 2 values cannot be read as timestamp, the first in row 1"):
        conformed(["yesterday Z", "2013-03-10"], "timestamp")


@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), min_size=1))
def test_an_integer_is_the_same_as_text_and_as_number(values: list[int | None]) -> None:
    assert conformed([None if v is None else str(v) for v in values], "integer") == values
    assert conformed(pa.array(values, pa.int64()).to_pylist(), "integer") == values


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), min_size=1))
def test_a_number_is_the_same_as_text(values: list[float | None]) -> None:
    assert conformed([None if v is None else repr(v) for v in values], "number") == values


def test_a_zone_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="New_Yorck"):
        source(timezone="America/New_Yorck")
