"""Many periods in one run: days of the real flights, also after a kill, a day without rows and an outage."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.contracts.period import Period
from include.data import ingestion, quality, versioning
from include.data import staging as stage
from include.errors import GateRefusedError, MissingPeriodError
from include.loop import data_pipeline
from include.services.composition import Services
from include.settings import ROOT
from include.specification.usecase import UseCase
from tests.integration.flights_by_day import by_day, run_range, services_in
from tests.integration.pipeline_fixtures import wait_until

pytestmark = pytest.mark.integration
DAYS = Period.ranged("2013-01-01..2013-01-04")


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path)


@pytest.fixture(scope="module")
def spec() -> UseCase:
    return by_day()


def evaluations(spec: UseCase, services: Services) -> list[tuple[str, str]]:
    """Which gate judged which day, in this order."""
    return [(one.period, one.gate) for one in quality.results(spec, services.adapters.lake)]


def deliver_nothing(spec: UseCase, services: Services, day: str) -> Path:
    """A day of flights with its header only."""
    file = services.places.landing(spec) / day / "flights.csv"
    file.parent.mkdir(parents=True)
    file.write_text(",".join(spec.sources["flights"].columns) + "\n")
    return file


def test_a_killed_backfill_continues_at_the_day_where_it_stood(spec: UseCase, services: Services) -> None:
    snapshots = services.records.snapshots(spec)
    command = [sys.executable, "-m", "tests.integration.flights_by_day"]
    run = subprocess.Popen(
        [*command, str(services.settings.home), "2013-01-01..2013-01-04", "run"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
        start_new_session=True,
    )
    try:
        wait_until(lambda: len(snapshots.catch_up("run").periods) >= 2, 300, "two days are published")
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    before = snapshots.catch_up("run").periods
    kept = {one.period: one for one in snapshots.published()}
    assert DAYS[: len(before)] == before
    assert set(before) <= set(kept), "what was published before the kill can be read"
    judged = evaluations(spec, services)

    assert run_range(spec, services, "2013-01-01..2013-01-04", "run", online=False) == DAYS
    assert [one.period for one in snapshots.published()] == DAYS
    assert {day: snapshots.current(day) for day in before} == {day: kept[day] for day in before}
    again = evaluations(spec, services)[len(judged) :]
    assert {day for day, _ in again} == set(DAYS) - set(before), "no day is built twice"
    assert not list(services.places.staging(spec, "run").parent.glob("run__*"))


def test_a_scheduled_run_catches_up_what_is_not_published_and_leaves_out_a_day_without_rows(
    spec: UseCase, services: Services
) -> None:
    snapshots = services.records.snapshots(spec)
    gone = spec.sources["flights"].model_copy(
        update={"options": {"path": str(services.settings.home / "{period}.parquet")}}
    )
    of_day = spec.model_copy(update={"sources": {**spec.sources, "flights": gone}})
    rows = {day: _flights(spec, services, day) for day in DAYS[:3]}
    for day in (DAYS[0], DAYS[2]):
        _write(services, day, rows[day])
    assert run_range(of_day, services, DAYS[2], "late", scheduled=True, online=False) == [DAYS[0], DAYS[2]]
    with pytest.raises(MissingPeriodError, match=r"2013-01-02.*header only.*may_be_empty: true"):
        run_range(of_day, services, "2013-01-01..2013-01-03", "asked for", online=False)
    assert snapshots.catch_up("asked for").periods == [DAYS[0]]

    _write(services, DAYS[1], rows[DAYS[1]])
    _write(services, DAYS[3], _flights(spec, services, DAYS[3]))
    # what the run that stopped had published is known; the late day and the newest are new
    assert run_range(of_day, services, DAYS[3], "next", scheduled=True, online=False) == [DAYS[1], DAYS[3]]
    again = data_pipeline.look_back(of_day, services, DAYS[3], "next")
    assert [one["fields"]["period"] for one in again] == [DAYS[2]], "its features look back into the late day"


def test_a_day_without_rows_is_published_without_where_spec_and_suites_allow_it(
    spec: UseCase, services: Services
) -> None:
    deliver_nothing(spec, services, DAYS[0])
    with pytest.raises(GateRefusedError, match="2013-01-01: the raw gate refused the data"):
        run_range(spec, services, DAYS[0], "a suite says no", online=False)
    sparse = {name: source.model_copy(update={"may_be_empty": True}) for name, source in spec.sources.items()}
    allowed = spec.model_copy(update={"sources": sparse})
    at = (allowed, services, DAYS[0], "a suite says yes")
    assert data_pipeline.collect(*at)["flights"] == 0
    data_pipeline.build_features(*at)
    stage.mark_passed(services.places.staging(spec, "a suite says yes"))
    snapshot = data_pipeline.publish(*at)
    assert versioning.read(snapshot, "events", services.adapters.lake).num_rows == snapshot.tables["events"].rows == 0
    assert run_range(allowed, services, DAYS[1], "next", online=False) == [DAYS[1]]


def _flights(spec: UseCase, services: Services, day: Period) -> pa.Table:
    return ingestion.tables(spec, day, services.places.landing(spec), services.adapters.connector)["flights"]


def _write(services: Services, day: Period, rows: pa.Table) -> None:
    pq.write_table(rows, services.settings.home / f"{day}.parquet")
