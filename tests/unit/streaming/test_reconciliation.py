"""Speed rows against batch rows: every kind of difference is counted, and equal is equal."""

from typing import Any

import pandas as pd

from include.contracts.period import Period
from include.streaming import reconciliation

HOURS = pd.date_range("2013-04-01", periods=4, freq="h", tz="UTC")


def rows(**changes: list[Any]) -> pd.DataFrame:
    columns: dict[str, Any] = {"temp": [1.0, 2.0, None, 4.0], "sky": ["a", "b", None, "d"]}
    return pd.DataFrame({"origin": "EWR", "event_timestamp": HOURS} | columns | changes)


def compared(speed: pd.DataFrame, batch: pd.DataFrame) -> Any:
    return reconciliation.compare("weather", Period("2013-04"), speed, batch, "origin")


def test_the_same_rows_are_equal_whatever_their_order() -> None:
    found = compared(rows().sample(frac=1, random_state=1), rows())
    assert (found.equal, found.differing, found.only_speed, found.only_batch) == (4, 0, 0, 0)
    assert found.features == {}


def test_differences_are_counted_by_feature_with_the_largest() -> None:
    found = compared(rows(temp=[1.5, 2.0, 3.0, 6.5], sky=["a", "x", None, None]), rows())
    assert (found.equal, found.differing) == (0, 4)
    assert found.features == {"temp": 3, "sky": 2}
    assert found.largest == {"temp": 2.5}
    assert "temp in 3 rows, by 2.5 at most; sky in 2 rows" in reconciliation.summary(found)


def test_rows_are_forgotten_with_the_third_month_after_theirs() -> None:
    newest = [None, *map(Period, ("2013-04", "2013-06", "2013-07"))]
    assert [reconciliation.expired(rows(), month) for month in newest] == [False, False, False, True]


def test_a_result_without_a_pushed_row_is_a_loss_only_after_one_that_had_some() -> None:
    some, none = compared(rows(), rows()), compared(rows().head(0), rows())
    assert reconciliation.lost(none, some)
    assert not reconciliation.lost(none, none)
    assert not reconciliation.lost(some, some)


def test_what_only_one_layer_has_is_told_apart() -> None:
    found = compared(rows().head(3), rows().tail(2))
    assert (found.equal, found.only_speed, found.only_batch) == (1, 2, 1)


def test_of_one_row_twice_the_last_counts() -> None:
    twice = pd.concat([rows(temp=[9.0, 9.0, 9.0, 9.0]), rows()])
    assert compared(twice, rows()).equal == 4


def test_nothing_pushed_is_all_in_the_batch() -> None:
    empty = rows().head(0)
    assert compared(empty, rows()).only_batch == 4
    assert compared(empty, empty).equal == 0
