"""A column has one type in every period: it is widened where no value can change, or refused by name."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import DataError
from include.formats.content import content_hash
from include.formats.stored_types import fitted, merged, stored_schema

quick = settings(deadline=None, max_examples=60)
INTEGERS = (pa.int8(), pa.int16(), pa.int32(), pa.int64())
NUMBERED = pa.struct([("a", pa.int32())])
KINDS: dict[pa.DataType, Any] = {
    **dict.fromkeys(INTEGERS, 1),
    pa.float32(): 0.1,
    pa.float64(): 0.1,
    pa.bool_(): True,
    pa.string(): "007",
    pa.binary(): b"7",
    pa.date32(): datetime(2013, 1, 1).date(),
    pa.timestamp("us"): datetime(2013, 1, 1),
    pa.timestamp("us", "UTC"): datetime(2013, 1, 1, tzinfo=UTC),
    pa.decimal128(5, 2): Decimal("1.25"),
    pa.decimal128(9, 4): Decimal("1.2505"),
    pa.list_(pa.int32()): [1],
    pa.list_(pa.string()): ["a"],
    NUMBERED: {"a": 1},
}
kinds = st.sampled_from(list(KINDS))


def table(kind: pa.DataType, *values: Any) -> pa.Table:
    return pa.table({"x": pa.array(values, kind)})


@quick
@given(kinds, kinds)
def test_a_column_type_that_changes_keeps_every_value_or_is_refused_by_name(before: Any, now: Any) -> None:
    rows, refused = table(now, KINDS[now], None), ""
    try:
        stored = merged(table(before).schema, rows.schema, "u.t period 2013-02")
    except DataError as error:
        stored, refused = rows.schema, str(error)
    assert not refused or (before != now and f"x ({now}, in the table {before})" in refused)
    back = fitted(rows, stored, "t")
    assert back["x"].to_pylist() == rows["x"].to_pylist()
    assert type(back["x"][0].as_py()) is type(KINDS[now])


@pytest.mark.parametrize("kind", [*KINDS, pa.null()])
def test_a_column_without_a_value_becomes_any_type_and_none_takes_one_from_it(kind: pa.DataType) -> None:
    for one, other in ((kind, pa.null()), (pa.null(), kind)):
        assert merged(table(one).schema, table(other).schema, "t") == table(kind).schema


@quick
@given(st.sampled_from(INTEGERS), st.sampled_from(INTEGERS))
def test_integers_are_as_wide_as_the_wider(one: pa.DataType, other: pa.DataType) -> None:
    assert merged(table(one).schema, table(other).schema, "t").types == [max(one, other, key=lambda k: k.bit_width)]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (pa.int64(), pa.float64()),
        (pa.float64(), pa.int64()),
        (pa.int64(), pa.string()),
        (pa.string(), pa.date32()),
        (pa.timestamp("us", "UTC"), pa.timestamp("us")),
        (pa.timestamp("us"), pa.date32()),
        (pa.bool_(), pa.int8()),
        (pa.decimal128(38, 0), pa.decimal128(38, 2)),
    ],
)
def test_a_type_of_another_kind_is_refused_with_every_column_and_the_way_out(before: Any, now: Any) -> None:
    there = pa.schema([("a", before), ("b", before), ("c", pa.string())])
    coming = pa.schema([("c", pa.string()), ("a", now), ("b", now)])
    with pytest.raises(DataError, match=r"^u\.t: .*a \(.*, in the table .*b \(.*; correct the source, cast"):
        merged(there, coming, "u.t")


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        (table(pa.timestamp("ns"), 1000, 2000, 2001), "row 13"),
        (table(pa.timestamp("s"), 2**60, 1), "row 11"),
        (table(pa.uint64(), 1, 2**64 - 1, 3), "row 12"),
        (table(pa.list_(pa.timestamp("ns")), [1000], [1001]), "row 12"),
    ],
)
def test_a_value_that_its_stored_type_does_not_hold_is_refused_by_its_place(rows: pa.Table, place: str) -> None:
    with pytest.raises(DataError, match=rf"^u\.t: column x is .*value in {place} does not fit") as refused:
        fitted(rows, stored_schema(rows.schema, "u.t"), "u.t", before=10)
    assert "18446744073709551615" not in str(refused.value)


@pytest.mark.parametrize(
    "rows",
    [
        table(pa.time64("us"), time(1)),
        table(pa.duration("us"), timedelta(1)),
        table(pa.decimal256(50, 2), Decimal(1)),
        pa.table({"x": pa.array([b"0" * 16], pa.uuid())}),
        table(pa.list_(pa.time32("s")), [time(1)]),
        pa.table({"x": pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), pa.array(["a"]))}),
    ],
)
def test_a_type_that_the_lake_does_not_store_is_refused_by_name(rows: pa.Table) -> None:
    with pytest.raises(DataError, match=r"u\.t: the lake does not store the types of the columns x \("):
        stored_schema(rows.schema, "u.t")


def test_names_that_differ_by_case_only_are_refused_and_not_merged() -> None:
    with pytest.raises(DataError, match="'name' differs from 'Name' by case only"):
        stored_schema(pa.schema([("Name", pa.string()), ("name", pa.string())]))
    with pytest.raises(DataError, match="'name' differs from 'Name' by case only"):
        merged(pa.schema([("Name", pa.string())]), pa.schema([("name", pa.string())]), "t")


def test_fields_of_a_struct_are_widened_and_never_renamed() -> None:
    one, other = (pa.struct([("a", a), ("b", pa.string())]) for a in (pa.int32(), pa.int64()))
    assert merged(table(one).schema, table(other).schema, "t") == table(other).schema
    assert merged(table(pa.struct([("a", pa.null())])).schema, table(NUMBERED).schema, "t").types == [NUMBERED]
    for names in ("a", "ba"):
        with pytest.raises(DataError, match="x "):
            merged(table(one).schema, table(pa.struct([(name, pa.int32()) for name in names])).schema, "t")


def test_types_that_delta_does_not_know_keep_their_values_and_their_hash() -> None:
    values = {
        "small": pa.array([200], pa.uint8()),
        "wide": pa.array([2**32 - 1], pa.uint32()),
        "half": pa.array([1.5], pa.float16()),
        "many": pa.array([[1]], pa.large_list(pa.int32())),
        "fixed": pa.array([b"a"], pa.binary(1)),
        "text": pa.array(["a"], pa.string_view()),
        "level": pa.array(["a"]).dictionary_encode(),
        "price": pa.array([Decimal("1.25")], pa.decimal256(20, 2)),
        "hundreds": pa.array([Decimal("12300")], pa.decimal128(5, -2)),
        "day": pa.array([datetime(2013, 1, 1)], pa.date64()),
    }
    rows = pa.table(values)
    schema = stored_schema(rows.schema)
    back = fitted(rows, schema, "t")
    assert {name: back[name].to_pylist() for name in values} == {name: rows[name].to_pylist() for name in values}
    assert stored_schema(schema) == schema
    assert content_hash(back) == content_hash(fitted(back, schema, "t"))
