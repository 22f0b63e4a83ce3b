"""Airflow's DAG processor with what DAG files need loaded already: `python -m include.orchestration.dag_processor`.

Each file is read in a fork of this process, every two minutes. Most of a read were imports of ``include/`` and the
check of the specs; both are paid once here. A changed spec, and the code of a use case, count at the next read.
"""

import sys

from airflow.__main__ import main

from include.orchestration import loaded_ahead

if __name__ == "__main__":
    loaded_ahead.load(loaded_ahead.OF_DAGS)
    sys.argv = ["airflow", "dag-processor"]
    main()
