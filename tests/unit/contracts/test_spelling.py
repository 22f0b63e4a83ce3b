"""A category has one spelling, whatever type its value has in a table, in the online store or on the wire."""

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.contracts.encoding import UNKNOWN_CATEGORY, Categories, Encoding, category
from include.contracts.spelling import as_known, as_text, codes, distinct
from include.evaluation import histograms
from tests.unit.deployment.serving_code import served

WHOLE = st.integers(-(2**53), 2**53)


def coded(categories: list[str], value: object) -> float:
    entry = {"name": "c", "kind": "categorical", "categories": categories}
    return float(Encoding([entry]).encode({"c": [value]})[0, 0])


@given(WHOLE)
def test_one_spelling_of_a_whole_number_of_any_type(number: int) -> None:
    values = [number, float(number), np.int64(number), np.float64(number), Decimal(number), Decimal(f"{number}.00")]
    assert {category(value) for value in values} == {str(number)}
    with_gap = as_text(pd.Series([number, None], dtype="float64"))
    without = as_text(pd.Series([number], dtype="int64"))
    assert with_gap[0] == without[0] == as_text(pd.Series([number, None], dtype="Int64"))[0]
    assert with_gap[1] is None


@given(st.integers(-(2**62), 2**62))
def test_one_spelling_keeps_every_digit_of_an_integer(number: int) -> None:
    assert category(np.int64(number)) == as_text(pd.Series([number, None], dtype="Int64"))[0] == str(number)


@pytest.mark.slow
@given(st.text())
def test_one_spelling_of_a_text_is_the_text(text: str) -> None:
    assert category(text) == text
    assert Categories([text, "other"]).code(text) == (0.0 if text else UNKNOWN_CATEGORY)


@given(st.lists(st.integers(-999, 999).map(lambda n: n / 8), min_size=2, max_size=9, unique=True))
def test_a_number_is_the_same_category_in_the_dataset_and_in_the_online_store(numbers: list[float]) -> None:
    known = sorted({str(category(number)) for number in numbers})
    for number in numbers:
        code = float(known.index(str(category(number))))
        served_as = [number, np.float32(number), repr(float(number)), f"{number:.3f}", pa.scalar(number).as_py()]
        assert {coded(known, value) for value in served_as} == {code}


def test_a_fraction_that_float32_keeps_otherwise_is_the_same_category() -> None:
    assert coded(["0.1", "0.2"], float(np.float32(0.1))) == 0


@pytest.mark.parametrize("other", [np.inf, -np.inf, 1e-50, 1e300, 2.0**70])
def test_one_number_of_unusual_size_takes_no_other_category_its_meaning(other: float) -> None:
    known = ["0.1", str(category(other))]
    assert [coded(known, value) for value in (float(np.float32(0.1)), "0.10", other)] == [0, 0, 1]


@pytest.mark.parametrize("value", [True, np.bool_(True), "true", "True", 1, 1.0, "1"])
def test_one_spelling_of_a_truth_value(value: object) -> None:
    assert coded(["false", "true"], value) == 1


def test_one_spelling_of_a_moment_is_what_the_online_store_keeps() -> None:
    moment = datetime(2013, 1, 1, 5, 30, tzinfo=UTC)
    seconds = int(moment.timestamp())  # Feast's UNIX_TIMESTAMP
    values = [moment, moment.replace(tzinfo=None), pd.Timestamp(moment), np.datetime64("2013-01-01T05:30:00")]
    assert {category(value) for value in [*values, seconds, float(seconds)]} == {str(seconds)}
    assert category(date(2013, 1, 1)) == str(seconds - 5 * 3600 - 30 * 60)


@pytest.mark.parametrize("value", [None, np.nan, pd.NaT, np.float32("nan"), Decimal("nan"), ""])
def test_what_is_missing_is_no_category(value: object) -> None:
    assert coded(["a"], value) == UNKNOWN_CATEGORY
    assert Categories(["a"]).find(value) is None


def test_texts_that_only_look_like_numbers_keep_their_letters() -> None:
    assert coded(["007", "7"], 7) == 1
    assert coded(["007", "08"], "7") == UNKNOWN_CATEGORY  # leading zeros: no numbers
    assert [coded(["1", "1.0"], text) for text in ("1", "1.0", "1.00")] == [0, 1, UNKNOWN_CATEGORY]


def test_an_encoding_that_was_learned_with_points_reads_the_numbers_too() -> None:
    assert [coded(["1.0", "2.0"], value) for value in (2, 2.0, "2", "2.0")] == [1, 1, 1, 1]


def test_a_number_of_a_text_feature_is_its_words() -> None:
    entry = {"name": "t", "kind": "text", "categories": None, "vocabulary": ["2", "late"], "length": 2}
    encode = Encoding([entry]).encode
    np.testing.assert_array_equal(encode({"t": [2.0, 2, "2", None]}), encode({"t": ["2", "2", "2", ""]}))


def test_monitoring_describes_a_category_in_the_spelling_of_its_baseline() -> None:
    described = histograms.categorical(pd.Series(["1", "1", "2", "2", None]))
    for values in ([1.0, 1, 2.0, 2.0, None], ["1.0", "1", "2", "2.0", ""], [1, 1, 2, 2, None]):
        pair = histograms.paired(described, pd.Series(values, dtype=object))
        np.testing.assert_array_equal(pair.before, pair.now)
    assert as_known(pd.Series([2.0, 3.0]), ["1", "2"]).tolist() == ["2", "3"]


def test_the_model_server_runs_the_same_spelling() -> None:
    assert served("release").category is category


def test_texts_that_differ_after_a_nul_are_two() -> None:
    texts = pd.Series(["a\0b", "a\0c", None, "a", "a\0b"])
    assert distinct(texts) == ["a\0b", "a\0c", "a"]
    assert codes(texts).tolist() == [0, 1, -1, 2, 0]
    whole = texts.dropna()
    assert codes(whole).tolist() == [0, 1, 2, 0]
    assert as_known(whole, ["a"]).tolist() == whole.tolist()
