"""Records: months count right, weights are whole, a digest is of the content."""

import json
import pickle
import re
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from include.contracts.calendar import Calendar
from include.contracts.deployment import RolloutState
from include.contracts.period import Period
from include.contracts.record import Moment, Record
from include.errors import PeriodError

MONTHS = st.builds(lambda y, m: Period(f"{y:04d}-{m:02d}"), st.integers(1971, 2100), st.integers(1, 12))


@given(MONTHS, st.integers(-500, 500))
def test_shifting_there_and_back_is_the_same_month(month: Period, by: int) -> None:
    assert month.shift(by).shift(-by) == month


@given(MONTHS)
def test_a_month_ends_where_the_next_begins(month: Period) -> None:
    calendar = Calendar(every="month")
    assert calendar.end(month) == calendar.start(month.shift(1))
    assert 28 <= (calendar.end(month) - calendar.start(month)).days <= 31


def test_between_names_every_month_once() -> None:
    assert Period.between(Period("2012-11"), Period("2013-02")) == ["2012-11", "2012-12", "2013-01", "2013-02"]


@pytest.mark.parametrize(
    "key", ["2013", "2013-13", "13-01", "", "2013-02-29", "2013-W53", "2013-04-01T24Z", "2013-04-01T05"]
)
def test_what_is_no_period_is_refused_with_examples(key: str) -> None:
    with pytest.raises(PeriodError, match=r"written like .*2013-04 \(month\)"):
        Period(key)


@pytest.mark.parametrize("weights", [{}, {"r0001": 0.5}, {"r0001": 1.5, "r0002": -0.5}])
def test_weights_must_be_shares_of_one(weights: dict) -> None:
    with pytest.raises(ValidationError, match="shares that add up to 1"):
        RolloutState(usecase="u", generation=1, champion="r0001", weights=weights, strategy="canary", reason="")


def test_a_digest_follows_the_content() -> None:
    first, again, other = (Batch(period=Period(key), rows={}) for key in ("2013-01", "2013-01", "2013-02"))
    assert first.digest == again.digest != other.digest


class Batch(Record):
    period: Period
    rows: dict[Period, int]


def test_a_period_is_plain_text_in_json_and_a_period_again_when_read() -> None:
    batch = Batch.model_validate({"period": "2013-01", "rows": {"2013-02": 3}})
    assert batch.model_dump_json() == '{"period":"2013-01","rows":{"2013-02":3}}'
    assert type(batch.json_dict()["period"]) is str
    again = Batch.model_validate_json(batch.model_dump_json())
    assert [key.shift(1) for key in [again.period, *again.rows]] == ["2013-02", "2013-03"]


def test_a_record_refuses_what_is_no_month() -> None:
    with pytest.raises(ValidationError, match="period '2013-13' is not one"):
        Batch.model_validate({"period": "2013-13", "rows": {}})


def test_a_period_is_text_to_everybody_else() -> None:
    period = Period("2013-04")
    assert (f"{period}", repr(period), json.dumps({period: period})) == (
        "2013-04",
        "'2013-04'",
        '{"2013-04": "2013-04"}',
    )
    assert pa.array([period]).to_pylist() == ["2013-04"]
    with duckdb.connect() as connection:
        assert connection.execute("SELECT $1", [period]).fetchall() == [("2013-04",)]
    copied = pickle.loads(pickle.dumps(period))  # noqa: S301
    assert (type(copied), copied) == (Period, period)


class Meeting(Record):
    at: Moment


def test_a_moment_is_in_utc_whatever_the_zone_it_came_in() -> None:
    here = Meeting.model_validate({"at": "2013-06-01T08:00:00-04:00"})
    there = Meeting(at=datetime(2013, 6, 1, 12, tzinfo=UTC))
    assert here == there
    assert here.digest == there.digest
    assert here.model_dump_json() == '{"at":"2013-06-01T12:00:00+00:00"}'
    assert here.digest_without("at") == Meeting(at=datetime(2014, 1, 1, tzinfo=UTC)).digest_without("at")


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="should have timezone info"):
        Meeting.model_validate({"at": "2013-06-01T08:00:00"})


@given(MONTHS)
def test_the_pattern_matches_every_period(month: Period) -> None:
    assert re.fullmatch(Period.PATTERN, month)
    window = Calendar(every="month").window(month)
    assert Period.recorded(window.start) == month == Period.recorded(window.end - timedelta(microseconds=1))
