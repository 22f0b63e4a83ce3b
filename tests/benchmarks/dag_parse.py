"""CPU seconds to parse all DAG files in a fresh interpreter, with every import that they cause.

``dag_parse`` counts everything but ``airflow.sdk`` itself: Airflow's operators, the libraries they load, the specs.
``dag_parse_warm`` is what the DAG processor pays, whose parsing processes are forks that have its own modules already.
"""

import statistics
import subprocess
import sys
from typing import Any

from include.settings import ROOT

LOADED = {"dag_parse": "airflow.sdk", "dag_parse_warm": "airflow.sdk, airflow.dag_processing.manager"}
WHAT = "CPU time to parse every DAG file once in a fresh process, imports included"
SCRIPT = """
import importlib.util, pathlib, time
import {loaded}
begun = time.process_time()
for path in sorted(pathlib.Path("dags").glob("*.py")):
    spec = importlib.util.spec_from_file_location("bench_" + path.stem, path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
print(time.process_time() - begun)
"""


def bench(repeats: int = 5) -> list[dict[str, Any]]:
    return [_measured(name, loaded, repeats) for name, loaded in LOADED.items()]


def _measured(name: str, loaded: str, repeats: int) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT.format(loaded=loaded)]
    samples = [
        float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()[-1])
        for _ in range(repeats)
    ]
    return {
        "name": name,
        "what": f"{WHAT}, but those of {loaded}",
        "ours": statistics.median(samples),
        "against": {},
        "unit": "s",
        "n": len(list((ROOT / "dags").glob("*.py"))),
        "samples": samples,
    }
