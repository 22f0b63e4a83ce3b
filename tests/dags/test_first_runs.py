"""What runs by the clock runs first when its time has come after the state root was made."""

from datetime import UTC, datetime
from pathlib import Path

import pendulum
import pytest
from airflow.timetables import trigger
from airflow.timetables.base import TimeRestriction

from include.formats import state_file
from include.orchestration import dags
from include.settings import Settings
from include.specification.loader import load_usecase

SPEC = load_usecase("flight_delay")
MADE = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path)
    state_file.write(tmp_path / "made", MADE.isoformat(), plain=True)
    monkeypatch.setattr(dags, "load_settings", lambda: settings)


def dag(schedule: object) -> dags.DAG:
    return dags.usecase_dag(
        SPEC, lambda spec: None, "maintenance", arc="ops", component="data", doc=None, schedule=schedule
    )


@pytest.mark.parametrize(
    ("now", "first"),
    [
        ("2026-11-30T09:31Z", "2026-12-01T02:00Z"),  # not at once, for the night before
        ("2026-12-01T09:00Z", "2026-12-01T02:00Z"),  # the machine was off at night: as soon as it is on
    ],
)
def test_the_first_night_is_the_one_after_the_first_start(
    now: str, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trigger, "utcnow", lambda: pendulum.parse(now))
    start = pendulum.instance(dag("0 2 * * *").start_date)
    info = trigger.CronTriggerTimetable("0 2 * * *", timezone="UTC").next_dagrun_info(
        last_automated_data_interval=None, restriction=TimeRestriction(start, None, catchup=False)
    )
    assert info is not None
    assert info.run_after == pendulum.parse(first)


def test_what_starts_on_an_event_has_no_such_beginning() -> None:
    assert dag(None).start_date == datetime(2013, 1, 1, tzinfo=UTC)
