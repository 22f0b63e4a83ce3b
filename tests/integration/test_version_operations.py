"""The operations of the form, on real flights, with the real lake, feature store and MLflow."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import SecretStr

from include.contracts.development import DatasetRef
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef
from include.data import ingestion
from include.data import staging as stage
from include.errors import NotFoundError
from include.loop import data_pipeline
from include.loop.data_versions import asked, load_features, operations, rebuild_dataset
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.integration.privacy_fixtures import KEYS
from tests.integration.test_rebuild import World

pytestmark = pytest.mark.integration
SPEC, JANUARY = load_usecase("flight_delay"), Period("2013-01")
Trained = tuple[Services, World, UseCase, DatasetRef]
WHY = "the delivery was wrong"


def form(operation: str, **changes: object) -> dict:
    empty = dict.fromkeys(("period", "snapshot", "other", "version", "as_of"))
    return {"operation": operation, **empty, "reason": WHY} | changes


def publish(services: Services) -> SnapshotRef:
    """January as the data pipeline brings it in; the gates have tests of their own."""
    run = "run"
    data_pipeline.collect(SPEC, services, JANUARY, run)
    data_pipeline.build_features(SPEC, services, JANUARY, run)
    stage.mark_passed(services.places.staging(SPEC, run))
    published = data_pipeline.publish(SPEC, services, JANUARY, run)
    load_features(SPEC, services, JANUARY, run)
    return published


def deliver_warmer_weather(services: Services) -> None:
    batches = ingestion.batches(SPEC, "weather", JANUARY, services.places.landing(SPEC), services.adapters.connector)
    weather = pa.Table.from_batches(batches).to_pandas()
    directory = services.places.landing(SPEC) / JANUARY
    directory.mkdir(parents=True)
    weather.assign(temp=weather["temp"] + 3).to_csv(directory / "weather.csv", index=False)


def temperature(services: Services) -> float:
    key = {"origin": "JFK", "tailnum": "N14228"}
    return services.adapters.feature_store.online(SPEC.feature_service, [key])[0]["temp"]


def test_a_wrong_delivery_is_found_and_taken_back(mlflow: Settings, tmp_path: Path) -> None:
    services = Services(mlflow.model_copy(update={"home": tmp_path, "pseudonym_keys": SecretStr(KEYS)}))
    services.adapters.feature_store.apply()
    first = publish(services)
    cold = temperature(services)
    deliver_warmer_weather(services)
    second = publish(services)
    assert temperature(services) == pytest.approx(cold + 3)

    found = {d["table"]: d for d in asked(SPEC, services, form("diff", snapshot=first.name), "ann")["tables"]}
    rows = found["weather"]["before"]
    assert (found["weather"]["key"], found["weather"]["changed"]) == (["origin", "observed_at"], rows)
    assert found["weather"]["changed_columns"] == {"temp": rows}
    assert found["airport_weather"]["changed_columns"] == {"temp": rows}
    assert found["events"]["added"] == found["events"]["removed"] == found["events"]["changed"] == 0

    done = asked(SPEC, services, form("restore", snapshot=first.name, period="2013-01"), "ann")
    load_features(SPEC, services, done["period"], "restore")
    assert temperature(services) == cold
    listed = asked(SPEC, services, form("list"), "ann")["snapshots"]
    assert {one["name"]: one["current"] for one in listed} == {first.name: True, second.name: False}
    (record,) = operations(SPEC, services)
    assert (record.operation, record.subject, record.by, record.why) == ("restore", first.name, "ann", WHY)


@pytest.fixture
def trained(mlflow: Settings, tmp_path: Path) -> Iterator[Trained]:
    """Three made-up months and a registered model that was trained on them, of a use case of its own."""
    world, services = World(tmp_path), Services(mlflow.model_copy(update={"home": tmp_path}))
    for period in ("2013-01", "2013-02", "2013-03"):
        world.publish(period)
    dataset = world.build(Period("2013-03"))
    model = services.adapters.tracker.log_training(SPEC.name, dataset, b"model", {}, {}, {}, key=str(tmp_path))
    yield services, world, SPEC, services.adapters.tracker.model(SPEC.name, model.version).dataset
    assert model.dataset == dataset


def test_a_registered_model_keeps_its_data(trained: Trained) -> None:
    services, world, spec, dataset = trained
    version = max(services.adapters.tracker.versions(spec.name))
    world.publish("2013-02", edition=1)
    world.publish("2013-02", edition=2)
    shutil.rmtree(world.datasets)
    gone = asked(spec, services, form("expire", as_of="2019-01-01"), "schedule")
    assert len(gone["expired"]) == 1
    assert gone["expired"][0] != dataset.snapshots["2013-02"]

    answer = asked(spec, services, form("rebuild", version=version), "ann")
    assert answer["dataset"] == dataset.name
    assert rebuild_dataset(spec, services, dataset) == dataset
    listed = {one["name"]: one for one in asked(spec, services, form("list", period="2013-02"), "ann")["snapshots"]}
    assert f"model {version}" in listed[dataset.snapshots["2013-02"]]["used_by"]
    with pytest.raises(NotFoundError, match=r"expired on 2019-01-01T00:00:00\+00:00 \(the delivery was wrong\)"):
        asked(spec, services, form("restore", snapshot=gone["expired"][0]), "ann")
    assert [row.operation for row in operations(spec, services)] == ["expire", "rebuild"]


def test_what_the_form_lacks_is_named(trained: Trained) -> None:
    services, _, spec, dataset = trained
    name = dataset.snapshots["2013-01"]
    for changes, message in (
        (form("restore"), "give the name of a snapshot; the current ones are"),
        (form("pin", snapshot=name, reason=" "), "the reason is missing; give it"),
        (form("restore", snapshot=name, period="2013-02"), f"{name} is of 2013-01, not of 2013-02"),
        (form("rebuild"), "name the model version to rebuild; there are"),
        (form("rebuild", version=99), "has no model version 99; there are"),
        (form("unpin", snapshot=name), "is not pinned"),
    ):
        with pytest.raises(NotFoundError, match=message):
            asked(spec, services, changes, "ann")
    assert operations(spec, services) == []
    assert asked(spec, services, form("pin", snapshot=name), "ann")["snapshot"] == name
    assert "pinned by ann: the delivery was wrong" in asked(spec, services, form("list"), "ann")["text"]
    assert asked(spec, services, form("unpin", snapshot=name), "bob")["snapshot"] == name
