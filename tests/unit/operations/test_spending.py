"""Sums of costs: each attempt once, by stage, release and day, and money only by prices that were set."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.contracts.costs import Prices, StoredBytes, TaskCost
from include.contracts.period import Period
from include.operations import spending

AT = datetime(2013, 5, 1, tzinfo=UTC)


def cost(family: str = "training", task: str = "fit", days: float = 0, **more: Any) -> TaskCost:
    about = {"seconds": 7200.0, "cpu_seconds": 3600.0, "peak_bytes": 10**9, "outcome": "done", "run": "r"} | more
    return TaskCost(
        period=Period("2013-05"), family=family, task=task, ended_at=AT + timedelta(days=days), **about
    )  # fmt: skip


def test_an_attempt_that_was_kept_twice_counts_once() -> None:
    twice, again = cost(), cost(attempt=2, outcome="failed")
    found = spending.once([again, twice, twice])
    total = spending.total(map(spending.of_task, found))
    assert (total.attempts, total.failed, total.cpu_seconds, total.failed_cpu_seconds) == (2, 1, 7200, 3600)
    assert total.peak_bytes == 10**9


def test_a_price_is_that_of_its_setting_and_none_is_invented() -> None:
    spent = spending.of_task(cost(gpu_seconds=1800.0))
    assert spending.price(spent, Prices()) == 0
    assert not spending.priced(Prices(currency="EUR"))
    prices = Prices(currency="EUR", cpu_hour=2, gpu_hour=10, memory_gb_month=730.5, storage_gb_month=0.5)
    assert spending.price(spent, prices) == pytest.approx(2 + 5 + 2)
    assert spending.storage_price(4e9, prices) == 2


def test_a_run_is_of_the_release_that_it_names_or_that_was_made_of_its_version() -> None:
    found = spending.releases_of_runs(
        [
            cost(run="a", version=1),
            cost(run="b", version=2),
            cost("deployment", run="c", release="r0007"),
            cost(run="d"),
        ],
        {2: "r0001"},
    )
    assert found == {("training", "a"): "v1", ("training", "b"): "r0001", ("deployment", "c"): "r0007"}


def test_weeks_are_shown_by_day_and_a_year_by_month() -> None:
    assert [at for at, *_ in spending.by_time([cost(), cost(days=20, run="s")])] == ["2013-05-01", "2013-05-21"]
    assert [at for at, *_ in spending.by_time([cost(), cost(days=90, run="s")])] == ["2013-05", "2013-07"]


def test_small_stages_are_one_part_of_the_picture() -> None:
    many = [cost(f"family{n}", cpu_seconds=float(100 - n)) for n in range(8)]
    assert [family for _, family, _ in spending.by_time(many, largest=2)] == ["family0", "family1", spending.OTHERS]


def test_storage_is_the_newest_measure_and_its_trend_has_no_shared_place() -> None:
    sizes = [
        StoredBytes(period=Period("2013-05"), at=AT + timedelta(days=day), place=place, size_bytes=count, files=1)
        for day, place, count in ((0, "lake", 5), (0, "gone", 9), (1, "lake", 7), (1, "all", 100))
    ]  # fmt: skip
    assert [(one.place, one.size_bytes) for one in spending.newest_sizes(sizes)] == [("all", 100), ("lake", 7)]
    assert [count for _, count in spending.size_trend(sizes, without="all")] == [14, 7]


def test_the_servers_time_is_divided_by_answered_rows() -> None:
    serving = spending.Serving(30, {"triton": 300.0, "gateway": 100.0}, 500.0, 2000.0, {"r0001": 500.0})
    assert (serving.share, serving.of_usecase, serving.per_thousand) == (0.25, 100.0, 200.0)
    nothing = spending.Serving(30, {"triton": 300.0}, 0.0, 0.0, {})
    assert (nothing.share, nothing.per_thousand) == (0.0, None)
