"""Encoding: what serving relies on."""

import json

import numpy as np
import pandas as pd
import pytest

from include.development.datasets.encoder import Encoder
from include.errors import DataError
from include.specification.data import Feature

FEATURES = [
    Feature.model_validate({"name": "carrier", "kind": "categorical", "from": "request"}),
    Feature.model_validate({"name": "temp", "kind": "numeric", "from": "airport_weather"}),
]
TRAIN = pd.DataFrame({"carrier": ["UA", "AA", None, "UA"], "temp": [1, 2.5, None, 4]})


def test_the_json_is_the_agreed_one() -> None:
    assert Encoder.fit(TRAIN, FEATURES).to_json() == {
        "features": [
            {"name": "carrier", "kind": "categorical", "origin": "request", "categories": ["AA", "UA"]},
            {"name": "temp", "kind": "numeric", "origin": "airport_weather", "categories": None},
        ]
    }


def test_the_json_gives_the_same_encoder() -> None:
    encoder = Encoder.fit(TRAIN, FEATURES)
    assert Encoder.from_json(json.loads(json.dumps(encoder.to_json()))) == encoder


def test_codes_missing_and_unknown() -> None:
    rows = pd.DataFrame({"temp": [0.1, np.nan, 3, 4], "carrier": ["AA", "UA", "XX", None]})
    encoded = Encoder.fit(TRAIN, FEATURES).transform(rows)
    assert encoded.dtype == np.float32
    np.testing.assert_array_equal(encoded[:, 0], [0, 1, -1, -1])
    np.testing.assert_array_equal(encoded[:, 1], np.array([0.1, np.nan, 3, 4], dtype=np.float32))


@pytest.mark.parametrize(
    "carrier", [pd.Series(["AA", "UA"], dtype="category"), pd.Series(["AA", "UA"], dtype="string")]
)
def test_text_types_of_pandas_are_equal(carrier: pd.Series) -> None:
    rows = pd.DataFrame({"carrier": carrier, "temp": [1, 2]})
    np.testing.assert_array_equal(Encoder.fit(TRAIN, FEATURES).transform(rows)[:, 0], [0, 1])


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ({"carrier": ["AA"]}, r"lack the features \['temp'\]"),
        ({"carrier": ["AA"], "temp": ["warm"]}, "feature 'temp' is numeric but contains other values"),
        ({"carrier": ["AA"], "temp": [np.inf]}, "feature 'temp' holds 1 infinite values"),
        ({"carrier": ["AA"], "temp": [1e300]}, "feature 'temp' holds 1 values beyond float32"),
    ],
)
def test_unusable_rows_are_named(rows: dict, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        Encoder.fit(TRAIN, FEATURES).transform(pd.DataFrame(rows))


@pytest.mark.parametrize(
    ("known", "values", "categories"),
    [
        (["1.0", "2.0"], [1, 2, 3], ["1.0", "2.0", "3"]),
        (["2.0", "1.0"], ["1", "2", "N/A"], ["2.0", "1.0", "1", "2", "N/A"]),
        (["b", "a"], ["a", "c"], ["b", "a", "c"]),
    ],
)
def test_a_model_that_goes_on_from_its_weights_keeps_the_codes_of_categories_that_it_spelled_otherwise(
    known: list[str], values: list, categories: list[str]
) -> None:
    feature = Feature.model_validate({"name": "c", "kind": "categorical", "from": "v"})
    before = Encoder(({"name": "c", "kind": "categorical", "origin": "v", "categories": known},))
    frame = pd.DataFrame({"c": values})
    after = Encoder.fit(frame, [feature], after=before)
    assert after.features[0]["categories"] == categories
    assert (after.transform(frame) >= 0).all()
