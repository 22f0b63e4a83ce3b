"""The deployment is wired as the strategy says, and a killed judge is repeated."""

import pytest
from airflow.sdk import DAG

from dags.deployment import build
from include.orchestration.dags import usecase_dag
from tests.unit.evaluation.evaluation_specs import small_spec


def wired(**rollout: object) -> DAG:
    spec = small_spec(rollout=rollout)
    dag = usecase_dag(spec, build, "deployment", arc="ops", component="model-deployment", doc="")
    return dag


def after(dag: DAG, task: str) -> set[str]:
    return dag.get_task(task).downstream_task_ids - {"roll_back", "evaluate_again"}


def test_a_canary_ends_with_a_watch_over_all_of_the_traffic() -> None:
    dag = wired(strategy="canary", steps=[0.1])
    assert after(dag, "roll_out") == {"promote", "shift_1"}
    assert after(dag, "judge_1") == {"shift_2"}
    assert after(dag, "judge_2") == {"promote"}
    assert dag.get_task("judge_1").retries > 0, "a killed watcher is replaced; a breach is never retried"


def test_steps_that_are_nearly_equal_are_tasks_of_their_own_and_show_their_share() -> None:
    dag = wired(strategy="canary", steps=[0.12, 0.125])
    shown = {task.task_id: task.task_display_name for task in dag.tasks if task.task_id.startswith("shift_")}
    assert shown == {"shift_1": "shift to 12 %", "shift_2": "shift to 12.5 %", "shift_3": "shift to 100 %"}


def test_a_stale_verdict_is_looked_for_after_whatever_ended_the_deployment() -> None:
    again = wired(strategy="canary", steps=[0.1]).get_task("evaluate_again")
    assert again.upstream_task_ids == {"package", "roll_back"}
    assert again.trigger_rule == "all_done"


def test_blue_green_is_one_watched_switch() -> None:
    dag = wired(strategy="blue_green", steps=[])
    assert after(dag, "roll_out") == {"promote", "shift_1"}
    assert after(dag, "shift_1") == {"judge_1"}


@pytest.mark.parametrize(("then", "way"), [("stop", {"keep_champion"}), ("promote", {"shift_1"})])
def test_a_shadow_stops_with_its_read_out_or_goes_on(then: str, way: set[str]) -> None:
    dag = wired(strategy="shadow", steps=[0.5], shadow={"then": then})
    assert after(dag, "roll_out") == {"promote", "start_shadow"}
    assert after(dag, "judge_shadow") == way
    if then == "stop":
        assert not dag.has_task("shift_1")


def test_an_ab_test_waits_without_a_worker_and_then_decides() -> None:
    dag = wired(strategy="ab_test", steps=[], sticky_by="tailnum", ab_test={"look_seconds": 5, "max_hours": 2})
    assert after(dag, "roll_out") == {"promote", "start_ab_test"}
    assert after(dag, "decide_ab_test") == {"shift_1", "keep_champion", "promote"}
    assert after(dag, "judge_1") == {"promote"}
    sensor = dag.get_task("watch_ab_test")
    assert (sensor.mode, sensor.poke_interval) == ("reschedule", 5)
    assert sensor.timeout > 2 * 3600
    assert dag.get_task("decide_ab_test").inherits_from_skipmixin
