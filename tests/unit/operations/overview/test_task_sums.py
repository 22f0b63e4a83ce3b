"""Sums of attempts: each once, by task, release and day or month, those of the spool among them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from include.contracts.costs import TaskCost
from include.contracts.period import Period
from include.operations.overview import spending, task_sums
from include.operations.overview.spending import Spent
from include.operations.overview.task_sums import TaskSum, TaskSums
from include.records.registry import TASK_COSTS

AT = datetime(2013, 5, 1, tzinfo=UTC)


def cost(family: str = "training", task: str = "fit", days: float = 0, **more: Any) -> TaskCost:
    about = {"seconds": 7200.0, "cpu_seconds": 3600.0, "peak_bytes": 10**9, "outcome": "done", "run": "r"} | more
    return TaskCost(
        period=Period("2013-05"), family=family, task=task, ended_at=AT + timedelta(days=days), **about
    )  # fmt: skip


def summed(*costs: TaskCost) -> TaskSums:
    """Of attempts as the lake has them."""
    return task_sums.summed(TASK_COSTS._table(costs, "append"))


def total(sums: list[TaskSum]) -> Spent:
    return spending.total(one.spent for one in sums)


def test_an_attempt_that_was_kept_twice_counts_once_also_where_the_spool_has_it_too() -> None:
    twice, again, fresh = cost(), cost(attempt=2, outcome="failed"), cost(attempt=3)
    found = total(summed(again, twice, twice).plus([again, fresh, fresh]))
    assert (found.attempts, found.failed, found.cpu_seconds, found.failed_cpu_seconds) == (3, 1, 3 * 3600, 3600)
    assert (found.peak_bytes, found.seconds, found.gb_seconds) == (10**9, 3 * 7200, 3 * 7200)


def test_sums_of_columns_are_those_of_the_attempts() -> None:
    costs = [cost(f"family{n % 3}", f"task{n % 2}", days=n, run=f"r{n}", gpu_seconds=float(n)) for n in range(20)]
    assert total(summed(*costs).plus([])) == spending.total(map(spending.of_task, costs))
    assert {one.family for one in summed(*costs).sums} == {"family0", "family1", "family2"}


def test_a_run_is_of_the_release_that_it_names_or_that_was_made_of_its_version() -> None:
    sums = summed(
        cost(run="a", version=1), cost(run="b", version=2), cost(task="other", run="b"), cost(run="d"),
        cost("deployment", run="c", release="r0007"),
    )  # fmt: skip
    found = spending.summed((task_sums.release_of(one, {2: "r0001"}), one.spent) for one in sums.plus([]))
    assert {name: one.attempts for name, one in found.items()} == {"v1": 1, "r0001": 2, "": 1, "r0007": 1}
    (*_, fresh) = sums.plus([cost(run="b", attempt=2)])
    assert task_sums.release_of(fresh, {2: "r0001"}) == "r0001", "the lake knows what the run names"


def test_weeks_are_shown_by_day_and_a_year_by_month() -> None:
    def times(*costs: TaskCost) -> list[str]:
        return [at for at, *_ in task_sums.by_time(summed(*costs).plus([]), ["training"], spending.OTHERS)]

    assert times(cost(), cost(days=20, run="s")) == ["2013-05-01", "2013-05-21"]
    assert times(cost(), cost(days=90, run="s")) == ["2013-05", "2013-07"]


def test_small_stages_are_one_part_of_the_picture() -> None:
    many = summed(*(cost(f"family{n}", cpu_seconds=float(100 - n), run=f"r{n}") for n in range(8)))
    found = task_sums.by_time(many.plus([]), ["family0", "family1"], spending.OTHERS)
    assert [(family, spent.attempts) for _, family, spent in found] == [("family0", 1), ("family1", 1), ("…", 6)]


def test_fields_that_are_younger_than_the_table_have_their_defaults() -> None:
    rows = TASK_COSTS._table([cost()], "append").drop_columns(["map_index", "gpu_seconds", "version", "release"])
    (one,) = task_sums.summed(rows).sums
    assert (one.release, one.version, one.spent.gpu_seconds) == ("", None, 0.0)
    assert task_sums.summed(rows).plus([cost()]) == [one], "it is the same attempt"


def test_nothing_is_the_sum_of_no_attempt() -> None:
    assert summed() == TaskSums()
    assert [one.at for one in TaskSums().plus([cost()])] == ["2013-05-01"]


def test_what_a_version_took_is_that_of_its_training_evaluation_refit_and_deployment() -> None:
    sums = summed(
        cost(run="a", version=4), cost(run="a", task="build_dataset"), cost("retrain_evaluation", run="b", version=4),
        cost("deployment", run="c", version=5, release="r0002"), cost(run="d", version=3), cost("catalog", run="e"),
    ).plus([])  # fmt: skip
    found = task_sums.of_versions(sums, of_version={5: "r0002"}, proof_of={5: 4})
    assert [*found] == ["v4, v5, r0002", "v3"]
    families = {family: spent.cpu_seconds for family, spent in found["v4, v5, r0002"].items()}
    assert families == {"training": 7200, "retrain_evaluation": 3600, "deployment": 3600}
    assert [*task_sums.of_versions(sums, {5: "r0002"}, {})] == ["v5, r0002", "v4", "v3"], "who may not read the record"
