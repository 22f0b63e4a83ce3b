"""Published months of the real flights, and a dataset on them."""

import pytest

from include.adapters.feature_store import FeastFeatureStore
from include.adapters.lake import DeltaLake
from include.contracts.development import DatasetRef
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef
from include.data import ingestion, processing, versioning
from include.data import staging as stage
from include.development.datasets import building
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.integration.state_fixtures import snapshots_in

MONTHS = Period.between(Period("2013-01"), Period("2013-04"))


@pytest.fixture(scope="session")
def spec() -> UseCase:
    return load_usecase("flight_delay")


@pytest.fixture(scope="session")
def flights(tmp_path_factory: pytest.TempPathFactory, spec: UseCase) -> tuple[Settings, list[SnapshotRef]]:
    """January to April 2013, published."""
    settings = Settings(home=tmp_path_factory.mktemp("flights"))
    lake, store = DeltaLake(settings.lake), FeastFeatureStore(settings)
    store.apply()
    return settings, [publish(spec, settings, lake, store, month) for month in MONTHS]


def publish(
    spec: UseCase, settings: Settings, lake: DeltaLake, store: FeastFeatureStore, period: Period
) -> SnapshotRef:
    """One month by the real data steps, without the quality gates: they take long."""
    staging = settings.staging / period
    ingestion.collect(spec, period, settings.landing / spec.name, staging, Services(settings).adapters.connector)
    processing.build(spec, period, staging, lake)
    stage.mark_passed(staging)
    return versioning.publish(spec, period, staging, lake, snapshots_in(settings.home, spec.name))


@pytest.fixture(scope="session")
def build_dataset(flights: tuple[Settings, list[SnapshotRef]], spec: UseCase):
    """``build_dataset(test_to, **changes) -> DatasetRef`` on the published months."""
    settings, snapshots = flights
    lake, store = DeltaLake(settings.lake), FeastFeatureStore(settings)

    def build(test_to: Period, **changes: object) -> DatasetRef:
        arguments = {"train_from": None, "train_to": None, "excluded": [], "snapshots": snapshots, **changes}
        directory = settings.datasets / spec.name
        return building.build(spec, test_to=test_to, lake=lake, feature_store=store, directory=directory, **arguments)

    return build


@pytest.fixture(scope="session")
def dataset(build_dataset) -> DatasetRef:
    return build_dataset(Period("2013-04"))
