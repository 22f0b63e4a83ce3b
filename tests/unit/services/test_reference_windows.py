"""Where the rows come from that a window is compared with."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from include.contracts.calendar import Span
from include.contracts.period import Every, Period, filed
from include.records.registry import PREDICTIONS
from include.services.composition import Services
from include.services.reference_windows import YEAR, labelled, references
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import publish
from tests.unit.operations import monitored_world

APRIL, MAY = Period("2013-04"), Period("2013-05")


def spec_of() -> UseCase:
    return small_spec(periods={"first": Period("2012-01"), "last": None, "timezone": "UTC"})


def log_of(spec: UseCase, services: Services, period: Period, seed: int, n: int = 200) -> None:
    log, _ = monitored_world.month(seed, n=n)
    times = pd.Series(pd.date_range(spec.calendar.start(period), periods=n, freq="h")).astype("datetime64[us, UTC]")
    log = log.assign(
        **{spec.event.time: times, "prediction": 1.0, "scores": [[0.5]] * n, "missing": 0, "unavailable": 0},
        period=filed(times),
    )
    PREDICTIONS.append(spec.name, services.adapters.lake, pa.Table.from_pandas(log, preserve_index=False))


def events_of(spec: UseCase, services: Services, period: Period, n: int = 40) -> None:
    times = pd.Series(pd.date_range(spec.calendar.start(period), periods=n, freq="h")).astype("datetime64[us, UTC]")
    ids = [f"{period}-{number}" for number in range(n)]
    rows = pd.DataFrame({spec.event.id: ids, spec.event.time: times, "origin": "JFK", str(spec.event.label): 1})
    table = pa.Table.from_pandas(rows, preserve_index=False)
    services.adapters.lake.publish(spec.name, "events", table, period)
    publish(services, period, spec=spec)


def test_the_window_before_and_last_season_are_read_from_the_log(tmp_path: Path) -> None:
    spec, services = spec_of(), services_in(tmp_path)
    for seed, period in enumerate((MAY.shift(-12), APRIL, MAY)):
        events_of(spec, services, period)
        log_of(spec, services, period, seed)
    before, season = references(spec, services, services.predictions.truth(spec), MAY)
    assert before is not None
    assert season is not None
    assert before.source == "2013-04 (1 month) by the prediction log"
    assert season.source == "2012-05 (1 month) by the prediction log"
    assert len(before.rows) == len(season.rows) == 200
    assert before.rows[spec.event.time].dt.month.unique() == [4]
    assert {"x", "origin", "release"} <= {*before.rows}


def test_a_season_without_answers_is_read_from_the_published_events(tmp_path: Path) -> None:
    spec, services = spec_of(), services_in(tmp_path)
    for period in (MAY.shift(-12), MAY):
        events_of(spec, services, period)
    before, season = references(spec, services, services.predictions.truth(spec), MAY)
    assert before is None, "April is not published"
    assert season is not None
    assert season.source == "2012-05 (1 month) by the published events and the offline store"
    assert [*season.rows] == [spec.event.id, spec.event.time, "origin"], "x is computed of what the events lack"
    assert len(season.rows) == 40


@pytest.mark.parametrize("turned", [False, True])
def test_of_an_event_that_stands_twice_the_newest_row_counts_in_any_order_of_the_rows(
    tmp_path: Path, turned: bool
) -> None:
    spec, services = spec_of(), services_in(tmp_path)
    name, time, label, known = spec.event.id, spec.event.time, str(spec.event.label), str(spec.event.label_time)
    at, twice = spec.calendar.start(MAY.shift(-12)), ["LGA", "JFK"] if turned else ["JFK", "LGA"]
    for late, (period, origins) in enumerate(((MAY.shift(-13), ["AAA"]), (MAY.shift(-12), twice))):
        rows = {name: ["e"] * len(origins), time: at, "origin": origins, label: late, known: at}
        table = pa.Table.from_pandas(pd.DataFrame(rows), preserve_index=False)
        services.adapters.lake.publish(spec.name, "events", table, period)
        publish(services, period, spec=spec)
    truth = services.predictions.truth(spec)
    two_months = spec.model_copy(update={"monitoring": spec.monitoring.model_copy(update={"window": Span("2 months")})})
    _, season = references(two_months, services, truth, MAY)
    assert season is not None
    assert season.rows["origin"].tolist() == ["LGA"]
    known_then = labelled(two_months, truth, MAY.shift(-12))
    assert known_then is not None
    assert known_then[label].tolist() == [1], "as May has it"


def test_without_either_there_is_no_reference(tmp_path: Path) -> None:
    spec, services = spec_of(), services_in(tmp_path)
    events_of(spec, services, MAY)
    assert references(spec, services, services.predictions.truth(spec), MAY) == (None, None)


@pytest.mark.parametrize("every", YEAR)
def test_a_year_ago_is_the_same_weekday_and_hour(every: Every) -> None:
    now = Period.named(datetime(2013, 6, 5, 14, tzinfo=UTC), every)
    then = now.shift(-YEAR[every])
    assert then.nominal.year == 2012
    if every in ("hour", "day", "week"):
        assert (then.nominal.weekday(), then.nominal.hour) == (now.nominal.weekday(), now.nominal.hour)
    else:
        assert then.nominal.month == now.nominal.month
