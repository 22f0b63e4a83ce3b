"""Categories that a request carries or that are computed from it: the dataset has what the model server reads."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.development.datasets import building
from include.errors import DataError
from include.specification.usecase import UseCase
from tests.unit.development.frames import MemoryFeatureStore, events, flight_spec


def spec_of(**features: str) -> UseCase:
    """One where the ``features`` (name → from) are categories."""
    spec = flight_spec()
    coded = [f.model_copy(update={"kind": "categorical"}) for f in spec.features if f.name in features]
    return spec.model_copy(update={"features": [*(f for f in spec.features if f.name not in features), *coded]})


def computed(monkeypatch: pytest.MonkeyPatch, spec: UseCase, values: Any, frame: pd.DataFrame) -> pd.Series:
    def on_request(fields: Mapping[str, np.ndarray]) -> dict[str, Any]:
        return {"scheduled_speed": values(fields) if callable(values) else values}

    monkeypatch.setattr(building.modules, "function", lambda *_: on_request)
    return building.request_features(spec, frame)["scheduled_speed"]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([2**53 + 1, None, 1.5], [str(2**53 + 1), None, "1.5"]),
        (["a", 2.0, True], ["a", "2", "true"]),
        (np.array([1.0, np.nan, 2.0]), ["1", None, "2"]),
    ],
)
def test_a_category_that_is_computed_on_request_is_spelled_whatever_its_neighbours_are(
    monkeypatch: pytest.MonkeyPatch, values: Any, texts: list[str | None]
) -> None:
    frame = events("2013-01").head(3)
    assert computed(monkeypatch, spec_of(scheduled_speed="on_request"), values, frame).tolist() == texts


def test_what_is_computed_on_request_reads_numbers_as_precise_as_they_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = events("2013-01").head(2).assign(distance=[0.1, 0.5])
    speeds = computed(monkeypatch, flight_spec(), lambda fields: fields["distance"], frame)
    assert speeds.tolist() == [float(np.float32(0.1)), 0.5]


def test_a_number_that_would_be_another_category_in_a_request_is_refused() -> None:
    spec, frame = spec_of(distance="request"), events("2013-01").assign(distance=2.0**24)
    store = MemoryFeatureStore(spec)
    assert building.with_features(spec, frame, store, [])["distance"].unique().tolist() == [str(2**24)]
    frame.loc[3, "distance"] = 2.0**24 + 1
    with pytest.raises(DataError, match=r"1 values of 'distance' .*float32 .*row 3.*Declare request\.distance as str"):
        building.with_features(spec, frame, store, [])
