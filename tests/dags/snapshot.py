"""The whole graph as text: tasks, dependencies, assets. ``python -m tests.dags.snapshot`` rewrites it.

A family's DAGs are alike but for what a spec decides (the steps of a rollout), so each shape is recorded once.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

GRAPH = Path(__file__).with_name("graph.json")
DAGS = Path(__file__).resolve().parents[2] / "dags"


@cache
def load_dags() -> dict[str, Any]:
    """Every DAG of ``dags/``; raises AssertionError with the traceback of a file that cannot be imported."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(DAGS)
    assert not bag.import_errors, bag.import_errors
    return bag.dags


def graph() -> dict[str, list[dict[str, Any]]]:
    """Family → the different DAGs it has; the name of the use case is written ``<usecase>``."""
    shapes: dict[str, list[dict[str, Any]]] = {}
    for dag_id, dag in sorted(load_dags().items()):
        usecase, family = dag_id.split(".")
        shape = json.loads(json.dumps(_describe(dag)).replace(f"{usecase}.", "<usecase>."))
        if shape not in shapes.setdefault(family, []):
            shapes[family].append(shape)
    return {family: sorted(found, key=lambda shape: len(shape["tasks"])) for family, found in shapes.items()}


def _describe(dag: Any) -> dict[str, Any]:
    return {
        "starts_on": schedule_of(dag),
        "tasks": {t.task_id: sorted(t.downstream_task_ids) for t in sorted(dag.tasks, key=lambda t: t.task_id)},
        "ends_in": sorted(o.name for t in dag.tasks for o in t.outlets),
        "retries": {t.task_id: t.retries for t in sorted(dag.tasks, key=lambda t: t.task_id)},
    }


def schedule_of(dag: Any) -> dict[str, Any]:
    """Timetable and assets."""
    condition = getattr(dag.timetable, "asset_condition", None)
    return {"timetable": type(dag.timetable).__name__, "assets": sorted(_names(condition))}


def _names(condition: Any) -> list[str]:
    """Names in an asset condition, which is nothing, one asset or a nest of conditions."""
    if not condition:
        return []
    return [n for one in condition.objects for n in _names(one)] if hasattr(condition, "objects") else [condition.name]


if __name__ == "__main__":
    GRAPH.write_text(json.dumps(graph(), indent=1, sort_keys=True) + "\n")
