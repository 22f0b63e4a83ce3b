"""Ranges of periods: their text, and where they are cut."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.contracts.period import Period, range_text, ranges
from include.errors import PeriodError

FIRST = ["2013-03-30T22Z", "2013-02-26", "2012-W51", "2012-11"]
"""Around the end of a day, a month and a year; one of each rhythm."""


@given(st.sampled_from(FIRST), st.sets(st.integers(0, 40), min_size=1))
def test_stretches_hold_exactly_the_periods_and_are_as_few_as_can_be(first: str, steps: set[int]) -> None:
    periods = [Period(first).shift(step) for step in steps]
    stretches = ranges(periods)
    assert [period for stretch in stretches for period in stretch] == sorted(periods)
    assert all(earlier[-1].shift(1) < later[0] for earlier, later in pairwise(stretches))
    for stretch in stretches:
        assert Period.ranged(range_text(stretch)) == stretch
        assert re.fullmatch(Period.RANGED, range_text(stretch))


@pytest.mark.parametrize("text", ["2013-04..2013-04-30", "2013-04..", "..2013-04", "2013-04...2013-05", "2013-4"])
def test_a_form_refuses_what_is_no_range(text: str) -> None:
    assert not re.fullmatch(Period.RANGED, text)
    with pytest.raises(PeriodError):
        Period.ranged(text)


@pytest.mark.parametrize("text", ["9999-12-31", "9999-12-30..9999-12-31", "9999-12", "9999-12-31T22Z..9999-12-31T23Z"])
def test_the_last_periods_that_can_be_written_are_a_range_too(text: str) -> None:
    assert range_text(Period.ranged(text)) == text
