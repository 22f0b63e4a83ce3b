"""The checks on parts that the split itself would never make."""

import pandas as pd
import pytest

from include.development.leakage import check_parts
from include.errors import DataError, LeakageError
from tests.unit.development.frames import PERIODS, events, flight_spec


@pytest.fixture
def parts() -> dict[str, pd.DataFrame]:
    return dict(zip(("train", "validation", "test"), (_complete(p) for p in PERIODS), strict=True))


def _complete(period: str) -> pd.DataFrame:
    rows = events(period)
    lacks = [name for name in flight_spec().feature_names if name not in rows]
    return rows.assign(**dict.fromkeys(lacks, 1.0))


def test_good_parts_pass(parts: dict[str, pd.DataFrame]) -> None:
    check_parts(flight_spec(), parts)


@pytest.mark.parametrize("other", ["validation", "test"])
def test_a_shared_event_is_named(parts: dict[str, pd.DataFrame], other: str) -> None:
    parts[other].loc[3, "flight_id"] = "2013-01_00005"
    with pytest.raises(LeakageError, match=f"1 events are in both train and {other}$"):
        check_parts(flight_spec(), parts)


def test_an_event_twice_is_refused(parts: dict[str, pd.DataFrame]) -> None:
    parts["train"].loc[1, "flight_id"] = parts["train"].loc[0, "flight_id"]
    with pytest.raises(DataError, match="1 flight_id are more than once in the train part"):
        check_parts(flight_spec(), parts)


def test_overlapping_times_are_refused(parts: dict[str, pd.DataFrame]) -> None:
    parts["train"].loc[0, "event_timestamp"] = parts["validation"]["event_timestamp"].min()
    with pytest.raises(LeakageError, match="train reaches to 2013-02-01"):
        check_parts(flight_spec(), parts)
