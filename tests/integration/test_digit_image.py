"""The use case digit_image, from the file that scikit-learn carries on: all of its data come with the request."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits

from include.catalog import making
from include.catalog.facts import Facts
from include.contracts.development import DatasetRef
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef
from include.data import versioning
from include.deployment import predeployment
from include.deployment.requests import answered, request
from include.development import behaviour, training
from include.development.datasets import building
from include.development.datasets.encoded import Parts, read
from include.development.datasets.parts import read_part
from include.development.trainers.protocol import Run
from include.development.trainers.trained_model import TrainedModel
from include.evaluation.four_comparisons import EvaluationSet, Side, compare
from include.loop import catalog, data_pipeline
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from tests.integration.ml_fixtures import publish as quickly
from tests.integration.pipeline_fixtures import Serving
from tests.integration.usecase_fixtures import patient

pytestmark = pytest.mark.integration
SPEC = patient(load_usecase("digit_image"))
MONTHS = Period.between(Period("2013-01"), Period("2013-03"))
MONTHS_ROWS = 450  # of three months
RING = SPEC.behaviour.minimum_functionality[0].name
PIXELS = [f.name for f in SPEC.features]


def publish(services: Services, month: str) -> SnapshotRef:
    """A month, by the functions that the tasks of its DAG call."""
    period, run = Period(month), f"test-{month}"
    data_pipeline.collect(SPEC, services, period, run)
    data_pipeline.gate(SPEC, services, period, run, "raw")
    data_pipeline.build_features(SPEC, services, period, run)
    data_pipeline.gate(SPEC, services, period, run, "features")
    snapshot = data_pipeline.publish(SPEC, services, period, run)
    data_pipeline.materialize(SPEC, services, period, run)
    return snapshot


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    """January to March and December of the scans, published, and the empty feature service registered."""
    services = Services(Settings(home=tmp_path_factory.mktemp("digits")))
    services.adapters.feature_store.apply()
    for month in MONTHS:  # without the gates: they take long
        quickly(SPEC, services.settings, services.adapters.lake, services.adapters.feature_store, Period(month))
    publish(services, "2013-12")
    return services


def test_a_month_holds_its_twelfth_of_the_file(services: Services) -> None:
    events = services.adapters.lake.read(SPEC.name, "events", MONTHS).to_pandas().sort_values("scan")
    digits = load_digits()
    assert len(events) == MONTHS_ROWS
    np.testing.assert_array_equal(events[PIXELS].to_numpy(), digits.data[: len(events)])
    np.testing.assert_array_equal(events["digit"], digits.target[: len(events)])
    assert [(s.period, list(s.tables)) for s in services.records.snapshot_refs(SPEC)] == [
        (month, ["events"]) for month in (*MONTHS, "2013-12")
    ]


def test_half_of_the_last_month_is_not_read_yet_and_passes_the_gates(services: Services) -> None:
    rows = versioning.read(services.records.snapshot_refs(SPEC)[-1], "events", services.adapters.lake).to_pandas()
    assert abs(rows["digit"].isna().mean() - 0.5) < 0.01
    assert rows["label_timestamp"].isna().equals(rows["digit"].isna())
    assert [g.passed for g in services.records.gate_results(SPEC)] == [True, True]


def build(services: Services, test_to: Period, *excluded: DatasetRef) -> DatasetRef:
    return building.build(
        SPEC, train_from=None, train_to=None, test_to=test_to, excluded=excluded, lake=services.adapters.lake,
        feature_store=services.adapters.feature_store, snapshots=services.records.snapshot_refs(SPEC),
        directory=services.settings.datasets / SPEC.name,
    )  # fmt: skip


@pytest.fixture(scope="module")
def dataset(services: Services) -> DatasetRef:
    return build(services, Period("2013-03"))


def test_a_dataset_without_feature_views_has_every_digit_in_every_part(dataset: DatasetRef) -> None:
    parts = {name: read_part(getattr(dataset, name)) for name in ("train", "validation", "test")}
    assert sum(map(len, parts.values())) == MONTHS_ROWS
    assert {name: part["digit"].nunique() for name, part in parts.items()} == dict.fromkeys(parts, 10)
    assert abs(len(parts["test"]) - 0.3 * MONTHS_ROWS) <= 30
    assert dataset.facts.classes["test"] == {str(d): int(n) for d, n in parts["test"]["digit"].value_counts().items()}
    assert dataset.facts.repeated == {"validation": 0, "test": 0}


def test_a_feature_service_without_views_is_kept_and_gives_events_back(services: Services) -> None:
    store = services.adapters.feature_store
    kept = store.keep(SPEC.feature_service)
    assert (kept.name, kept) == ("digit_image_v1", store.keep(SPEC.feature_service))
    events = services.adapters.lake.read(SPEC.name, "events").to_pandas()[["scan", "event_timestamp"]]
    for service in (SPEC.feature_service, kept.kept_as):
        pd.testing.assert_frame_equal(store.historical(service, events, services.records.snapshot_refs(SPEC)), events)
    assert store.online(kept.kept_as, [{}, {}]) == [{}, {}]
    store.apply()


def test_the_catalog_describes_every_column_of_it(services: Services) -> None:
    facts = Facts(
        tables=catalog.states(SPEC, services),
        snapshots=services.records.snapshot_refs(SPEC),
        views=services.adapters.feature_store.definitions(),
        gates=services.records.gate_results(SPEC),
        models=[], releases=[], serving=None, predictions={}, notes=[],
    )  # fmt: skip
    made = making.make(SPEC, facts, "2013-03-01T00:00:00+00:00")
    assert made.gaps() == []
    assert {"source/scans", "table/events"} <= {entry.id for entry in made.entries}


def fitted(dataset: DatasetRef) -> tuple[TrainedModel, Parts]:
    parts = read(SPEC, dataset)
    return training.fit(SPEC, dataset, parts, SPEC.trainer.parameters, Run()), parts


@pytest.fixture(scope="module")
def model(dataset: DatasetRef) -> tuple[TrainedModel, Parts]:
    torch.set_num_threads(1)
    return fitted(dataset)


def side(version: int, model: TrainedModel, dataset: DatasetRef) -> Side:
    learned = [read_part(part) for part in (dataset.train, dataset.validation)]
    ids = frozenset(i for part in learned for i in part["scan"])
    hashes = frozenset({dataset.train.content_hash, dataset.validation.content_hash})
    return Side(version, model.predict, training_hashes=hashes, training_ids=ids)


def test_the_model_passes_its_behaviour_tests_and_a_first_release_is_accepted(
    model: tuple[TrainedModel, Parts], dataset: DatasetRef
) -> None:
    trained, parts = model
    outcomes = behaviour.check(SPEC, trained, parts, baseline_beaten=True)
    assert {"invariance:pixels", f"minimum_functionality:{RING}"} <= {o.gate for o in outcomes}
    assert [o for o in outcomes if not o.passed] == []
    new = EvaluationSet(read_part(dataset.test), dataset.test.content_hash, dataset.test.periods)
    verdict = compare(SPEC, candidate=side(1, trained, dataset), champion=None, old=None, new=new)
    assert verdict.decision == "promote", verdict.reason


def test_the_real_server_says_which_digit_a_scan_shows(model: tuple[TrainedModel, Parts], tmp_path: Path) -> None:
    trained, parts = model
    rows = parts.frames["test"].head(40)
    serving = Serving(tmp_path, SPEC)
    release = serving.package(trained, 1, parts.frames["test"])
    serving.start()
    try:
        serving.install()
        serving.serve(release.name)
        figures = predeployment.verify(
            SPEC, release, serving.server, serving.kserve, serving.write_model, tmp_path / "private"
        )
        assert figures["max_difference"] <= SPEC.rollout.parity_bound
        asked = [request(SPEC.inputs, row) for row in rows.to_dict("records")]
        answers = serving.server.infer(SPEC.name, asked)
    finally:
        serving.server.close()
        serving.stop()
    np.testing.assert_allclose(answered(answers), trained.predict(rows), atol=1e-4)
    right = [int(a["prediction"]) == digit for a, digit in zip(answers, rows["digit"], strict=True)]
    assert np.mean(right) > 0.9
