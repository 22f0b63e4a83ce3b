"""Rows that belong together are drawn together."""

import numpy as np
import pandas as pd
import pytest

from include.errors import EvaluationError, SpecError
from include.evaluation.blocks import LEAST, Blocks, blocks_of
from include.evaluation.bootstrap import paired
from tests.unit.evaluation.evaluation_specs import small_spec

SPEC = small_spec()


def rows(*times: str) -> pd.DataFrame:
    return pd.DataFrame({"event_timestamp": pd.to_datetime(list(times), utc=True)})


def hours(n: int) -> pd.DataFrame:
    return pd.DataFrame({"event_timestamp": pd.date_range("2013-04-01T04:00", periods=n, freq="h", tz="UTC")})


def test_days_are_those_of_the_local_calendar() -> None:
    found = blocks_of(small_spec(comparison={"block": "day"}), rows("2013-04-02T03:59", "2013-04-02T04:00"))
    assert (found.unit, found.count) == ("day", 2), "midnight in New York is 4 o'clock UTC in April"


@pytest.mark.parametrize(
    ("n", "unit", "count"), [(24 * LEAST, "day", LEAST), (24 * LEAST - 24, "hour", 24 * LEAST - 24)]
)
def test_hours_take_the_place_of_days_where_there_are_fewer_than_ten(n: int, unit: str, count: int) -> None:
    found = blocks_of(SPEC, hours(n))
    assert (found.unit, found.count, found.enough) == (unit, count, True)


def test_too_few_blocks_are_not_enough_to_judge() -> None:
    assert not blocks_of(SPEC, hours(LEAST - 1)).enough
    assert not blocks_of(small_spec(comparison={"block": "day"}), hours(48)).enough


def test_an_entity_is_a_block_and_every_row_needs_one() -> None:
    spec = small_spec(comparison={"block": "aircraft"})
    assert blocks_of(spec, pd.DataFrame({"tailnum": ["N1", "N2", "N1"]})).codes.tolist() == [0, 1, 0]
    with pytest.raises(EvaluationError, match="1 of 2 rows have no tailnum, by which"):
        blocks_of(spec, pd.DataFrame({"tailnum": ["N1", None]}))
    with pytest.raises(EvaluationError, match="have no tailnum; they have"):
        blocks_of(spec, hours(3))


def test_an_unknown_block_is_refused_with_what_there_is() -> None:
    with pytest.raises((SpecError, ValueError), match=r"comparison.block.*'week'"):
        small_spec(comparison={"block": "week"})


def test_rows_that_repeat_a_day_say_no_more_than_the_day() -> None:
    """A day of 50 equal rows counts as one: the interval is that of the days, and the effective n their number."""
    random = np.random.default_rng(0)
    days, repeats = 40, 50
    truth = random.normal(size=days)
    guess = truth + random.normal(size=days)
    y, p = np.repeat(truth, repeats), np.repeat(guess, repeats)
    together = Blocks("day", np.repeat(np.arange(days), repeats), days)
    by_days = paired(y, {"model": p}, ["mae"], 800, blocks=together).interval("mae", "model")
    alone = paired(truth, {"model": guess}, ["mae"], 800).interval("mae", "model")
    by_rows = paired(y, {"model": p}, ["mae"], 800).interval("mae", "model")
    assert (by_days.low, by_days.high) == pytest.approx((alone.low, alone.high), abs=0.03)
    assert (by_days.high - by_days.low) / (by_rows.high - by_rows.low) == pytest.approx(repeats**0.5, rel=0.2)
    assert by_days.n == days * repeats
    assert by_days.effective_n == pytest.approx(days, rel=0.35)
    assert by_rows.effective_n == by_rows.n
