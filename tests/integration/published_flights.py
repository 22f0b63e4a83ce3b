"""The flights of 2013 with the features of the use case, by the product's own data steps."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from include.adapters.feature_store import FeastFeatureStore
from include.adapters.lake import DeltaLake
from include.contracts.period import Period
from include.development.datasets.building import shaped, with_features
from include.development.datasets.labelled_events import labelled
from include.settings import Settings
from include.specification.usecase import UseCase
from tests.integration.ml_fixtures import publish

YEAR = Period.between(Period("2013-01"), Period("2013-12"))


def published_flights(spec: UseCase, home: Path) -> pd.DataFrame:
    """Every flight whose label is known, as rows of a dataset with the column ``period``; published below ``home``."""
    settings = Settings(home=home)
    lake, store = DeltaLake(settings.lake), FeastFeatureStore(settings)
    store.apply()
    snapshots = [publish(spec, settings, lake, store, month) for month in YEAR]
    events = labelled(spec, lake, snapshots, datetime.now(UTC)).rows
    rows = with_features(spec, events, store, snapshots)
    return shaped(spec, rows).assign(period=rows["period"].to_numpy())
