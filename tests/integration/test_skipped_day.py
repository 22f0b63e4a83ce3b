"""A day that its zone skipped has no time: it is published without rows, and no source is asked."""

import logging
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from include.contracts.period import Period
from include.data import ingestion, versioning
from include.errors import MissingPeriodError
from include.loop import data_pipeline
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.integration.usecase_fixtures import KEYS

pytestmark = pytest.mark.integration

SKIPPED, BEFORE = Period("2011-12-30"), Period("2011-12-29")


@pytest.fixture
def services(tmp_path: Path) -> Services:
    services = Services(Settings.model_validate({"home": tmp_path / "var", "pseudonym_keys": KEYS}))
    services.adapters.feature_store.apply()
    return services


def deliver_planes(spec: UseCase, services: Services) -> None:
    """A registry of that year: the one that the use case reads has planes of 2013."""
    landing = services.places.landing(spec)
    registry = ingestion.tables(spec, SKIPPED, landing, services.adapters.connector)["planes"]
    (landing / SKIPPED).mkdir(parents=True)
    pq.write_table(registry.filter(pc.less(registry["year"], 2011)), landing / SKIPPED / "planes.parquet")


def in_apia() -> UseCase:
    """The flights by days of Samoa; the archive has no row of 2011, so nothing comes from it."""
    spec = load_usecase("flight_delay")
    asked = {"first": "2011-12-28", "timezone": "Pacific/Apia", "schedule": "@daily"}
    return spec.model_copy(update={"periods": type(spec.periods).model_validate(asked)})


def test_a_skipped_day_passes_the_gates_without_rows(services: Services, caplog: pytest.LogCaptureFixture) -> None:
    spec, run = in_apia(), "skipped"
    deliver_planes(spec, services)
    with caplog.at_level(logging.INFO):
        assert data_pipeline.collect(spec, services, SKIPPED, run)["flights"] == 0
        assert data_pipeline.gate(spec, services, SKIPPED, run, "raw").passed
        data_pipeline.build_features(spec, services, SKIPPED, run)
        assert data_pipeline.gate(spec, services, SKIPPED, run, "features").passed
    snapshot = data_pipeline.publish(spec, services, SKIPPED, run)
    assert versioning.read(snapshot, "events", services.adapters.lake).num_rows == 0
    said = "2011-12-30 has no time, Pacific/Apia skipped it: it has no rows"
    assert said in caplog.text


def test_a_range_takes_it_along_and_a_day_with_time_is_still_missed(services: Services) -> None:
    spec = in_apia()
    deliver_planes(spec, services)
    assert data_pipeline.catch_up(spec, services, [SKIPPED, SKIPPED.shift(1)], "range", scheduled=False) == [SKIPPED]
    with pytest.raises(MissingPeriodError, match="no rows for 2011-12-29"):
        data_pipeline.collect(spec, services, BEFORE, "before")
