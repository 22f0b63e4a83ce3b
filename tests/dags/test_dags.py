"""Every DAG is there, says what it is, and is wired as recorded."""

import json
import runpy
import subprocess
import sys

import msgspec
import pytest
from airflow import plugins_manager
from airflow.sdk import RetryAction
from airflow.serialization.serialized_objects import DagSerialization

from include.governance.rights import RIGHTS
from include.orchestration.dag_names import SHOWN
from include.orchestration.timetable import PeriodTimetable
from include.settings import ROOT
from include.specification.loader import load_usecase, usecase_names
from include.specification.usecase import UseCase
from tests.dags.index import INDEX, index
from tests.dags.snapshot import GRAPH, graph, load_dags

ALWAYS = {
    "catalog", "data_pipeline", "data_versions", "quarantine", "training", "retrain_evaluation", "deployment",
    "monitoring", "batch_inference", "retrain_trigger", "rollback", "privacy_audit", "export", "edge_bundle", "scrub",
    "maintenance", "compliance", "audit", "control", "retirement",
    "predictions_of",
}  # fmt: skip
WHERE = {
    "compliance_review": lambda spec: spec.compliance,
    "subject_deletion": lambda spec: spec.privacy.subject,
    "key_rotation": lambda spec: spec.pseudonymised,
    "hand_over": lambda spec: spec.hand_over.allowed,
    "take_in": lambda spec: spec.hand_over.allowed,
    "stream_reconciliation": lambda spec: spec.streams,
    "dead_letters": lambda spec: spec.event_streams,
    "labelling": lambda spec: spec.labelling,
    "rollback_drill": lambda spec: spec.rollout.drill,
}


def families(spec: UseCase) -> set[str]:
    return ALWAYS | {family for family, applies in WHERE.items() if applies(spec)}


@pytest.fixture(scope="module")
def dags() -> dict:
    return load_dags()


def test_the_dag_ids_are_the_pinned_ones(dags: dict) -> None:
    specs = [load_usecase(name) for name in usecase_names()]
    assert set(dags) == {f"{spec.name}.{family}" for spec in specs for family in families(spec)}


def test_the_wiring_is_the_recorded_one() -> None:
    recorded, found = json.loads(GRAPH.read_text()), graph()
    rewired = {family for family, shapes in recorded.items() if any(one not in found.get(family, []) for one in shapes)}
    new = {family for family, shapes in found.items() if any(one not in recorded.get(family, []) for one in shapes)}
    # a use case's own rollout steps are a shape of their own, and its spec needs no leave of this file
    assert not rewired | new - {"deployment"}, "`python -m tests.dags.snapshot`, and show the diff in review"


def test_the_index_of_dags_is_the_written_one() -> None:
    assert INDEX.read_text() == index(), "`python -m tests.dags.index` writes docs/dags.md again"


def test_the_scheduler_reads_every_pipelines_timetable(dags: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the plugin: Airflow writes and reads no timetable that is not registered."""
    file = str(ROOT / "plugins" / "moebius_timetables.py")
    registered = {
        "include.orchestration.timetable.PeriodTimetable": runpy.run_path(file)["MoebiusTimetables"].timetables[0]
    }
    monkeypatch.setattr(plugins_manager, "get_timetables_plugins", lambda: registered)
    for dag_id, dag in dags.items():
        if dag_id.endswith(".data_pipeline"):
            sent = msgspec.msgpack.encode(DagSerialization.to_dict(dag))  # as the process that parses it does
            read = DagSerialization.from_dict(msgspec.msgpack.decode(sent)).timetable
            assert (type(read), read.serialize()) == (PeriodTimetable, dag.timetable.serialize())


def test_every_dag_has_a_runbook_tags_and_an_owner(dags: dict) -> None:
    for dag in dags.values():
        assert "When it fails" in dag.doc_md
        assert {"moebius", dag.dag_id.split(".")[0]} <= set(dag.tags)
        assert any(tag.startswith("arc:") for tag in dag.tags)
        assert any(tag.startswith("iso23053:") for tag in dag.tags)
        assert all(task.owner not in ("", "airflow") for task in dag.tasks)


def test_every_dag_is_found_by_name_sentence_and_role(dags: dict) -> None:
    shown = [dag.dag_display_name for dag in dags.values()]
    assert len(set(shown)) == len(dags), "two DAGs with one name"
    for dag in dags.values():
        assert dag.dag_display_name.startswith(f"{dag.dag_id.split('.')[0]} · ")
        assert dag.description.endswith(".")
        assert any(tag.startswith("role:") for tag in dag.tags)


def test_every_family_has_a_name_and_no_name_is_of_nothing() -> None:
    assert set(SHOWN) == set(RIGHTS)


def test_every_form_explains_its_parameters(dags: dict) -> None:
    for dag in dags.values():
        for name in dag.params:
            param = dag.params.get_param(name)
            assert param.schema.get("title"), f"{dag.dag_id}: {name} has no title"
            assert param.description, f"{dag.dag_id}: {name} has no description"


def test_a_task_that_was_lost_is_run_again_and_one_whose_failure_is_an_answer_is_not(dags: dict) -> None:
    answers = {"gate_raw", "gate_features", "compare"}
    for dag in dags.values():
        for task in dag.tasks:
            assert task.retries >= 6, f"{task.task_id} would fail when its process is lost"
            failed = task.retry_policy.evaluate(KeyError("x"), 1, task.retries).action is RetryAction.FAIL
            assert failed or task.task_id not in answers, f"{task.task_id}: the same data gives the same answer"


def test_every_asset_that_starts_a_dag_is_made_by_one(dags: dict) -> None:
    shapes = [dag for family in json.loads(GRAPH.read_text()).values() for dag in family]
    made = {asset for dag in shapes for asset in dag["ends_in"]}
    awaited = {asset for dag in shapes for asset in dag["starts_on"]["assets"]}
    assert awaited - {"<usecase>.alerts"} <= made


def test_what_a_run_for_periods_makes_starts_runs_for_periods_only() -> None:
    """Its events carry the run's partition key, and Airflow starts no other DAG by such an event."""
    shapes = [shape for family in graph().values() for shape in family]
    of_periods = {"PartitionedAssetTimetable", "PeriodTimetable"}
    made = {asset for one in shapes if one["starts_on"]["timetable"] in of_periods for asset in one["ends_in"]}
    others = {
        asset
        for one in shapes
        if one["starts_on"]["timetable"] not in of_periods
        for asset in one["starts_on"]["assets"]
    }
    assert "<usecase>.features" in made
    assert not made & others


READ = """
import importlib.util, pathlib, sys
import airflow.sdk
for path in sorted(pathlib.Path("dags").glob("*.py")):
    spec = importlib.util.spec_from_file_location("read_" + path.stem, path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
print(*{name.split(".")[0] for name in sys.modules}, *("auth" for name in sys.modules if name.endswith("ration.auth")),
      *("models" for name in sys.modules if name == "airflow.models.deadline"))
"""


def test_reading_the_dag_files_loads_no_heavy_library_and_no_api_server() -> None:
    command = [sys.executable, "-W", "ignore", "-c", READ]
    read = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(read.stdout.split())
    heavy = {
        "docker",
        "numpy",
        "requests",
        "pandas",
        "pyarrow",
        "ibis",
        "duckdb",
        "feast",
        "great_expectations",
        "mlflow",
        "xgboost",
        "torch",
        "sklearn",
    }
    assert not loaded & (heavy | {"sklearn", "optuna", "onnxruntime", "prometheus_client", "flask", "auth", "models"})
