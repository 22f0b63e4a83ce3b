"""Which of several rows counts follows from the rows alone."""

from itertools import permutations
from random import Random

import numpy as np
import pandas as pd
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from include.formats.ties import latest_known, latest_per_key

ROWS = st.lists(
    st.tuples(
        st.none() | st.sampled_from("ab"),
        st.integers(0, 1),
        st.none() | st.sampled_from([2**53, 2**53 + 1]),
        st.none() | st.sampled_from("xY"),
    ),
    min_size=1,
    max_size=8,
)


def frame(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["key", "time", "number", "Key"]).astype({"number": "Int64"})


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(ROWS, st.randoms())
def test_ties_are_decided_alike_in_any_order_of_the_rows(rows: list[tuple], random: Random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = (latest_per_key(frame(given), ["key"], ["time"]) for given in (rows, shuffled))
    by_key = [f.sort_values("key", ignore_index=True) for f in (one, other)]
    pd.testing.assert_frame_equal(*by_key)
    assert not one.duplicated("key").any()
    newest = {key: max(time for k, time, *_ in rows if k == key) for key, *_ in rows}
    assert dict(zip(one["key"], one["time"], strict=True)) == newest


def test_rows_keep_their_order_index_and_types() -> None:
    rows = frame([("a", 1, None, "x"), ("b", 1, 3, "x"), ("a", 1, 2**53 + 1, "x"), ("a", 1, 2**53, "x")])
    chosen = latest_per_key(rows, ["key"], ["time"])
    assert chosen.index.tolist() == [1, 2]
    assert chosen.dtypes.equals(rows.dtypes)


def test_the_column_that_says_what_is_known_is_none_of_the_users() -> None:
    rows = pd.DataFrame({"key": ["a", "a"], "time": [1, 2], "known:": ["x", "y"], "known": [0, 0]})
    chosen = latest_known(rows, "key", np.array([True, False]), ["time"])
    assert chosen.to_dict("list") == {"key": ["a"], "time": [1], "known:": ["x"], "known": [0]}


def test_values_of_several_types_are_decided_alike_in_any_order_of_the_rows() -> None:
    for values in ([1, "x", None, True], [2.5, 2**60, 2**60 + 1, 1], [b"a", {"a": 1}, [1], None]):
        rows = pd.DataFrame(
            {"key": pd.Series([1, 1.0, True, 1], dtype=object), "value": pd.Series(values, dtype=object)}
        )
        shuffled = [rows.iloc[list(order)] for order in permutations(range(4))]
        chosen = [latest_per_key(one, ["key"], [])["value"].tolist() for one in shuffled]
        assert len({*map(repr, chosen)}) == 1
        assert len(chosen[0]) == 1
