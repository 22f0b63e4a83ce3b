"""What the two environments would share is told apart: a Redis of one's own, the feature store, MLflow's names."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from include.adapters import redis_server
from include.adapters.experiment_tracker import MlflowTracker
from include.adapters.feature_store import FeastFeatureStore
from include.adapters.file_locks import FileLocks
from include.contracts.development import DatasetRef, PartRef
from include.contracts.period import Period
from include.demo.scenario import _periods
from include.errors import MissingPeriodError, ServiceError, SettingsError
from include.platform.airflow import environment
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase, usecase_names
from tests.integration.ports import free_port
from tests.integration.redis_fixtures import redis_settings

__all__ = ["redis_settings"]
pytestmark = pytest.mark.integration
SPEC = load_usecase("flight_delay")


def test_a_redis_database_belongs_to_one_environment(redis_settings: Settings) -> None:
    def of(name: str, database: int) -> Settings:
        url = f"redis://127.0.0.1:{redis_settings.redis_port}/{database}"
        return Settings(environment=name, redis_url=url)

    redis_server.claim(of("prod", 0))
    redis_server.claim(of("prod", 0))
    with pytest.raises(SettingsError, match="is prod's, and this is dev: give each environment a database"):
        redis_server.claim(of("dev", 0))
    redis_server.claim(of("dev", 1))


def test_a_redis_that_is_away_is_named() -> None:
    with pytest.raises(ServiceError, match="MOEBIUS_REDIS_URL does not answer"):
        redis_server.claim(Settings(redis_url=f"redis://127.0.0.1:{free_port()}/0"))


def test_one_mlflow_server_keeps_the_models_apart(mlflow: Settings) -> None:
    part = PartRef(path="/nowhere", rows=1, content_hash="0" * 64, periods=["2013-01"])
    dataset = DatasetRef(
        usecase="apart", name="2013-01-abc", path="/nowhere", feature_service="s", label="late",
        train=part, validation=part, test=part, snapshots={},
    )  # fmt: skip
    prod, dev = (
        MlflowTracker(one, FileLocks(one.home)) for one in (mlflow, mlflow.model_copy(update={"environment": "dev"}))
    )
    made = dev.log_training("apart", dataset, b"model", {}, {}, {})
    dev.set_alias("apart", "challenger", made.version)
    assert made.uri == f"models:/apart_dev/{made.version}"
    assert (dev.versions("apart"), prod.versions("apart")) == ([made.version], [])
    assert (dev.alias("apart", "challenger"), prod.alias("apart", "challenger")) == (made.version, None)
    assert dev.load(dev.model("apart", made.version)) == b"model"


@pytest.mark.parametrize(("name", "project"), [("prod", "moebius"), ("dev", "moebius_dev")])
def test_the_feature_store_has_a_project_per_environment(tmp_path: Path, name: str, project: str) -> None:
    settings = Settings(environment=name, home=tmp_path)
    FeastFeatureStore(settings).apply()
    with closing(sqlite3.connect(settings.feature_store / "online.db")) as online:
        tables = {row[0] for row in online.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == {f"{project}_{view}" for usecase in usecase_names() for view in load_usecase(usecase).views}
    with closing(sqlite3.connect(settings.feature_store / "registry.db")) as registry:
        assert {row[0] for row in registry.execute("SELECT project_id FROM projects")} == {project}


def test_airflow_says_which_one_it_is_and_knows_the_logins(tmp_path: Path) -> None:
    settings = Settings(environment="dev", home=tmp_path, airflow_users={"vera": "viewer"})
    variables = environment(settings)
    assert "DEV" in variables["AIRFLOW__API__INSTANCE_NAME"]
    assert variables["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "vera:viewer,admin:admin"
    assert variables["MOEBIUS_ENVIRONMENT"] == "dev"


def test_the_demo_in_dev_plays_what_was_handed_over(tmp_path: Path) -> None:
    services = Services(Settings(environment="dev", home=tmp_path))
    with pytest.raises(MissingPeriodError, match="2013-01 was not handed over"):
        _periods(SPEC, services, Period("2013-12"))
    for month in ("2013-01", "2013-02", "2013-04"):
        (services.places.landing(SPEC) / month).mkdir(parents=True)
        for table in SPEC.sources:
            (services.places.landing(SPEC) / month / f"{table}.parquet").touch()
    assert _periods(SPEC, services, Period("2013-12")) == [Period("2013-01"), Period("2013-02")]
    assert len(_periods(SPEC, Services(Settings(environment="prod", home=tmp_path)), Period("2013-12"))) == 12
