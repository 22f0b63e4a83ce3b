"""CPU seconds to parse all DAG files together in a fresh interpreter, Airflow itself already imported."""

import statistics
import subprocess
import sys
from typing import Any

from include.settings import ROOT

SCRIPT = """
import importlib.util, pathlib, time
import airflow.sdk, airflow.providers.standard.operators.hitl, airflow.providers.docker.operators.docker
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
        "what": "CPU time to parse every DAG file once, without importing Airflow",
        "ours": statistics.median(samples),
        "against": {},
        "unit": "s",
        "n": len(list((ROOT / "dags").glob("*.py"))),
        "samples": samples,
    }
