"""A platform's data rooms below a temporary directory, with the real lake, checks and feature store."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from include.adapters.feature_store import FeastFeatureStore
from include.adapters.lake import DeltaLake
from include.adapters.scan.parquet import ParquetScan
from include.adapters.validator import ExpectationEngine
from include.contracts.period import Period
from include.contracts.pseudonyms import KeyRing
from include.contracts.quality import GateResult
from include.contracts.tables import SnapshotRef
from include.data import ingestion, processing, quality, versioning
from include.data.manifests import Snapshots
from include.data.validation import SuiteValidator
from include.governance import privacy
from include.ports.sources import Connect
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.integration.state_fixtures import snapshots_in

SUITES = Settings().suites


def suite_validator(suites: Path = SUITES) -> SuiteValidator:
    return SuiteValidator(suites, ExpectationEngine(), ParquetScan("1GB"))


@dataclass(frozen=True)
class DataRooms:
    """Runs the data pipeline's steps as its tasks do."""

    home: Path
    validator: SuiteValidator

    @cached_property
    def spec(self) -> UseCase:
        return load_usecase("flight_delay")

    @cached_property
    def lake(self) -> DeltaLake:
        return DeltaLake(self.home / "lake")

    @cached_property
    def store(self) -> FeastFeatureStore:
        store = FeastFeatureStore(Settings(home=self.home))
        store.apply()
        return store

    @property
    def connect(self) -> Connect:
        return Services(Settings(home=self.home)).adapters.connector

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    @property
    def quarantine(self) -> Path:
        return self.home / "quarantine"

    @property
    def snapshots(self) -> Snapshots:
        return snapshots_in(self.home, self.spec.name)

    def staging(self, period: str) -> Path:
        return self.home / "staging" / period

    def collect(self, period: str) -> dict[str, int]:
        treat = privacy.treatment(self.spec, KeyRing.parse("k01:a-secret-of-the-rooms"))
        return ingestion.collect(self.spec, Period(period), self.landing, self.staging(period), self.connect, treat)

    def gate(self, name: quality.Gate, period: str) -> GateResult:
        rooms = (self.staging(period), self.quarantine, self.validator, self.lake)
        return quality.gate(self.spec, name, Period(period), *rooms)

    def build(self, period: str) -> dict[str, int]:
        return processing.build(self.spec, Period(period), self.staging(period), self.lake, self.snapshots)

    def publish(self, period: str) -> SnapshotRef:
        self.collect(period)
        self.gate("raw", period)
        self.build(period)
        self.gate("features", period)
        return versioning.publish(self.spec, Period(period), self.staging(period), self.lake, self.snapshots)

    def serve(self, period: str) -> SnapshotRef:
        snapshot = self.publish(period)
        versioning.materialize(self.spec, Period(period), self.store)
        return snapshot

    def deliver(self, period: str, table: str, rows: pd.DataFrame) -> None:
        directory = self.landing / period
        directory.mkdir(parents=True, exist_ok=True)
        rows.to_csv(directory / f"{table}.csv", index=False)

    def archived(self, period: str, table: str) -> pd.DataFrame:
        nothing = self.home / "nothing"
        batches = ingestion.batches(self.spec, table, Period(period), nothing, self.connect)
        return pa.Table.from_batches(batches).to_pandas()


@pytest.fixture(scope="session")
def validator() -> SuiteValidator:
    return suite_validator()


@pytest.fixture
def rooms(tmp_path: Path, validator: SuiteValidator) -> DataRooms:
    return DataRooms(tmp_path, validator)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, validator: SuiteValidator) -> DataRooms:
    """January and February, published and in the feature store."""
    rooms = DataRooms(tmp_path_factory.mktemp("served"), validator)
    for month in ("2013-01", "2013-02"):
        rooms.serve(month)
    return rooms
