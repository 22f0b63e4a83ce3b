"""Runs the deployment of a version whose verdict names a replaced champion, by Airflow itself on the database of its
environment; prints what became of its tasks and which runs it started. Everything but Airflow is in memory."""

import json
import sys
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.models import DagRun, TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import select

from include.loop import rollout
from include.services import composition, verdicts
from include.services.composition import Services
from include.settings import ROOT
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.fakes.approvals import approve
from tests.unit.loop.loop_worlds import SPEC

DEPLOYMENT = f"{SPEC.name}.deployment"


def overtaken(home: Path) -> Services:
    """Versions 2 and 3 were approved against version 1; 2 was faster."""
    services = services_in(home, airflow_users={"dag_test": "operator"})  # as whom Airflow runs it
    rollout.promote_release(SPEC, services, packaged(services, SPEC, 1))
    second, _ = packaged(services, SPEC, 2), approve(services, SPEC, 3)
    rollout.shift_traffic(SPEC, services, second, 1.0, "faster")
    rollout.promote(SPEC, services, second, "faster")
    verdicts.show = lambda *_, **__: None  # type: ignore[assignment]
    return services


def main(home: Path) -> dict[str, Any]:
    services = overtaken(home)
    composition.services = lambda *_: services  # type: ignore[assignment]
    DagBag(str(ROOT / "dags" / "deployment.py")).dags[DEPLOYMENT].test(
        run_conf={"version": 3, "reason": "it was approved"}
    )
    with create_session() as session:
        runs = session.scalars(select(DagRun).where(DagRun.run_id.like("again__%"))).all()
        tasks = session.scalars(select(TaskInstance).where(TaskInstance.dag_id == DEPLOYMENT)).all()
        return {
            "started": [[run.dag_id, run.run_id, run.conf] for run in runs],
            "tasks": {task.task_id: str(task.state) for task in tasks},
            "record": services.approvals.history(SPEC)[-1].reason,
        }


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(main(Path(sys.argv[1]))))
