"""The real flights of January to April 2013 as a dataset, tested on April."""

from pathlib import Path

from include.adapters.feature_store import FeastFeatureStore
from include.adapters.lake import DeltaLake
from include.contracts.development import DatasetRef
from include.contracts.period import Period
from include.development.datasets import building
from include.settings import Settings
from include.specification.usecase import UseCase
from tests.integration.ml_fixtures import MONTHS, publish


def flights_dataset(spec: UseCase, directory: Path) -> DatasetRef:
    """Published by the real data steps below ``directory``."""
    settings = Settings(home=directory)
    lake, store = DeltaLake(settings.lake), FeastFeatureStore(settings)
    store.apply()
    return building.build(
        spec,
        train_from=None,
        train_to=None,
        test_to=MONTHS[-1],
        excluded=[],
        lake=lake,
        feature_store=store,
        snapshots=[publish(spec, settings, lake, store, Period(month)) for month in MONTHS],
        directory=settings.datasets / spec.name,
    )
