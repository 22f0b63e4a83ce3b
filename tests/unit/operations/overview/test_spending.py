"""Money only by prices that were set, storage by its newest measure, and the servers' time by answered rows."""

from datetime import UTC, datetime, timedelta

import pytest

from include.contracts.costs import Prices, StoredBytes, TaskCost
from include.contracts.period import Period
from include.operations.overview import spending

AT = datetime(2013, 5, 1, tzinfo=UTC)


def test_a_price_is_that_of_its_setting_and_none_is_invented() -> None:
    cost = TaskCost(
        period=Period("2013-05"), family="training", task="fit", run="r", ended_at=AT, outcome="done", seconds=7200.0,
        cpu_seconds=3600.0, gpu_seconds=1800.0, peak_bytes=10**9,
    )  # fmt: skip
    spent = spending.of_task(cost)
    assert spending.price(spent, Prices()) == 0
    assert not spending.priced(Prices(currency="EUR"))
    prices = Prices(currency="EUR", cpu_hour=2, gpu_hour=10, memory_gb_month=730.5, storage_gb_month=0.5)
    assert spending.price(spent, prices) == pytest.approx(2 + 5 + 2)
    assert spending.storage_price(4e9, prices) == 2


def test_storage_is_the_newest_measure_and_its_trend_has_no_shared_place() -> None:
    sizes = [
        StoredBytes(period=Period("2013-05"), at=AT + timedelta(days=day), place=place, size_bytes=count, files=1)
        for day, place, count in ((0, "lake", 5), (0, "gone", 9), (1, "lake", 7), (1, "all", 100))
    ]  # fmt: skip
    assert [(one.place, one.size_bytes) for one in spending.newest_sizes(sizes)] == [("all", 100), ("lake", 7)]
    assert [count for _, count in spending.size_trend(sizes, without="all")] == [14, 7]


def test_time_while_answering_stands_beside_all_time_of_the_servers() -> None:
    told = {
        "answered": 500.0,
        "answered_of_all": 2000.0,
        "releases": {"r0001": 500.0},
        "computing": 1.0,
        "computed": 800.0,
    }
    serving = spending.Serving(30, {"triton": 300.0, "gateway": 100.0}, **told)
    assert (serving.share, serving.per_thousand, serving.whole_per_thousand) == (0.25, 1.25, 200.0)
    idle = serving._replace(cpu_seconds={"triton": 900.0, "gateway": 100.0})
    assert (idle.per_thousand, idle.whole_per_thousand) == (1.25, 500.0), "only all time grows while nothing is asked"
    nothing = spending.Serving(30, {"triton": 300.0}, 0.0, 0.0, {})
    assert (nothing.share, nothing.per_thousand, nothing.whole_per_thousand) == (0.0, None, None)
