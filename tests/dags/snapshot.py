"""The whole graph as text: tasks, dependencies, assets. ``python -m tests.dags.snapshot`` rewrites it.

A family's DAG is the same in every use case that has it, so it is recorded once, with ``<usecase>`` for the name.
"""

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


def graphs() -> dict[str, dict[str, Any]]:
    """Use case → family → what its DAG does; the name of the use case is written ``<usecase>``."""
    found: dict[str, dict[str, Any]] = {}
    for dag_id, dag in sorted(load_dags().items()):
        usecase, family = dag_id.split(".")
        text = json.dumps(_describe(dag)).replace(f"{usecase}.", "<usecase>.")
        found.setdefault(usecase, {})[family] = json.loads(text)
    return found


def _describe(dag: Any) -> dict[str, Any]:
    return {
        "starts_on": _schedule(dag),
        "tasks": {t.task_id: sorted(t.downstream_task_ids) for t in sorted(dag.tasks, key=lambda t: t.task_id)},
        "ends_in": sorted(o.name for t in dag.tasks for o in t.outlets),
        "retries": {t.task_id: t.retries for t in sorted(dag.tasks, key=lambda t: t.task_id)},
    }


def _schedule(dag: Any) -> dict[str, Any]:
    condition = getattr(dag.timetable, "asset_condition", None)
    return {"timetable": type(dag.timetable).__name__, "assets": sorted(_names(condition))}


def _names(condition: Any) -> list[str]:
    """Names in an asset condition, which is nothing, one asset or a nest of conditions."""
    if condition is None:
        return []
    return [n for one in condition.objects for n in _names(one)] if hasattr(condition, "objects") else [condition.name]


if __name__ == "__main__":
    together = {family: dag for one in graphs().values() for family, dag in one.items()}
    GRAPH.write_text(json.dumps(together, indent=1, sort_keys=True) + "\n")
