"""Logged predictions meet their labels: the newest answer of each event, whatever the calendar of its period."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from include.contracts.calendar import Calendar
from include.contracts.period import Period
from include.errors import DataError
from include.records.registry import PREDICTIONS
from include.services.composition import Services
from include.services.predictions import newest
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import APRIL, SPEC, publish

ID, TIME, LABEL = SPEC.event.id, SPEC.event.time, SPEC.event.label


def logged(event: str, request: str, hour: int, release: str = "r0001") -> dict:
    at = datetime(2013, 4, 15, hour, tzinfo=UTC)
    return {
        "period": "2013-04", "request_id": request, "logged_at": at, "release": release, "probability": 0.5,
        "prediction": 1.0, "scores": [0.5], "missing": 0, "unavailable": 0, "latency_ms": 1.0, ID: event, TIME: at,
    }  # fmt: skip


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = services_in(tmp_path)
    rows = [logged("a", "1", 1), logged("a", "2", 2), logged("b", "3", 3, "r0002"), logged("c", "4", 4, "r0009")]
    PREDICTIONS.append(SPEC.name, made.adapters.lake, pa.Table.from_pylist(rows))
    return made


def since(services: Services, hour: int = 0) -> pd.DataFrame:
    begun = datetime(2013, 4, 15, hour, tzinfo=UTC).timestamp()
    return services.predictions.since(SPEC, begun, ["r0001", "r0002"])


def test_only_the_newest_answer_of_the_named_releases_counts(services: Services) -> None:
    assert since(services)["request_id"].tolist() == ["2", "3"]
    assert since(services, hour=3)["request_id"].tolist() == ["3"]


def test_an_answer_without_a_lookup_compares_no_releases(services: Services) -> None:
    late = logged("b", "5", 5, "r0002") | {"unavailable": 1}
    PREDICTIONS.append(SPEC.name, services.adapters.lake, pa.Table.from_pylist([late]))
    assert since(services)["request_id"].tolist() == ["2", "3"]


def test_without_a_log_there_are_no_answers(tmp_path: Path) -> None:
    rows = since(services_in(tmp_path))
    assert (len(rows), {ID, TIME, "release"} <= set(rows.columns)) == (0, True)


def test_an_answer_without_a_published_label_is_left_out(services: Services) -> None:
    assert services.predictions.labelled(SPEC, since(services)).empty
    publish(services, "2013-04")
    events = pa.table({ID: ["a", "b"], LABEL: pa.array([1, None], pa.int8())})
    services.adapters.lake.publish(SPEC.name, "events", events, APRIL)
    labelled = services.predictions.labelled(SPEC, since(services))
    assert (labelled[ID].tolist(), labelled[LABEL].tolist()) == (["a"], [1])


def test_equal_times_are_told_apart_by_the_request() -> None:
    rows = pd.DataFrame({ID: ["a", "a"], "logged_at": [1, 1], "request_id": ["2", "1"]})
    assert newest(SPEC, rows)["request_id"].tolist() == ["2"]


def test_a_label_of_an_ab_test_that_is_none_of_the_task_is_refused_by_name_and_count(services: Services) -> None:
    publish(services, "2013-04")
    events = pa.table({ID: ["a", "b"], LABEL: pa.array([1, 2], pa.int64())})
    services.adapters.lake.publish(SPEC.name, "events", events, APRIL)
    with pytest.raises(DataError, match="events of 2013-04: flight_delay: 1 of 2 labels 'late' cannot be used"):
        services.predictions.labelled(SPEC, since(services))


ZONES = [
    "Pacific/Kiritimati",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Europe/Berlin",
    "UTC",
    "America/New_York",
    "Pacific/Midway",
]


@pytest.mark.parametrize("zone", ZONES)
def test_answers_at_both_ends_of_a_local_month_have_their_events_and_their_labels(tmp_path: Path, zone: str) -> None:
    services, month = services_in(tmp_path), Calendar(every="month", timezone=zone).window(APRIL)
    times = [month.start.astimezone(UTC), (month.end - timedelta(microseconds=1)).astimezone(UTC)]
    rows = [
        logged(event, event, 0) | {TIME: time, "logged_at": time, "period": Period.recorded(time)}
        for event, time in zip("ab", times, strict=True)
    ]
    PREDICTIONS.append(SPEC.name, services.adapters.lake, pa.Table.from_pylist(rows))
    publish(services, "2013-04")
    events = pa.table({ID: ["a", "b"], TIME: pa.array(times), LABEL: pa.array([1, 0], pa.int8())})
    services.adapters.lake.publish(SPEC.name, "events", events, APRIL)
    assert services.predictions.of(SPEC, events.to_pandas())[ID].tolist() == ["a", "b"], "labelling"
    truth = services.predictions.truth(SPEC)
    assert services.predictions.belonging(SPEC, [APRIL], truth)[ID].tolist() == ["a", "b"], "monitoring"
    answered = services.predictions.since(SPEC, 0, ["r0001"])
    assert services.predictions.labelled(SPEC, answered)[LABEL].tolist() == [1, 0], "the truth of an A/B test"
