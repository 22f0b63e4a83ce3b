"""The content hash: what it must see and what it must not."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from include.adapters.lake import content_hash

rows = st.lists(
    st.tuples(st.none() | st.integers(-9, 9), st.none() | st.text(max_size=3), st.none() | st.floats(-5, 5)),
    min_size=1,
    max_size=12,
)


def table(of: list[tuple]) -> pa.Table:
    columns = list(zip(*of, strict=True))
    kinds = {"n": pa.int32(), "s": pa.string(), "x": pa.float64()}
    return pa.table({name: pa.array(values, kind) for (name, kind), values in zip(kinds.items(), columns, strict=True)})


@given(rows, st.randoms())
def test_the_order_of_rows_and_columns_does_not_matter(of: list[tuple], random: object) -> None:
    shuffled = list(of)
    random.shuffle(shuffled)
    assert content_hash(table(of)) == content_hash(table(shuffled).select(["x", "n", "s"]))


@given(rows)
def test_a_row_more_or_a_value_changed_shows(of: list[tuple]) -> None:
    assert content_hash(table(of)) != content_hash(table([*of, of[0]]))
    changed = [(99, of[0][1], of[0][2]), *of[1:]]
    assert content_hash(table(of)) != content_hash(table(changed))


def test_a_column_without_a_value_and_the_period_do_not_show() -> None:
    bare = table([(1, "a", 2.0)])
    wider = bare.append_column("later", pa.nulls(1, pa.float64())).append_column("period", pa.array(["2013-01"]))
    assert content_hash(bare) == content_hash(wider)
