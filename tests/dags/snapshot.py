"""The whole graph as text: dag_ids, tasks, dependencies, assets. ``python -m tests.dags.snapshot`` rewrites it."""

import json
from pathlib import Path
from typing import Any

GRAPH = Path(__file__).with_name("graph.json")
DAGS = Path(__file__).resolve().parents[2] / "dags"


def load_dags() -> dict[str, Any]:
    """Every DAG of ``dags/``; raises AssertionError with the traceback of a file that cannot be imported."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(DAGS)
    assert not bag.import_errors, bag.import_errors
    return bag.dags


def graph() -> dict[str, Any]:
    return {dag_id: _describe(dag) for dag_id, dag in sorted(load_dags().items())}


def _describe(dag: Any) -> dict[str, Any]:
    return {
        "starts_on": _schedule(dag),
        "tasks": {t.task_id: sorted(t.downstream_task_ids) for t in sorted(dag.tasks, key=lambda t: t.task_id)},
        "ends_in": sorted(o.name for t in dag.tasks for o in t.outlets),
        "retries": {t.task_id: t.retries for t in sorted(dag.tasks, key=lambda t: t.task_id)},
    }


def _schedule(dag: Any) -> dict[str, Any]:
    condition = getattr(dag.timetable, "asset_condition", None)
    assets = sorted(key.name for key, _ in condition.iter_assets()) if condition is not None else []
    return {"timetable": type(dag.timetable).__name__, "assets": assets}


if __name__ == "__main__":
    GRAPH.write_text(json.dumps(graph(), indent=1) + "\n")
