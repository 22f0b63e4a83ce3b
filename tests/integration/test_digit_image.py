"""The use case digit_image, from the file that scikit-learn carries on: all of its data come with the request."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from include.contracts import DatasetRef, Period, SnapshotRef
from include.data import cataloguing, versioning
from include.data.catalog_facts import Facts
from include.development.parts import read_part
from include.loop import catalog, data_pipeline
from include.loop.training import dataset_for
from include.services import Services
from include.settings import Settings
from include.usecase import load_usecase

pytestmark = pytest.mark.integration
SPEC = load_usecase("digit_image")
PIXELS = [f.name for f in SPEC.features]


def publish(services: Services, month: str) -> SnapshotRef:
    """A month, by the functions that the tasks of its DAG call."""
    period, run = Period(key=month), f"test-{month}"
    data_pipeline.collect(SPEC, services, period, run)
    data_pipeline.gate(SPEC, services, period, run, "raw")
    data_pipeline.build_features(SPEC, services, period, run)
    data_pipeline.gate(SPEC, services, period, run, "features")
    snapshot = data_pipeline.publish(SPEC, services, period, run)
    data_pipeline.materialize(SPEC, services, period, run)
    return snapshot


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    """January and February of the scans, published, and the empty feature service registered."""
    services = Services(Settings(home=tmp_path_factory.mktemp("digits")))
    services.feature_store.apply()
    for month in ("2013-01", "2013-02"):
        publish(services, month)
    return services


def test_a_month_holds_its_twelfth_of_the_file(services: Services) -> None:
    events = services.lake.read(SPEC.name, "events").to_pandas().sort_values("scan")
    digits = load_digits()
    assert len(events) == round(2 * 1797 / 12)
    np.testing.assert_array_equal(events[PIXELS].to_numpy(), digits.data[: len(events)])
    np.testing.assert_array_equal(events["digit"], digits.target[: len(events)])
    assert {s.period: list(s.tables) for s in services.snapshot_refs(SPEC)} == {
        "2013-01": ["events"],
        "2013-02": ["events"],
    }


def test_half_of_the_last_month_is_not_read_yet(tmp_path: Path) -> None:
    services = Services(Settings(home=tmp_path))
    rows = versioning.read(publish(services, "2013-12"), "events", services.lake).to_pandas()
    assert abs(rows["digit"].isna().mean() - 0.5) < 0.01
    assert rows["label_timestamp"].isna().equals(rows["digit"].isna())


@pytest.fixture(scope="module")
def dataset(services: Services) -> DatasetRef:
    return dataset_for(SPEC, services, test_period="2013-02")


def test_a_dataset_without_feature_views_has_every_digit_in_every_part(dataset: DatasetRef) -> None:
    parts = {name: read_part(getattr(dataset, name)) for name in ("train", "validation", "test")}
    assert sum(map(len, parts.values())) == round(2 * 1797 / 12)
    assert {name: part["digit"].nunique() for name, part in parts.items()} == dict.fromkeys(parts, 10)
    assert abs(len(parts["test"]) - 0.3 * 300) <= 10
    assert dataset.facts.classes["test"] == {str(d): int(n) for d, n in parts["test"]["digit"].value_counts().items()}
    assert dataset.facts.repeated == {"validation": 0, "test": 0}


def test_a_feature_service_without_views_is_kept_and_gives_events_back(services: Services) -> None:
    store = services.feature_store
    kept = store.keep(SPEC.feature_service)
    assert (kept.name, kept) == ("digit_image_v1", store.keep(SPEC.feature_service))
    events = services.lake.read(SPEC.name, "events").to_pandas()[["scan", "event_timestamp"]]
    for service in (SPEC.feature_service, kept.kept_as):
        pd.testing.assert_frame_equal(store.historical(service, events, services.snapshot_refs(SPEC)), events)
    assert store.online(kept.kept_as, [{}, {}]) == [{}, {}]
    store.apply()


def test_the_catalog_describes_every_column_of_it(services: Services) -> None:
    facts = Facts(
        tables=catalog.states(SPEC, services),
        snapshots=services.snapshot_refs(SPEC),
        views=services.feature_store.definitions(),
        gates=services.gate_results(SPEC),
        models=[], releases=[], serving=None, predictions={}, notes=[],
    )  # fmt: skip
    made = cataloguing.make(SPEC, facts, "2013-03-01T00:00:00+00:00")
    assert made.gaps() == []
    assert {"source/scans", "table/events"} <= {entry.id for entry in made.entries}
