"""Runs one task of a DAG for real, as ``dag.test`` does, on a database of its own: ``<dag_id> <task_id> <month>``."""

import sys
from datetime import UTC, datetime

from airflow.dag_processing.dagbag import DagBag
from airflow.utils.db import initdb

from include.settings import ROOT


def main(dag_id: str, task_id: str, month: str) -> None:
    initdb()
    dag = DagBag(ROOT / "dags").dags[dag_id].partial_subset(task_id)
    run = dag.test(run_conf={"period": month}, logical_date=datetime(2013, 2, 1, tzinfo=UTC))  # within the DAG's dates
    sys.exit(run.state != "success")


if __name__ == "__main__":
    main(*sys.argv[1:])
