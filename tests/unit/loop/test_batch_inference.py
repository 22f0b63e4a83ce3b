"""What is not scored: nothing serves, the release is unknown, the month is too old or not published."""

from pathlib import Path

import pytest

from include.contracts.period import Period
from include.errors import DataError, NotFoundError
from include.loop import batch_inference, rollout
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.loop.loop_worlds import APRIL, SPEC, publish


def test_before_the_first_release_nothing_is_scored(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    publish(services, "2013-04")
    assert batch_inference.score_partition(SPEC, services, APRIL) is None
    assert not services.adapters.lake.exists(SPEC.name, "batch_predictions")


def test_a_release_or_a_month_that_there_is_not_is_named(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    with pytest.raises(NotFoundError, match="r0009"):
        batch_inference.score_partition(SPEC, services, APRIL, "r0009")
    rollout.promote_release(SPEC, services, packaged(services, SPEC, 1))
    with pytest.raises(NotFoundError, match="2013-04"):
        batch_inference.score_partition(SPEC, services, APRIL)


def test_a_month_that_would_be_deleted_at_once_is_refused(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    rollout.promote_release(SPEC, services, packaged(services, SPEC, 1))
    publish(services, "2013-04", str(APRIL.shift(24)))
    with pytest.raises(DataError, match="choose a later period"):
        batch_inference.score_partition(SPEC, services, APRIL)


def test_of_a_range_the_periods_that_are_not_kept_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    services, newest = services_in(tmp_path), APRIL.shift(24)
    rollout.promote_release(SPEC, services, packaged(services, SPEC, 1))
    publish(services, "2013-04", "2013-05", "2013-06", str(newest))
    monkeypatch.setattr(batch_inference, "score_partition", lambda *given: {"scored": str(given[2])})
    scored = batch_inference.score_partitions(SPEC, services, *Period.between(APRIL.shift(-1), APRIL.shift(2)))
    assert scored == {p: {"scored": str(p)} for p in (APRIL.shift(1), APRIL.shift(2))}
    assert "2013-03..2013-04 is not scored: answers are kept from 2013-05 on" in caplog.text


def test_a_range_with_a_period_that_is_not_published_is_refused_before_any_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = services_in(tmp_path)
    rollout.promote_release(SPEC, services, packaged(services, SPEC, 1))
    publish(services, "2013-04")
    monkeypatch.setattr(batch_inference, "score_partition", lambda *given: pytest.fail("it was scored"))
    with pytest.raises(NotFoundError, match="2013-05"):
        batch_inference.score_partitions(SPEC, services, APRIL, APRIL.shift(1))


def test_a_range_of_which_nothing_is_kept_is_refused(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    rollout.promote_release(SPEC, services, packaged(services, SPEC, 1))
    publish(services, "2013-04", str(APRIL.shift(24)))
    with pytest.raises(DataError, match="choose a later period"):
        batch_inference.score_partitions(SPEC, services, APRIL.shift(-1), APRIL)
