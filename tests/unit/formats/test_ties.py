"""Which of several rows counts follows from the rows alone."""

from random import Random

import pandas as pd
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from include.formats.ties import latest_per_key

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
