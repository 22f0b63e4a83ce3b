"""Which events of a step the clients of the demo ask about."""

import pandas as pd
import pytest

from include.demo.world import HOURS, sampled
from include.specification.loader import load_usecase

STREAMS, NONE = load_usecase("flight_delay"), load_usecase("digit_image")


def events(hours: int, each: int, name: str) -> pd.DataFrame:
    times = pd.date_range("2013-04-01", periods=hours, freq="h", tz="UTC").repeat(each)
    minutes = pd.to_timedelta([5 * n for n in range(each)] * hours, unit="min")
    return pd.DataFrame({name: times + minutes, "row": range(hours * each)})


@pytest.mark.parametrize("most", [100, 2000])
def test_beside_streams_they_are_of_some_hours_only(most: int) -> None:
    time = STREAMS.event.time
    asked = sampled(STREAMS, events(720, 10, time), most, seed=4)
    hours = asked[time].dt.floor("h")
    assert len(asked) == asked["row"].nunique() == most
    assert hours.nunique() <= HOURS
    assert hours.dt.date.nunique() == 30 or most < 2000, "every day is asked about"
    pd.testing.assert_frame_equal(asked, sampled(STREAMS, events(720, 10, time), most, seed=4))


def test_few_hours_and_few_rows_are_asked_about_whole() -> None:
    few = events(24, 3, STREAMS.event.time)
    pd.testing.assert_frame_equal(sampled(STREAMS, few, 72, seed=4), few)


def test_without_streams_every_hour_counts() -> None:
    time = NONE.event.time
    asked = sampled(NONE, events(720, 10, time), 4000, seed=4)
    assert len(asked) == 4000
    assert asked[time].dt.floor("h").nunique() > HOURS
