"""Composition root: settings → adapters. Nothing is opened before it is used."""

from functools import cached_property, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from include.contracts import Figure, Period, RolloutState, SnapshotRef, Verdict
from include.settings import Settings, load_settings
from include.usecase import UseCase


class Services:
    """The outside systems of one process, and where each use case keeps its state."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    # -- adapters
    @cached_property
    def lake(self):
        from include.adapters.lake import DeltaLake

        return DeltaLake(self.settings.lake)

    @cached_property
    def validator(self):
        from include.adapters.validator import ExpectationValidator

        return ExpectationValidator()

    @cached_property
    def feature_store(self):
        from include.adapters.feature_store import FeastFeatureStore

        return FeastFeatureStore(self.settings)

    @cached_property
    def tracker(self):
        from include.adapters.experiment_tracker import MlflowTracker

        return MlflowTracker(self.settings)

    @cached_property
    def metrics_server(self):
        from include.adapters.metrics_server import Prometheus

        return Prometheus(self.settings.prometheus_url)
