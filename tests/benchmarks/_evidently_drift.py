"""The peer of ``drift_evidently``: the drift preset of evidently on two sets of Parquet files.

It runs in evidently's own environment, which knows nothing of this project:
``python _evidently_drift.py {"reference": [file…], "current": [file…], "method": null | "psi"}`` prints JSON.
"""

import json
import sys
import time
from pathlib import Path

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset


def _dataset(files: list[str], numbers: list[str], categories: list[str]) -> Dataset:
    rows = pd.concat([pd.read_parquet(file, columns=numbers + categories) for file in files], ignore_index=True)
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    return Dataset.from_pandas(rows, data_definition=definition)


def main(wanted: dict) -> dict:
    begun, cpu = time.perf_counter(), time.process_time()
    columns = [wanted["numbers"], wanted["categories"]]
    current, reference = _dataset(wanted["current"], *columns), _dataset(wanted["reference"], *columns)
    preset = DataDriftPreset(method=wanted["method"]) if wanted["method"] else DataDriftPreset()
    metrics = Report([preset]).run(current, reference).dict()["metrics"]
    return {
        "seconds": round(time.perf_counter() - begun, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "peak_gb": round(int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024**2, 3),
        "rows": len(current.as_dataframe()),
        "drift": {
            metric["config"]["column"]: [metric["config"]["method"], float(metric["value"])]
            for metric in metrics
            if "column" in metric["config"]
        },
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))), flush=True)
