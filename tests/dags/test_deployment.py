"""The deployment is wired as the strategy says, and a killed judge is repeated."""

import pytest
from airflow.sdk import DAG

from dags.deployment import build
from include.orchestration.dags import moebius_dag
from tests.unit.evaluation.evaluation_specs import small_spec


def wired(**rollout: object) -> DAG:
    spec = small_spec(rollout=rollout)
    with moebius_dag(spec, "deployment.py", arc="ops", component="model-deployment", doc="") as dag:
        build(spec)
    return dag


def after(dag: DAG, task: str) -> set[str]:
    return dag.get_task(task).downstream_task_ids - {"roll_back"}


def test_a_canary_ends_with_a_watch_over_all_of_the_traffic() -> None:
    dag = wired(strategy="canary", steps=[0.1])
    assert after(dag, "roll_out") == {"promote", "shift_10"}
    assert after(dag, "judge_10") == {"shift_100"}
    assert after(dag, "judge_100") == {"promote"}
    assert dag.get_task("judge_10").retries > 0, "a killed watcher is replaced; a breach is never retried"


def test_blue_green_is_one_watched_switch() -> None:
    dag = wired(strategy="blue_green", steps=[])
    assert after(dag, "roll_out") == {"promote", "shift_100"}
    assert after(dag, "shift_100") == {"judge_100"}


@pytest.mark.parametrize(("then", "way"), [("stop", {"keep_champion"}), ("promote", {"shift_50"})])
def test_a_shadow_stops_with_its_read_out_or_goes_on(then: str, way: set[str]) -> None:
    dag = wired(strategy="shadow", steps=[0.5], shadow={"then": then})
    assert after(dag, "roll_out") == {"promote", "start_shadow"}
    assert after(dag, "judge_shadow") == way
    if then == "stop":
        assert not dag.has_task("shift_100")


def test_an_ab_test_waits_without_a_worker_and_then_decides() -> None:
    dag = wired(strategy="ab_test", steps=[], sticky_by="tailnum", ab_test={"look_seconds": 5, "max_hours": 2})
    assert after(dag, "roll_out") == {"promote", "start_ab_test"}
    assert after(dag, "decide_ab_test") == {"shift_100", "keep_champion", "promote"}
    assert after(dag, "judge_100") == {"promote"}
    sensor = dag.get_task("watch_ab_test")
    assert (sensor.mode, sensor.poke_interval) == ("reschedule", 5)
    assert sensor.timeout > 2 * 3600
    assert dag.get_task("decide_ab_test").inherits_from_skipmixin
