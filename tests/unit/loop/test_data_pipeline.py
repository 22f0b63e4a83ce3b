"""Dev works on what was handed over to it, and calls no source; a late row starts its month again once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.contracts.calendar import Calendar
from include.contracts.period import Period
from include.data.manifests import CatchUp
from include.errors import MissingPeriodError, PeriodError
from include.loop import data_pipeline
from include.services.composition import Services
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import APRIL, publish

SPEC = load_usecase("flight_delay")
KEYS = {"pseudonym_keys": "k01:" + "a" * 20}


@pytest.fixture
def dev(tmp_path: Path) -> Services:
    return services_in(tmp_path, KEYS, environment="dev")


def test_dev_collects_only_what_was_handed_over(dev: Services) -> None:
    with pytest.raises(MissingPeriodError, match=r"hand_over` in prod"):
        data_pipeline.collect(SPEC, dev, APRIL, "run")
    assert not dev.places.staging(SPEC, "run").exists()


def test_dev_does_not_look_back(dev: Services) -> None:
    assert data_pipeline.look_back(SPEC, dev, APRIL, "run") == []


def test_a_month_with_late_rows_runs_again_under_a_name_of_this_run_without_looking_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = services_in(tmp_path, KEYS)
    publish(services, "2013-02", "2013-03", "2013-04", spec=SPEC)
    monkeypatch.setattr(data_pipeline.late_data, "changed", lambda *_: {"flights": [APRIL.shift(-1)]})
    monkeypatch.setattr(data_pipeline.late_data, "to_run_again", lambda *_: [APRIL.shift(-2), APRIL.shift(-1)])
    (again,) = data_pipeline.look_back(SPEC, services, APRIL, "run")
    assert again["trigger_run_id"] == "late__run__2013-02~2013-03", "Airflow refuses a name with two dots"
    assert again["fields"]["period"] == "2013-02..2013-03"
    assert False in again.get("fields", again.get("conf")).values(), "or late data could start runs for ever"
    assert not services.places.staging(SPEC, "run-late").exists()


@pytest.mark.parametrize("asked", ["2012-12..2013-01", "2013-12..2014-01"])
def test_a_month_that_the_use_case_does_not_have_is_refused_before_any_is_collected(tmp_path: Path, asked: str) -> None:
    services = services_in(tmp_path, KEYS)
    with pytest.raises(PeriodError, match=r"(2012-12|2014-01) cannot be published: the first is 2013-01"):
        data_pipeline.catch_up(SPEC, services, Period.ranged(asked), "run", scheduled=False)
    assert services.records.published(SPEC) == []


def test_a_first_period_that_is_moved_earlier_is_caught_up_and_one_that_is_moved_later_leaves_what_is_published(
    tmp_path: Path,
) -> None:
    services = services_in(tmp_path, KEYS)
    publish(services, "2013-03", "2013-04", spec=SPEC)

    def first(key: str) -> UseCase:
        return SPEC.model_copy(update={"periods": SPEC.periods.model_copy(update={"first": Period(key)})})

    assert data_pipeline._unpublished(first("2013-03"), services, APRIL) == []
    assert data_pipeline._unpublished(first("2013-01"), services, APRIL) == ["2013-01", "2013-02"]
    later = first("2013-04")
    assert services.records.published(later) == ["2013-03", "2013-04"]
    assert later.learned_from(Period("2013-04")) == "2013-04"
    with pytest.raises(PeriodError, match="2013-03 cannot be published: the first is 2013-04"):
        data_pipeline.catch_up(later, services, [Period("2013-03")], "run", scheduled=False)


@pytest.mark.parametrize("every", ["hour", "day", "week", "month"])
def test_a_period_that_is_not_over_is_refused(tmp_path: Path, every: Any) -> None:
    """It would be published with the rows until now, and the next scheduled run would take it for done."""
    newest = Calendar(every=every).complete(datetime.now(UTC))
    periods = SPEC.periods.model_copy(
        update={"every": every, "first": newest.shift(-1), "last": None, "timezone": None}
    )
    spec, services = SPEC.model_copy(update={"periods": periods}), services_in(tmp_path, KEYS)
    asked = Period.between(newest, newest.shift(2))
    with pytest.raises(PeriodError, match=rf"cannot be published.* wait until the {every} is over"):
        data_pipeline.catch_up(spec, services, asked, "run", scheduled=False)


@pytest.mark.parametrize(("hours", "warned"), [(None, False), (0.4, False), (0.6, True), (30.0, True)])
def test_a_scheduled_run_that_takes_longer_than_declared_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, hours: float | None, warned: bool
) -> None:
    monkeypatch.setattr(data_pipeline.versioning, "materialize", lambda *_, **__: None)
    due_at = None if hours is None else datetime.now(UTC) - timedelta(hours=hours)
    services = services_in(tmp_path, KEYS)
    vars(services.adapters)["feature_store"] = None
    data_pipeline.materialize(SPEC, services, APRIL, "run", due_at)
    assert ("hours after the run was due; periods.pipeline_hours says 0.5" in caplog.text) == warned


def test_what_a_failed_run_published_is_told_by_a_later_one_also_when_that_is_repeated(tmp_path: Path) -> None:
    services, march = services_in(tmp_path, KEYS), APRIL.shift(-1)
    publish(services, march, APRIL, spec=SPEC)
    services.records.snapshots(SPEC).keep_catch_up(CatchUp(run="failed").plus(march))
    for _ in range(2):  # a run that is killed after it wrote that it told is repeated: nobody heard of it yet
        assert data_pipeline.announce_all(SPEC, services, APRIL, "next") == [march, APRIL]
    assert data_pipeline.announce_all(SPEC, services, APRIL, "later") == []
