"""The real flights by day pass the gates that they pass by month, and are the same rows with the same features."""

from pathlib import Path

import pandas as pd
import pytest

from include.contracts.period import Period
from include.data import versioning
from include.errors import MissingPeriodError
from include.services.composition import Services
from include.specification.usecase import UseCase
from tests.integration.flights_by_day import by_day, run_range, services_in
from tests.integration.usecase_fixtures import Loop

pytestmark = pytest.mark.integration
KEY = {"events": "flight_id", "weather": "observed_at", "airport_weather": "event_timestamp"}
BLIZZARD = Period.ranged("2013-02-08..2013-02-10")  # half of the flights were cancelled


def rows(spec: UseCase, services: Services, periods: list[Period], table: str) -> pd.DataFrame:
    snapshots = services.records.snapshots(spec)
    refs = [versioning.snapshot(period, snapshots) for period in periods]
    parts = [versioning.read(one, table, services.adapters.lake).to_pandas() for one in refs]
    key = [KEY[table], "origin"]
    return pd.concat(parts).sort_values(key, ignore_index=True)


def within(rows: pd.DataFrame, spec: UseCase, periods: list[Period], late: str = "0h") -> pd.DataFrame:
    """Those whose time is in the periods; feature values are known ``late`` after the reading."""
    window = spec.calendar.window(periods[0], periods[-1])
    name = next(name for name in ("event_timestamp", "observed_at") if name in rows)
    times = pd.to_datetime(rows[name], utc=True) - pd.Timedelta(late)
    return rows[(times >= window.start) & (times < window.end)].reset_index(drop=True)


def same(daily: tuple[UseCase, Services], days: list[Period], month: Loop, months: list[Period]) -> None:
    """Rows and features by day are those by month; the first day has no day to look back into."""
    spec = daily[0]
    for table, first, late in (("events", 0, "0h"), ("weather", 0, "0h"), ("airport_weather", 1, "1h")):
        by_month = within(rows(month.spec, month.services, months, table), spec, days[first:], late)
        pd.testing.assert_frame_equal(rows(*daily, days[first:], table), by_month)
        assert len(by_month)


def test_three_days_around_a_blizzard(tmp_path: Path) -> None:
    spec, services = by_day(), services_in(tmp_path / "days")
    run_range(spec, services, "2013-02-08..2013-02-10", "run", online=False)
    month = Loop(tmp_path / "months", "flight_delay")
    month.publish("2013-02", online=False)
    same((spec, services), BLIZZARD, month, [Period("2013-02")])


@pytest.mark.full
def test_every_day_of_the_year(tmp_path: Path) -> None:
    spec, services = by_day(), services_in(tmp_path / "days")
    days = run_range(spec, services, "2013-01-01..2013-12-30", "run", online=False)
    assert len(days) == 364
    longer = spec.model_copy(update={"periods": spec.periods.model_copy(update={"last": Period("2013-12-31")})})
    with pytest.raises(MissingPeriodError, match="2013-12-31"):  # the archive has no weather of it
        run_range(longer, services, "2013-12-31", "last", online=False)
    month, months = Loop(tmp_path / "months", "flight_delay"), Period.ranged("2013-01..2013-12")
    for period in months:
        month.publish(period, online=False)
    same((spec, services), days, month, months)
