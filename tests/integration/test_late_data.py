"""Rows that come late: found at the next period's run, in the lake once, never lost and never twice."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pydantic import SecretStr

from include.contracts.period import Period
from include.data import ingestion, staging
from include.loop import data_pipeline
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.integration.privacy_fixtures import KEYS

pytestmark = pytest.mark.integration
SPEC = load_usecase("flight_delay")
JANUARY, FEBRUARY = Period("2013-01"), Period("2013-02")


class Feed:
    """A source of monthly files that still grow, and the platform that reads them."""

    def __init__(self, home: Path, months: dict[str, dict[str, pd.DataFrame]]) -> None:
        self.services, self.files = Services(Settings(home=home / "var", pseudonym_keys=SecretStr(KEYS))), home / "feed"
        self.spec = self._spec()
        for month, tables in months.items():
            for table, rows in tables.items():
                self.write(month, table, rows)

    def _spec(self) -> UseCase:
        places = {table: "{period}" if source.time else "2013-01" for table, source in SPEC.sources.items()}
        options = {table: {"path": str(self.files / place / f"{table}.parquet")} for table, place in places.items()}
        sources = {t: s.model_copy(update={"options": options[t]}) for t, s in SPEC.sources.items()}
        return SPEC.model_copy(update={"sources": sources})

    def write(self, month: str, table: str, rows: pd.DataFrame) -> None:
        (self.files / month).mkdir(parents=True, exist_ok=True)
        rows.to_parquet(self.files / month / f"{table}.parquet", index=False)

    def read(self, month: str, table: str) -> pd.DataFrame:
        return pd.read_parquet(self.files / month / f"{table}.parquet")

    def run(self, period: Period, run: str) -> list[dict[str, Any]]:
        """The pipeline of a month without its gates; what it would start for late rows."""
        data_pipeline.collect(self.spec, self.services, period, run)
        late = data_pipeline.look_back(self.spec, self.services, period, run)
        data_pipeline.build_features(self.spec, self.services, period, run)
        staging.mark_passed(self.services.places.staging(self.spec, run))
        data_pipeline.publish(self.spec, self.services, period, run)
        return late

    def late(self) -> list[str]:
        return [one["fields"]["period"] for one in data_pipeline.look_back(self.spec, self.services, FEBRUARY, "again")]

    def hours(self, month: str) -> pd.Series:
        return self.services.adapters.lake.read(SPEC.name, "weather", [month]).to_pandas()["observed_at"]


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, pd.DataFrame]]:
    """January and February, of the flights every fiftieth; the last hour of January is still to come."""
    services = Services(Settings(home=tmp_path_factory.mktemp("archive"), pseudonym_keys=SecretStr(KEYS)))
    found = {}
    for period in (JANUARY, FEBRUARY):
        tables = ingestion.tables(SPEC, period, services.settings.landing, services.adapters.connector)
        found[period] = {name: rows.to_pandas() for name, rows in tables.items()}
        found[period]["flights"] = found[period]["flights"].iloc[::50]
    weather = found["2013-01"]["weather"]
    found["2013-01"]["weather"] = weather[weather.time_hour < weather.time_hour.max()]
    found["late"] = {"weather": weather[weather.time_hour == weather.time_hour.max()]}
    return found


@pytest.fixture
def feed(tmp_path: Path, months: dict[str, dict[str, pd.DataFrame]]) -> Feed:
    """Both months are published."""
    feed = Feed(tmp_path, months)
    assert feed.run(JANUARY, "first") == []
    assert feed.run(FEBRUARY, "second") == []
    return feed


def test_late_rows_are_found_and_their_month_runs_again(feed: Feed, months: Any) -> None:
    before = len(feed.hours("2013-01"))
    feed.write("2013-01", "weather", pd.concat([feed.read("2013-01", "weather"), months["late"]["weather"]]))
    asked = feed.run(FEBRUARY, "third")
    # the rolling features of February look back into January
    assert [one["fields"] for one in asked] == [{"period": "2013-01..2013-02", "look_back": False}]
    for one in asked:
        for period in Period.ranged(one["fields"]["period"]):
            feed.run(period, f"{one['trigger_run_id']}__{period}")
    assert len(feed.hours("2013-01")) == before + len(months["late"]["weather"])
    assert feed.late() == []


def test_the_order_of_rows_says_nothing(feed: Feed) -> None:
    feed.write("2013-01", "weather", feed.read("2013-01", "weather").sample(frac=1, random_state=1))
    assert feed.late() == []


def test_a_changed_doubled_or_vanished_row_is_found(feed: Feed) -> None:
    rows = feed.read("2013-01", "weather").sort_values("time_hour")
    for changed in (
        rows.assign(temp=[*rows.temp[:-1], -1.0]),
        pd.concat([rows, rows.tail(1)]),
        rows.head(-1),
        rows[rows.time_hour < "2013-01-20T00:00Z"],
    ):
        feed.write("2013-01", "weather", changed)
        assert feed.late() == ["2013-01..2013-02"]


def test_what_is_older_than_the_late_window_is_not_asked_for_again(feed: Feed) -> None:
    rows = feed.read("2013-01", "weather").sort_values("time_hour")
    feed.write("2013-01", "weather", rows.iloc[1:])
    assert feed.late() == []


def test_a_delivered_file_holds_whatever_its_source_says_later(feed: Feed) -> None:
    landing = feed.services.places.landing(feed.spec) / "2013-01"
    landing.mkdir(parents=True)
    feed.read("2013-01", "weather").to_parquet(landing / "weather.parquet", index=False)
    feed.write("2013-01", "weather", feed.read("2013-01", "weather").head(5))
    assert feed.late() == []
    (landing / "weather.parquet").unlink()
    assert feed.late() == ["2013-01..2013-02"]


def test_a_month_that_was_collected_but_never_published_is_left_alone(tmp_path: Path, months: Any) -> None:
    feed = Feed(tmp_path, months)
    data_pipeline.collect(feed.spec, feed.services, JANUARY, "refused by a gate")
    feed.write("2013-01", "weather", feed.read("2013-01", "weather").head(5))
    assert feed.late() == []


def test_the_record_is_the_same_for_the_same_rows(feed: Feed) -> None:
    def records() -> pa.Table:
        return feed.services.adapters.lake.read(SPEC.name, "collections", ["2013-01"])

    first, version = records(), feed.services.adapters.lake.version(SPEC.name, "collections")
    data_pipeline.collect(feed.spec, feed.services, JANUARY, "again")
    assert records().equals(first)
    assert feed.services.adapters.lake.version(SPEC.name, "collections") == version
    assert set(first["source"].to_pylist()) == {"flights", "weather"}
    assert sum(first["rows"].to_pylist()) == len(feed.read("2013-01", "flights")) + len(feed.read("2013-01", "weather"))


def test_nothing_of_the_look_back_stays_in_staging(feed: Feed) -> None:
    feed.late()
    assert not list(feed.services.settings.staging.rglob("*late*"))
