"""Encoding: what serving relies on."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.contracts.encoding import Encoding
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


def rows_at(offset: float, spread: float = 2.0) -> pd.DataFrame:
    return pd.DataFrame({"carrier": "AA", "temp": offset + spread * np.random.default_rng(0).normal(size=400)})


def entry(frame: pd.DataFrame, **options: Any) -> dict:
    return Encoder.fit(frame, FEATURES, **options).to_json()["features"][1]


@pytest.mark.parametrize("offset", [1e8, -1e8, 1e15, 3e5])
def test_a_number_that_varies_little_against_its_offset_keeps_what_varies(offset: float) -> None:
    rows = rows_at(offset)
    encoder = Encoder.fit(rows, FEATURES)
    encoded = encoder.transform(rows)[:, 1]
    np.testing.assert_allclose(encoded, rows["temp"] - encoder.to_json()["features"][1]["centre"], rtol=1e-6)
    assert abs(encoded.mean()) < 2
    assert encoder.inputs[1].centre == encoder.to_json()["features"][1]["centre"]
    one = rows.head(1).to_dict("list") | {"temp": [None]}
    served = Encoding(json.loads(json.dumps(encoder.to_json()))["features"]).encode(one)
    assert np.isnan(served[0, 1])


@pytest.mark.parametrize("frame", [rows_at(1000), rows_at(1e8, 0), rows_at(1e8, 1e6), TRAIN])
def test_other_numbers_are_encoded_as_they_are(frame: pd.DataFrame) -> None:
    assert "centre" not in entry(frame)
    np.testing.assert_array_equal(
        Encoder.fit(frame, FEATURES).transform(frame)[:, 1], frame["temp"].to_numpy(np.float32)
    )


def test_one_strange_value_hides_no_offset() -> None:
    assert entry(pd.concat([rows_at(1e8), rows_at(0).head(1)]))["centre"] == pytest.approx(1e8, abs=2)


def test_a_model_that_goes_on_keeps_the_centres_that_it_knows() -> None:
    first = Encoder.fit(rows_at(1e8), FEATURES)
    assert entry(rows_at(2e8), after=first)["centre"] == first.to_json()["features"][1]["centre"]
    assert "centre" not in entry(rows_at(1e8), after=Encoder.fit(rows_at(0), FEATURES))


def test_a_number_that_float32_would_round_away_is_refused_where_clients_send_it_so() -> None:
    complaint = r"feature 'temp' is sent as float32, whose step near 1e\+08 is 8, .* request field 'temp' as 'double'"
    with pytest.raises(DataError, match=complaint):
        entry(rows_at(1e8), as_float32={"temp"})
    assert "centre" not in entry(rows_at(1e5), as_float32={"temp"})
