"""A looked-up value of any type is the same category to the model from the real offline and the real online store."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from include.adapters.feature_store import FeastFeatureStore
from include.contracts.encoding import UNKNOWN_CATEGORY, Encoding
from include.deployment import looked_up
from include.deployment.looked_up import Difference
from include.development.datasets.building import shaped, with_features
from include.development.datasets.encoder import Encoder
from include.settings import ROOT, Settings
from include.specification.usecase import UseCase
from tests.unit.deployment.serving_code import served

pytestmark = pytest.mark.integration
FLIGHTS = yaml.safe_load((ROOT / "include" / "usecases" / "flight_delay" / "usecase.yaml").read_text())
AT = pd.Timestamp("2013-02-10 12:00", tz="UTC")
ROWS, EVERY = 24, 6
GAP = np.arange(ROWS) % EVERY == 0
N = np.arange(ROWS) % EVERY
DTYPES = {
    "whole": "Int64", "number": "Float64", "fraction": "Float32", "truth": "Bool", "moment": "UnixTimestamp",
    "word": "String", "huge": "Float32",
}  # fmt: skip
VALUES = {
    "whole": pd.array(N + 2**54, dtype="Int64"),
    "number": pd.array(N.astype(float), dtype="Float64"),
    "fraction": pd.array(N / 10, dtype="Float64"),
    "truth": pd.array(N % 2 == 1, dtype="boolean"),
    "moment": pd.Series(AT + pd.to_timedelta(N, unit="D")),
    "word": pd.array([f"{n}.0" for n in N], dtype="string"),
    "huge": pd.array(N + 2.0**24, dtype="Float64"),  # float32 cannot tell them apart
}
DEFINITIONS = """
from datetime import timedelta
from feast import Entity, FeatureService, FeatureView, Field, FileSource, Project, ValueType
from feast.types import Bool, Float32, Float64, Int64, String, UnixTimestamp

place = Entity(name="place", join_keys=["place"], value_type=ValueType.STRING)
levels = FeatureView(
    name="levels", entities=[place], ttl=timedelta(0),
    schema=[Field(name="place", dtype=String), {fields}],
    source=FileSource(name="levels_file", path={path!r}, timestamp_field="event_timestamp"),
)
spelled_v1 = FeatureService(name="spelled_v1", features=[levels])
"""
SPEC = UseCase.model_validate(
    FLIGHTS
    | {
        "name": "spelled", "feature_service": "spelled_v1",
        "event": {"id": "row_id", "time": "event_timestamp", "label": "truth_label", "label_time": "known_at"},
        "request": {"row_id": "string", "event_timestamp": "timestamp", "place": "string"},
        "features": [{"name": name, "from": "levels", "kind": "categorical"} for name in DTYPES],
        "entities": {"place": {"key": "place", "description": "where"}},
        "feature_views": {"levels": {"entity": "place", "freshness_hours": 0}},
        "comparison": {k: v for k, v in FLIGHTS["comparison"].items() if k != "slices"},
        "behaviour": {}, "fairness": {}, "streams": {}, "user_acceptance": [], "privacy": {}, "hand_over": {},
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[FeastFeatureStore, Settings]:
    home = tmp_path_factory.mktemp("spelled")
    rows = pd.DataFrame({"place": [f"p{i:02d}" for i in range(ROWS)], "event_timestamp": AT})
    for name, values in VALUES.items():
        rows[name] = pd.Series(values).mask(GAP)
    rows.to_parquet(home / "levels.parquet", index=False)
    definitions = home / "feature_repo"
    definitions.mkdir()
    fields = ", ".join(f'Field(name="{name}", dtype={dtype})' for name, dtype in DTYPES.items())
    text = DEFINITIONS.format(fields=fields, path=str(home / "levels.parquet"))
    (definitions / "spelled.py").write_text(text)
    settings = Settings(home=home)
    feast = FeastFeatureStore(settings, definitions)
    feast.apply()
    feast.materialize(
        ["levels"], (AT - pd.Timedelta(days=1)).to_pydatetime(), (AT + pd.Timedelta(days=1)).to_pydatetime()
    )
    return feast, settings


def dataset(feast: FeastFeatureStore) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The rows as a dataset has them, and the encoding that is learned of them."""
    events = pd.DataFrame({"row_id": [f"r{i}" for i in range(ROWS)], "event_timestamp": AT + pd.Timedelta(hours=1)})
    events = events.assign(place=[f"p{i:02d}" for i in range(ROWS)], truth_label=N % 2, known_at=AT)
    rows = shaped(SPEC, with_features(SPEC, events, feast, []))
    return rows, Encoder.fit(rows, SPEC.features).to_json()


def test_a_looked_up_category_of_any_type_has_the_code_that_it_was_learned_with(
    store: tuple[FeastFeatureStore, Settings],
) -> None:
    feast, settings = store
    rows, encoding = dataset(feast)
    views = {"levels": {"key": "place", "features": [*DTYPES], "freshness_hours": 0}}
    online = served("online_features").OnlineFeatures(settings.online_store_url, settings.feature_project, views, 1.0)
    values, lacking = online.look_up({"levels": rows["place"].tolist()}, [AT.timestamp()] * ROWS)["levels"]
    assert lacking is None
    at_serving = Encoding(encoding["features"]).encode(dict(zip(DTYPES, zip(*values, strict=True), strict=True)))
    learned = Encoder.from_json(encoding).transform(rows)
    same = [place for place, name in enumerate(DTYPES) if name != "huge"]
    np.testing.assert_array_equal(at_serving[:, same], learned[:, same])
    assert ((learned == UNKNOWN_CATEGORY).all(axis=1) == GAP).all()
    learned_of = {entry["name"]: len(entry["categories"]) for entry in encoding["features"]}
    assert learned_of == {name: 2 if name == "truth" else EVERY - 1 for name in DTYPES}


class SameAnswers:
    """A server whose answers hide what it looked up."""

    def infer(self, model: str, rows: Sequence[Any], given: Sequence[str] | None = None) -> list[dict[str, Any]]:
        return [{"probability": 0.5} for _ in rows]


def test_a_feature_that_the_online_store_returns_otherwise_gets_no_traffic(
    store: tuple[FeastFeatureStore, Settings],
) -> None:
    feast, _ = store
    rows, encoding = dataset(feast)
    view = {"key": "place", "freshness_hours": 0, "when_missing": "default"}
    manifest = {"views": {"levels": view}, "encoding": encoding, "features": {"kept_as": "spelled_v1"}}
    found = looked_up.look_up(SPEC, manifest, rows, feast, [])
    assert found is not None
    assert (found.asked, len(found.rows), found.offline_only) == (ROWS, ROWS, 0)
    known = ROWS - int(GAP.sum())
    odd = known * 3 // 5  # an odd number became an even one
    huge = found.differing.pop("huge")
    assert (huge.apart, huge.known, huge.misspelled) == (odd, known, odd)
    assert found.differing == {name: Difference(0, known, online=known) for name in DTYPES if name != "huge"}
    assert looked_up.check("spelled--r0001", found, SameAnswers(), 0.0).passed
    found.differing["huge"] = Difference(1, known, misspelled=1)
    outcome = looked_up.check("spelled--r0001", found, SameAnswers(), 0.0)
    assert not outcome.passed
    assert f"'huge' is another value to the model in 1 of {known} rows, although" in outcome.detail
