"""The content hash: what it must see and what it must not."""

import math
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.formats.content import content_hash
from include.formats.stored_types import fitted, stored_schema

UNITS = ("s", "ms", "us", "ns")
quick = settings(deadline=None, max_examples=12)
rows = st.lists(
    st.tuples(st.none() | st.integers(-9, 9), st.none() | st.text(max_size=3), st.none() | st.floats(-5, 5)),
    min_size=1,
    max_size=12,
)


def table(of: list[tuple]) -> pa.Table:
    columns = list(zip(*of, strict=True))
    kinds = {"n": pa.int32(), "s": pa.string(), "x": pa.float64()}
    return pa.table({name: pa.array(values, kind) for (name, kind), values in zip(kinds.items(), columns, strict=True)})


@quick
@given(rows, st.randoms())
def test_the_order_of_rows_and_columns_does_not_matter(of: list[tuple], random: object) -> None:
    shuffled = list(of)
    random.shuffle(shuffled)
    assert content_hash(table(of)) == content_hash(table(shuffled).select(["x", "n", "s"]))


@quick
@given(rows)
def test_a_row_more_or_a_value_changed_shows(of: list[tuple]) -> None:
    assert content_hash(table(of)) != content_hash(table([*of, of[0]]))
    changed = [(99, of[0][1], of[0][2]), *of[1:]]
    assert content_hash(table(of)) != content_hash(table(changed))


def test_a_column_without_a_value_and_the_period_do_not_show() -> None:
    bare = table([(1, "a", 2.0)])
    wider = bare.append_column("later", pa.nulls(1, pa.float64())).append_column("period", pa.array(["2013-01"]))
    assert content_hash(bare) == content_hash(wider)


@quick
@given(rows, st.integers(1, 5))
def test_chunks_do_not_matter(of: list[tuple], size: int) -> None:
    whole = table(of)
    pieces = pa.Table.from_batches(whole.to_batches(max_chunksize=size))
    assert content_hash(pieces) == content_hash(whole)


def hashed(values: list, kind: pa.DataType) -> str:
    return content_hash(pa.table({"v": pa.array(values, kind), "one": [1] * len(values)}))


def test_what_looks_alike_is_told_apart_or_defined_to_be_equal() -> None:
    x, s = pa.float64(), pa.string()
    assert hashed([0.0, 1.0], x) == hashed([-0.0, 1.0], x)
    assert hashed([math.nan, 1.0], x) == hashed([-math.nan, 1.0], x)
    assert len({hashed([value, 1.0], x) for value in (math.nan, None, 0.0, math.inf, -math.inf)}) == 5
    assert len({hashed([value, "a"], s) for value in ("", None, "-", "NULL", "0:,")}) == 5
    assert hashed([1, 2], pa.int32()) != hashed([1, 2], pa.int64())


def test_text_does_not_flow_into_the_next_column() -> None:
    one = pa.table({"a": ["x,1:y", "z"], "b": ["", "z"]})
    other = pa.table({"a": ["x", "z"], "b": ["1:y,", "z"]})
    assert content_hash(one) != content_hash(other)


def test_every_type_that_the_lake_stores_is_hashed() -> None:
    moment, day = datetime(2013, 1, 1, tzinfo=UTC), date(2013, 1, 1)
    columns = {
        "t": pa.array([moment], pa.timestamp("us", "UTC")), "n": pa.array([moment.replace(tzinfo=None)]),
        "d": pa.array([day]), "b": pa.array([True]), "raw": pa.array([b"1"]), "dec": pa.array([Decimal("1.50")]),
        "many": pa.array([["a", "b, c"]]), "inner": pa.array([{"x": 1}]), "f": pa.array([1.5], pa.float32()),
    }  # fmt: skip
    whole = pa.table(columns)
    without = {content_hash(whole.drop_columns([name])) for name in columns}
    assert len(without | {content_hash(whole)}) == len(columns) + 1
    assert content_hash(pa.table({"many": [["a, b", "c"]]})) != content_hash(pa.table({"many": [["a", "b, c"]]}))


def test_no_rows_and_no_columns_have_a_hash() -> None:
    assert content_hash(table([(1, "a", 2.0)]).slice(0, 0)) == content_hash(
        pa.table({"period": pa.array([], "string")})
    )


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_a_time_is_a_time_in_any_unit(zone: str | None) -> None:
    whole = [pa.table({"at": pa.array([60], pa.timestamp("s", zone)).cast(pa.timestamp(u, zone))}) for u in UNITS]
    assert len({content_hash(fitted(rows, stored_schema(rows.schema), "t")) for rows in whole}) == 1
