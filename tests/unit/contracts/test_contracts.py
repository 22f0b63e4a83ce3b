"""Records: months count right, weights are whole, a digest is of the content."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from include.contracts.deployment import RolloutState
from include.contracts.period import Period

MONTHS = st.builds(lambda y, m: Period(key=f"{y:04d}-{m:02d}"), st.integers(1971, 2100), st.integers(1, 12))


@given(MONTHS, st.integers(-500, 500))
def test_shifting_there_and_back_is_the_same_month(month: Period, by: int) -> None:
    assert month.shift(by).shift(-by) == month


@given(MONTHS)
def test_a_month_ends_where_the_next_begins(month: Period) -> None:
    assert month.end == month.shift(1).start
    assert 28 <= (month.end - month.start).days <= 31


def test_between_names_every_month_once() -> None:
    assert [p.key for p in Period.between("2012-11", "2013-02")] == ["2012-11", "2012-12", "2013-01", "2013-02"]


@pytest.mark.parametrize("key", ["2013", "2013-13", "13-01", "", "2013-01-01"])
def test_what_is_no_month_is_refused_with_an_example(key: str) -> None:
    with pytest.raises(ValidationError, match="write it like 2013-04"):
        Period(key=key)


@pytest.mark.parametrize("weights", [{}, {"r0001": 0.5}, {"r0001": 1.5, "r0002": -0.5}])
def test_weights_must_be_shares_of_one(weights: dict) -> None:
    with pytest.raises(ValidationError, match="shares that add up to 1"):
        RolloutState(usecase="u", generation=1, champion="r0001", weights=weights, strategy="canary", reason="")


def test_a_digest_follows_the_content() -> None:
    assert Period(key="2013-01").digest == Period(key="2013-01").digest != Period(key="2013-02").digest
