"""CPU seconds to parse all DAG files in a fresh interpreter, with every import that they cause.

Only ``airflow.sdk`` is there before: Airflow's operators, the libraries they load, the settings and the specs count.
"""

import statistics
import subprocess
import sys
from typing import Any

from include.settings import ROOT

SCRIPT = """
import importlib.util, pathlib, time
import airflow.sdk
begun = time.process_time()
for path in sorted(pathlib.Path("dags").glob("*.py")):
    spec = importlib.util.spec_from_file_location("bench_" + path.stem, path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
print(time.process_time() - begun)
"""


def bench(repeats: int = 5) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    samples = [
        float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()[-1])
        for _ in range(repeats)
    ]
    return {
        "name": "dag_parse",
        "what": "CPU time to parse every DAG file once in a fresh process that has imported airflow.sdk only",
        "ours": statistics.median(samples),
        "against": {},
        "unit": "s",
        "n": len(list((ROOT / "dags").glob("*.py"))),
        "samples": samples,
    }
