"""Logged predictions come into the lake once, whatever was killed in between."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from include.contracts.deployment import LostAnswers
from include.errors import NotFoundError
from include.loop import monitoring
from include.records.registry import LOST_ANSWERS
from include.services.composition import Services
from tests.unit.evaluation.evaluation_specs import small_spec
from tests.unit.fakes.adapters import services_in
from tests.unit.fakes.serving import MemoryLog
from tests.unit.loop.loop_worlds import APRIL, SPEC, publish


def logged(*requests: str, month: str = "2013-04") -> pd.DataFrame:
    at = pd.Timestamp(f"{month}-15", tz="UTC")
    return pd.DataFrame(
        {
            "request_id": list(requests), "logged_at": at, "release": "r0001", "probability": 0.5, "prediction": 1,
            "latency_ms": 1.0, "missing": 0, "unavailable": 0, "scores": [[0.5]] * len(requests),
            SPEC.event.id: [f"f{r}" for r in requests], SPEC.event.time: at,
        }
    )  # fmt: skip


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = services_in(tmp_path)
    made.adapters.log = MemoryLog(logged("1", "2"), logged("3", month="2013-05"))  # type: ignore[attr-defined]
    return made


def shipped(services: Services) -> list[str]:
    rows = services.adapters.lake.read(SPEC.name, "predictions")
    return sorted(rows["request_id"].to_pylist())


def test_each_prediction_lies_in_the_month_of_its_event(services: Services) -> None:
    assert monitoring.ship_predictions(SPEC, services) == 3
    assert services.adapters.lake.periods(SPEC.name, "predictions") == ["2013-04", "2013-05"]
    assert monitoring.ship_predictions(SPEC, services) == 0
    assert shipped(services) == ["1", "2", "3"]


def test_before_a_period_that_is_not_published_nothing_is_shipped(services: Services) -> None:
    publish(services, "2013-04")
    with pytest.raises(NotFoundError, match="2013-05"):
        monitoring.ship_predictions(SPEC, services, APRIL, APRIL.shift(1))
    assert not services.adapters.lake.exists(SPEC.name, "predictions")
    assert monitoring.ship_predictions(SPEC, services, APRIL) == 3


def test_a_batch_that_was_shipped_before_the_kill_comes_once(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = services.adapters.log  # type: ignore[attr-defined]

    def killed(batch: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(log, "acknowledge", killed)
        with pytest.raises(KeyboardInterrupt):
            monitoring.ship_predictions(SPEC, services)
    assert shipped(services) == ["1", "2"]
    assert monitoring.ship_predictions(SPEC, services) == 1, "only what was not there"
    assert shipped(services) == ["1", "2", "3"]


def test_what_the_log_lacks_is_recorded_once_and_is_a_figure_of_its_month(services: Services) -> None:
    at = datetime(2013, 6, 1, tzinfo=UTC)
    lost = LostAnswers(period=APRIL, release="r0001", rows=7, since=at, until=at, reason="no space", source="a.jsonl:9")
    services.adapters.log = MemoryLog(logged("1", month="2013-09"), logged("2", month="2013-09"), lost=(lost,))  # type: ignore[attr-defined]
    monitoring.ship_predictions(SPEC, services)
    assert LOST_ANSWERS.read(SPEC.name, services.adapters.lake) == [lost]
    publish(services, "2013-04")
    nothing = {SPEC.event.id: pa.array([], pa.string()), str(SPEC.event.label): pa.array([], pa.int8())}
    services.adapters.lake.publish(SPEC.name, "events", pa.table(nothing), APRIL)
    assert monitoring.monitor(SPEC, services, APRIL) == {"r0001.unlogged": 7.0}, "though nothing else is known"


def test_answers_that_were_not_logged_count_in_the_local_month_of_their_hour(services: Services) -> None:
    spec = small_spec(periods={"timezone": "Asia/Tokyo"})
    month = spec.calendar.window(APRIL)  # begins and ends at 15:00 UTC
    begin, end = (int(moment.timestamp()) for moment in month.utc())
    at = datetime(2013, 6, 1, tzinfo=UTC)
    about = {"release": "r0001", "since": at, "until": at, "reason": "no space", "source": "a.jsonl:9"}
    hours = {"2013-03": {begin - 3600: 1, begin: 10}, "2013-04": {end - 3600: 100, end: 1000}}
    lost = [LostAnswers(period=p, rows=sum(h.values()), hours=h, **about) for p, h in hours.items()]
    services.adapters.log = MemoryLog(logged("1", month="2013-09"), lost=lost)  # type: ignore[attr-defined]
    monitoring.ship_predictions(spec, services)
    publish(services, "2013-04", spec=spec)
    times = pa.array([month.start, month.end - timedelta(minutes=1)], pa.timestamp("us", "UTC"))
    events = {spec.event.id: ["a", "b"], spec.event.time: times, str(spec.event.label): pa.array([1, 0], pa.int8())}
    services.adapters.lake.publish(spec.name, "events", pa.table(events), APRIL)
    assert monitoring.monitor(spec, services, APRIL) == {"r0001.unlogged": 110.0}


def test_predictions_of_an_event_are_found_in_its_month_and_its_neighbours(services: Services) -> None:
    monitoring.ship_predictions(SPEC, services)
    for day, found in (("2013-04-20", ["1", "3"]), ("2013-05-01", ["1", "3"]), ("2013-09-01", [])):
        times = pd.Series([pd.Timestamp(day, tz="UTC")] * 3)
        events = pd.DataFrame({SPEC.event.id: ["f1", "f3", "f9"], SPEC.event.time: times})
        assert sorted(services.predictions.of(SPEC, events)["request_id"]) == found
