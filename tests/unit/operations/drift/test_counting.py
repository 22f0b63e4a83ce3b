"""Rows in batches are counted exactly as all rows at once."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import DataError
from include.evaluation import histograms
from include.evaluation.counted import Counted
from include.formats.exact_frames import exact_frame
from include.operations.drift import counting, drift
from tests.unit.operations.monitored_world import SPEC, baseline, month

NUMBERS = [0.0, -0.0, 0.1, 1.0, 1.5, -3.0, 7.25, 1e300, -1e300, float("inf"), float("-inf"), float("nan"), None]
TEXTS = ["a", "b", "A b", "a\0x", "a\0y", "2", "2.0", "true", "", " ", "12abc", "1e3", "inf", "Grüße, a!", None]
COLUMNS = {
    "double": st.sampled_from(NUMBERS),
    "float": st.one_of(st.none(), st.floats(width=32)),
    "int64": st.sampled_from([0, 1, -5, 2**53 + 1, 2**62, None]),
    "uint8": st.sampled_from([0, 1, 255, None]),
    "bool": st.sampled_from([True, False, None]),
    "string": st.sampled_from(TEXTS),
    "timestamp[us, tz=UTC]": st.sampled_from(
        [datetime(2013, 1, 1, tzinfo=UTC), datetime(1969, 7, 1, tzinfo=UTC), None]
    ),
    "decimal128(5, 2)": st.sampled_from([Decimal("1.50"), Decimal("2.00"), Decimal("-3.25"), None]),
}
TYPES = {
    "timestamp[us, tz=UTC]": pa.timestamp("us", tz="UTC"),
    "decimal128(5, 2)": pa.decimal128(5, 2),
}
DESCRIBE = {"numeric": histograms.numeric, "categorical": histograms.categorical, "text": histograms.text}
KINDS = [
    (kind, name) for kind in DESCRIBE for name in COLUMNS if not (kind == "numeric" and name.startswith("timestamp"))
]


def _array(name: str, values: list[Any]) -> pa.Array:
    return pa.array(values, TYPES.get(name) or pa.type_for_alias(name))


def _series(values: pa.Array) -> pd.Series:
    return exact_frame(pa.table({"values": values}))["values"]


def _counted(described: dict[str, Any], values: pa.Array, cuts: Iterable[int]) -> Counted:
    counts, bounds = Counted(described), [0, *sorted(cuts), len(values)]
    for begin, end in pairwise(bounds):
        counting.add(counts, values[begin:end])
    return counts


def _assert_same(counts: Counted, values: pd.Series) -> None:
    expected, pair = histograms.paired(counts.described, values), counts.pair()
    np.testing.assert_array_equal(pair.before, expected.before)
    np.testing.assert_array_equal(pair.now, expected.now)
    assert (pair.rows_before, pair.rows_now) == (expected.rows_before, expected.rows_now)
    assert (pair.levels is None) == (expected.levels is None)
    if expected.levels is not None:
        np.testing.assert_array_equal(pair.levels, expected.levels)
    assert (counts.rows, counts.missing) == (len(values), values.isna().sum())


@settings(max_examples=120)
@given(kind_and_name=st.sampled_from(KINDS), data=st.data())
def test_batches_count_as_all_rows_at_once(kind_and_name: tuple[str, str], data: st.DataObject) -> None:
    kind, name = kind_and_name
    before = data.draw(st.lists(COLUMNS[name], min_size=1, max_size=20))
    now = data.draw(st.lists(COLUMNS[name], max_size=20))
    cuts = data.draw(st.lists(st.integers(0, len(now)), max_size=3))
    described = DESCRIBE[kind](_series(_array(name, before)))
    values = _array(name, now)
    _assert_same(_counted(described, values, cuts), _series(values))


def test_the_fifty_most_common_categories_are_the_same() -> None:
    random = np.random.default_rng(0)
    before, now = ([f"c{i}" for i in random.zipf(1.3, 3000) % 400] for _ in range(2))
    described = histograms.categorical(pd.Series(before))
    values = pa.array(now)
    counts = _counted(described, values, range(0, 3000, 700))
    _assert_same(counts, _series(values))
    assert counts.pair().levels is not None
    assert len(counts.pair().now) == histograms.COMMON + 3


def test_numbers_beside_a_float32_edge_stay_inside() -> None:
    described = histograms.numeric(pd.Series(np.linspace(0.1, 0.7, 50)))
    values = pa.array([0.1, float(np.float32(0.1)), 0.7, float(np.float32(0.7)), 0.71, 0.09, float("inf")])
    counts = _counted(described, values, [2, 3])
    _assert_same(counts, _series(values))
    assert (counts.pair().now[0], counts.pair().now[-3]) == (1, 2)


def test_a_constant_column_and_given_bins_and_words_of_an_earlier_release() -> None:
    values = pa.array([3.0, 3.0, None, 4.0, 2.0])
    for described in (
        histograms.numeric(pd.Series([3.0] * 9)),
        histograms.numeric(pd.Series([3.0, 5.0]), [-10.0, 3.5, 20.0]),
        histograms.numeric(pd.Series([None], dtype=float)),
    ):
        _assert_same(_counted(described, values, [1, 4]), _series(values))
    texts = pa.array(["a b", "c d e", None, "a a", "d"])
    earlier = histograms.text(pd.Series(["a", "a b", "c"])) | {"other": 4}
    _assert_same(_counted(earlier, texts, [2]), _series(texts))


def test_every_column_is_read_in_groups_and_its_drift_is_that_of_the_frame() -> None:
    described, (log, _) = baseline(), month(5)
    table, asked = pa.Table.from_pandas(log, preserve_index=False), list[Sequence[str]]()

    def read(names: Sequence[str]) -> Iterable[counting.Batch]:
        asked.append(names)
        return map(counting.Batch, table.select(names).to_batches(max_chunksize=97))

    names = {f"{name}{i}": described["features"][name] for i in range(9) for name in SPEC.feature_names}
    table = pa.table({name: table[name[:-1]] for name in names})
    found = drift.counted_drift(counting.counted(names, read))
    assert sum(map(len, asked)) == len(names)
    assert max(map(len, asked)) <= counting.COLUMNS < len(names)
    expected = drift.feature_drift(SPEC, described, log)
    assert all(found[f"{name}{i}"] == expected[name] for name in SPEC.feature_names for i in range(9))


def test_no_rows_have_no_drift_and_numbers_are_rows() -> None:
    described = histograms.numeric(pd.Series([1.0, 2.0]))
    with pytest.raises(DataError, match="cannot compare histograms"):
        drift.counted_drift({"x": Counted(described)})
    with pytest.raises(DataError, match="counted row by row"):
        Counted(described).add(pd.Series([1.0]), np.array([2]))


@given(
    before=st.lists(COLUMNS["double"], min_size=1, max_size=20),
    now=st.lists(COLUMNS["double"], max_size=20),
    edges=st.one_of(st.none(), st.lists(st.floats(-10, 10), max_size=5).map(sorted)),
)
def test_numbers_by_bin_are_those_of_their_single_bins(
    before: list[float], now: list[float], edges: list[float] | None
) -> None:
    described = histograms.numeric(pd.Series(before, dtype=float), edges)
    values = pd.Series(now, dtype=float)
    bins, _ = histograms.bins_of(described, values)
    expected = np.bincount(bins, minlength=histograms.width_of(described))
    np.testing.assert_array_equal(histograms.paired(described, values).now, expected)
