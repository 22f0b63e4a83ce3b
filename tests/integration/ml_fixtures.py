"""Published months of the real flights, a dataset on them, and a real MLflow server."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from include.adapters.experiment_server import mlflow_server
from include.adapters.feature_store import FeastFeatureStore
from include.adapters.lake import DeltaLake
from include.contracts.development import DatasetRef
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef
from include.data import ingestion, processing, versioning
from include.data import staging as stage
from include.development.datasets import building
from include.formats import certificates
from include.platform import secrets
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.integration.ports import free_port
from tests.integration.state_fixtures import snapshots_in

PASSWORD = "of-the-tests-only"
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


@contextmanager
def mlflow_running(home: Path) -> Iterator[Settings]:
    """A real MLflow server below ``home`` on a free port; stopped at the end."""
    os.environ["MOEBIUS_MLFLOW_PASSWORD"] = PASSWORD  # of every server and client of this test process
    settings = Settings(home=home, mlflow_port=free_port())
    command, environment = mlflow_server(settings)
    environment |= secrets.environment(settings, ["mlflow_password", "mlflow_admin", "mlflow_flask"])
    with (home / "mlflow.log").open("w") as log:
        process = subprocess.Popen(
            command,
            env=os.environ | environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=settings.home / "mlflow",
        )
    try:
        _await_answer(settings, process, home / "mlflow.log")
        yield settings
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=20)


def _await_answer(settings: Settings, process: subprocess.Popen, log: Path, seconds: float = 60) -> None:
    """Until the database is there too, which ``/health`` does not wait for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            answer = httpx.get(
                f"{settings.mlflow_url}/api/2.0/mlflow/experiments/get?experiment_id=0",
                timeout=30,
                verify=certificates.needed(settings.mlflow_url),
                auth=(settings.mlflow_user, PASSWORD),
            )
            if answer.status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"MLflow did not answer in {seconds} s: {log.read_text()}")


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with mlflow_running(tmp_path_factory.mktemp("tracking")) as settings:
        yield settings
