"""Airflow's DAG processor with what DAG files import loaded already: `python -m include.orchestration.dag_processor`.

Each file is read in a fork of this process, every two minutes. Two thirds of a read were imports of ``include/``; they
are paid once here. Use cases are not loaded ahead: a changed spec, and its code, counts at the next read.
"""

import sys

from airflow.__main__ import main

from include.orchestration import loaded_ahead

if __name__ == "__main__":
    loaded_ahead.load(loaded_ahead.OF_DAGS)
    sys.argv = ["airflow", "dag-processor"]
    main()
