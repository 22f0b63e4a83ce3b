"""Every task of every DAG is executed as Airflow does it, with a loop function that checks its arguments."""

import inspect
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY, MagicMock, create_autospec

import pytest
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DagRunTriggerException
from airflow.sdk.execution_time.context import set_current_context

from dags import deployment
from include.contracts.evaluation import Verdict
from include.contracts.operations import RetrainPlan
from include.contracts.period import Period
from include.errors import ConflictError, GateRefusedError, StaleVerdictError
from include.formats.identity import in_paths
from include.orchestration.dags import usecase_dag
from include.services import composition
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from tests.dags.snapshot import load_dags
from tests.unit.evaluation.evaluation_specs import small_spec
from tests.unit.orchestration.test_steps import NAMED

RELEASE = {"usecase": "flight_delay", "name": "r0002", "model_version": 2, "path": "p", "content_hash": "c"}
VERDICT = Verdict(
    usecase="flight_delay", decision="promote", rule="r", reason="better", candidate=2, champion=None,
    champion_release=None, cells=[], differences={}, gates=[], self_test="passed",
    decided_at="2026-01-01T00:00:00+00:00",
).json_dict()  # fmt: skip
PLAN = RetrainPlan(
    usecase="flight_delay", name="2013-07-retrain-1", decision="retrain", cause="drift", evidence=[], action="retrain",
    train_from="2013-01", train_to="2013-06", test_from="2013-07", test_to="2013-07", alerts=[],
    decided_at="2026-01-01T00:00:00+00:00",
)  # fmt: skip
XCOM: dict[str, Any] = {
    "ask": {"chosen_options": ["Keep these labels"], "params_input": {}, "responded_by_user": {"name": "ada"},
            "responded_at": "2026-01-02T00:00:00+00:00"},
    "approve": {"chosen_options": ["Approve"], "responded_by_user": {"name": "ada"}},
    "compare": VERDICT, "package": RELEASE,
}  # fmt: skip
ARGUMENTS: dict[str, Any] = {
    "release": RELEASE, "version": 3, "verdict": VERDICT, "key": "k",
    "worker": 0, "chosen": {"rows": [1]}, "read_out": {"decision": "promote", "reason": "better"},
    "decision": PLAN.json_dict(),
    "trigger_run_id": "late__1", "fields": {"period": "2013-04"}, "run_id": "manual__1",
    "done": {"operation": "restore", "period": "2013-04", "changed": True},
}  # fmt: skip
APRIL = datetime(2013, 4, 15, tzinfo=UTC)
RUN_KEY = in_paths("manual__1")
HANDED_OVER = {"version": 2, "verdict": "d"}
ANSWERS: dict[str, Any] = {
    "training.remaining": "search", "rollout.opening": "promotion", "rollout.look_at_ab_test": None,
    "data_pipeline.announce_all": ["2013-04"], "approval.route": "person", "approval.record_approval": HANDED_OVER,
    "stream_reconciliation.reconcile_all": [["a result"]],
}  # fmt: skip


def context(dag: Any) -> dict[str, Any]:
    period = str(load_usecase(dag.dag_id.partition(".")[0]).calendar.of(APRIL))
    run = SimpleNamespace(
        partition_key=period, run_id="manual__1", triggering_user_name="ada", run_type="manual", dag_id=dag.dag_id
    )
    forms = {name: dag.params.get_param(name).value for name in dag.params}
    texts = {name for name, value in forms.items() if value in ("", None) and name != "minutes"}
    given = forms | dict.fromkeys(texts, "2013-04")
    given |= {"reason": "a test"} if "reason" in forms else {}
    given |= {"confirm": dag.dag_id.partition(".")[0]} if "confirm" in forms else {}
    events: Any = defaultdict(lambda: SimpleNamespace(extra={}, add_partitions=lambda key: None))
    ti = SimpleNamespace(
        xcom_pull=lambda task_ids: XCOM[task_ids], xcom_push=lambda key, value: None, dag_id=dag.dag_id, task_id="task",
        run_id=run.run_id, map_index=None, try_number=1,
    )  # fmt: skip
    return {"dag_run": run, "params": given, "triggering_asset_events": {}, "outlet_events": events, "ti": ti}


def bodies(dags: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    for dag in dags.values():
        for task in dag.tasks:
            if task.is_mapped and "python_callable" in task.partial_kwargs:
                yield dag, task.partial_kwargs["python_callable"]
            elif hasattr(task, "python_callable"):
                yield dag, task.python_callable


@pytest.fixture(scope="module")
def dags() -> dict[str, Any]:
    return load_dags()


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> dict[str, MagicMock]:
    """Every loop function that a task names, replaced by one that takes the same arguments."""
    services, functions = Services(Settings(home=tmp_path, airflow_users={"ada": "admin"})), {}
    monkeypatch.setattr(composition, "services", lambda *_: services)
    for name in {name for _, name in NAMED}:
        module = import_module(f"include.loop.{name.split('.')[0]}")
        real = getattr(module, name.split(".")[1])
        functions[name] = create_autospec(real, return_value=ANSWERS.get(name, MagicMock()))
        monkeypatch.setattr(module, name.split(".")[1], functions[name])
    return functions


def execute(dag: Any, body: Any) -> Any:
    """As a worker does it: the context fills what the signature names, and the body may ask for the rest.

    A body that starts a run of another DAG says so to the worker by an exception.
    """
    given = {name: value for name, value in ARGUMENTS.items() if name in inspect.signature(body).parameters}
    run = context(dag)
    with set_current_context(run), suppress(DagRunTriggerException):
        return PythonOperator(task_id="body", python_callable=body, op_kwargs=given).execute(run)


def called(loop: dict[str, MagicMock]) -> set[str]:
    return {name for name, function in loop.items() if function.called}


def test_every_task_calls_its_loop_function_with_what_it_takes(loop: dict[str, MagicMock], dags: dict) -> None:
    for dag, body in bodies(dags):
        execute(dag, body)
    in_forms = {
        "rollback.question",
        "rollback.chosen",
        "rollout.look_at_ab_test",
        "approval.question",
        "approval.record_answer",
        "approval.notice",
        "approval.post",
        "approval.record_notice",
        "approval.settle",
    }
    assert called(loop) | in_forms | {"rollout.mirror_traffic", "rollout.keep_champion"} == set(loop)
    for name, function in loop.items():
        for call in function.call_args_list:
            spec, services = call.args[:2]
            assert (type(services), spec.name in str(dags)) == (Services, True), name


@pytest.mark.parametrize(
    ("rollout", "expected"),
    [
        ({"strategy": "shadow", "steps": []}, {"mirror_traffic", "judge_rollout", "keep_champion"}),
        ({"strategy": "ab_test", "steps": [], "sticky_by": "tailnum"}, {"shift_traffic", "keep_champion"}),
    ],
)  # fmt: skip
def test_the_tasks_of_every_strategy_do(loop: dict[str, MagicMock], rollout: dict, expected: set[str]) -> None:
    spec = small_spec(rollout=rollout)
    dag = usecase_dag(
        spec,
        deployment.build,
        "deployment",
        arc="ops",
        component="m",
        doc="",
        params={"version": "2", "reason": "a test"},
    )
    for of, body in bodies({dag.dag_id: dag}):
        execute(of, body)
    assert {f"rollout.{name}" for name in expected} <= called(loop)
    if dag.has_task("watch_ab_test"):
        run = context(dag)
        with set_current_context(run):
            assert dag.get_task("watch_ab_test").poke(run).is_done is False, "the read-out says to wait"
        loop["rollout.look_at_ab_test"].assert_called_once_with(spec, ANY, "r0002", RUN_KEY, "ada")


def test_a_failed_deployment_takes_the_traffic_back(loop: dict[str, MagicMock], dags: dict) -> None:
    dag = dags["flight_delay.deployment"]
    execute(dag, dag.get_task("roll_back").python_callable)
    loop["rollout.end_rollout"].assert_called_once_with(
        ANY, ANY, "a deployment task failed", "ada", "interrupted", rollout_id=RUN_KEY
    )


def test_an_approval_that_was_withdrawn_hands_nothing_over(loop: dict[str, MagicMock], dags: dict) -> None:
    loop["approval.record_approval"].return_value = None
    with pytest.raises(AirflowSkipException, match="a newer verdict came meanwhile"):
        execute(dag := dags["flight_delay.retrain_evaluation"], dag.get_task("hand_over").python_callable)


def test_a_stale_verdict_packages_nothing_and_the_version_is_judged_again(
    loop: dict[str, MagicMock], dags: dict
) -> None:
    dag = dags["flight_delay.deployment"]
    for task, function in {"refit": "refit.refit", "package": "deployment.package_release"}.items():
        loop[function].side_effect = StaleVerdictError("judged against r0001, and now r0002 serves")
        with pytest.raises(AirflowSkipException, match="and now r0002 serves"):
            execute(dag, dag.get_task(task).python_callable)
    overtaken = {"version": 3, "run_id": "again__v3__9", "reason": "r0002 serves"}
    for family in ("deployment", "retrain_evaluation"):
        again = dags[f"flight_delay.{family}"].get_task("evaluate_again").python_callable
        loop["approval.overtaken"].return_value = overtaken
        with set_current_context(context(dag)), pytest.raises(DagRunTriggerException) as started:
            again()
        wish = started.value
        assert (wish.trigger_dag_id, wish.dag_run_id) == ("flight_delay.retrain_evaluation", "again__v3__9")
        assert (wish.conf, wish.skip_when_already_exists) == ({"version": 3}, True)
        loop["approval.overtaken"].return_value = None
        with set_current_context(context(dag)), pytest.raises(AirflowSkipException):
            again()


def test_what_is_packaged_is_the_refit_of_what_was_approved(loop: dict[str, MagicMock], dags: dict) -> None:
    loop["refit.refit"].return_value = 8
    dag = dags["flight_delay.deployment"]
    assert execute(dag, dag.get_task("refit").python_callable) == 8
    execute(dag, dag.get_task("package").python_callable)
    loop["deployment.package_release"].assert_called_once_with(ANY, ANY, ARGUMENTS["version"])


def test_nothing_to_score_with_skips_and_emits_nothing(loop: dict[str, MagicMock], dags: dict) -> None:
    loop["batch_inference.score_partitions"].return_value = None
    dag = dags["flight_delay.batch_inference"]
    with pytest.raises(AirflowSkipException, match="nothing can be scored"):
        execute(dag, dag.get_task("score_partition").python_callable)


def test_a_deliberate_refusal_ends_the_task_and_a_conflict_is_repeated(loop: dict[str, MagicMock], dags: dict) -> None:
    dag, gate = dags["flight_delay.data_pipeline"], loop["data_pipeline.gate"]
    for error, raised in ((GateRefusedError("refused"), AirflowFailException), (ConflictError("again"), ConflictError)):
        gate.side_effect = error
        with pytest.raises(raised):
            execute(dag, dag.get_task("gate_raw").python_callable)


TOGETHER = ("monitoring", "batch_inference", "stream_reconciliation")
"""Families whose function takes all periods of a run."""


def test_a_run_of_a_range_handles_each_period_and_tells_of_the_range(loop: dict[str, MagicMock], dags: dict) -> None:
    for family, task, function in (
        ("monitoring", "measure", "monitoring.monitor"),
        ("batch_inference", "score_partition", "batch_inference.score_partitions"),
        ("stream_reconciliation", "reconcile", "stream_reconciliation.reconcile_all"),
        ("privacy_audit", "audit", "privacy_audit.audit"),
    ):
        dag, told = dags[f"flight_delay.{family}"], []
        loop["batch_inference.score_partitions"].return_value = {p: {} for p in Period.ranged("2013-03..2013-05")}
        run = context(dag)
        run["dag_run"].partition_key = "2013-03..2013-05"
        run["outlet_events"] = defaultdict(lambda told=told: SimpleNamespace(extra={}, add_partitions=told.extend))
        with set_current_context(run):
            dag.get_task(task).python_callable()
        one_by_one = slice(2, None if family in TOGETHER else 3)
        handled = [period for call in loop[function].call_args_list for period in call.args[one_by_one]]
        assert handled == ["2013-03", "2013-04", "2013-05"]
        assert told == (["2013-03..2013-05"] if dag.get_task(task).outlets else [])


def test_a_run_without_a_period_says_so(loop: dict[str, MagicMock], dags: dict) -> None:
    dag = dags["flight_delay.monitoring"]
    run = context(dag) | {"params": {}}
    run["dag_run"].partition_key = None
    with set_current_context(run), pytest.raises(AirflowFailException, match="has no period"):
        dag.get_task("measure").python_callable()
    assert not loop["monitoring.monitor"].called


@pytest.mark.parametrize("key", [None, "2013-04-01", "April"])
def test_a_run_of_monitoring_with_a_bad_period_ships_nothing(
    loop: dict[str, MagicMock], dags: dict, key: str | None
) -> None:
    dag = dags["flight_delay.monitoring"]
    run = context(dag) | {"params": {}}
    run["dag_run"].partition_key = key
    with set_current_context(run), pytest.raises(AirflowFailException, match="period"):
        dag.get_task("ship_predictions").python_callable()
    assert not loop["monitoring.ship_predictions"].called


@pytest.mark.parametrize("key", ["2013-04-01", "2013-W14..2013-W15", "2013-05..2013-04", "April"])
def test_a_partition_key_that_is_no_month_of_the_use_case_is_refused(
    loop: dict[str, MagicMock], dags: dict, key: str
) -> None:
    dag = dags["flight_delay.monitoring"]
    run = context(dag)
    run["dag_run"].partition_key = key
    with set_current_context(run), pytest.raises(AirflowFailException, match=r"2013-04"):
        dag.get_task("measure").python_callable()
    assert not loop["monitoring.monitor"].called
