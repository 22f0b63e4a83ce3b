"""What the training task costs beyond the fit: against a bare script that fits the same trees on the same rows."""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from include.adapters.file_locks import FileLocks
from include.contracts.development import DatasetRef
from include.development.environment import FIT_ENVIRONMENT, environment
from include.development.order import Order, Workspace
from include.development.training_key import training_key
from include.process_environment import default_environment
from include.settings import ROOT
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase

THREADS = 2
RUNS_OF_MEMORY = 3


def bench(repeats: int = 7) -> list[dict[str, Any]]:
    """Paired runs, alternating, imports and file caches warm; then both as processes of their own, for their memory.

    The task reads and checks the parts, fits with early stopping and writes the model with its record; the script reads
    the parts, fits, scores the test part and writes the model.
    """
    from include.development.training import parameters_of
    from tests.benchmarks._flights import flights_dataset

    spec = load_usecase("flight_delay")
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        (home / "dataset.json").write_text(flights_dataset(spec, home).model_dump_json())
        (home / "parameters.json").write_text(json.dumps(parameters_of(spec, {})))
        contenders: dict[str, Callable[[], None]] = {"ours": lambda: task(home), "bare_script": lambda: script(home)}
        _same_work(contenders, home)
        pairs = [{name: _seconds(run) for name, run in contenders.items()} for _ in range(repeats)]
        peaks = [{name: _peak_mb(name, home) for name in contenders} for _ in range(RUNS_OF_MEMORY)]
        documents = statistics.median(_seconds(lambda: documented(home, spec)) for _ in range(3))
        rows = _dataset(home).train.rows
    what = "the training task: read, check, fit, write; the script reads, fits, scores and writes"
    return [
        _result("training_overhead", what, "s", pairs, rows),
        _result("training_overhead_memory", f"peak memory of a process that does it: {what}", "MB", peaks, rows),
        {
            "name": "training_documentation",
            "what": "judging, explaining and testing the fitted model, with model card and plots: another task",
            "ours": documents,
            "against": {},
            "unit": "s",
            "n": rows,
            "samples": [documents],
        },
    ]


def _result(name: str, what: str, unit: str, samples: list[dict[str, float]], rows: int) -> dict[str, Any]:
    medians = {who: statistics.median(sample[who] for sample in samples) for who in samples[0]}
    against = {"bare_script": medians["bare_script"]}
    return {"name": name, "what": what, "ours": medians["ours"], "against": against, "unit": unit, "n": rows,
            "samples": samples}  # fmt: skip


def task(home: Path) -> None:
    """The training task on the dataset in ``home``; what it wrote the last time does not count."""
    default_environment(FIT_ENVIRONMENT)
    from include.development.training import train

    spec, order = load_usecase("flight_delay"), Order(dataset=_dataset(home))
    place = Workspace(home / "training" / training_key(spec, order), FileLocks(home))
    place.delete()
    place.write_order(order)
    train(spec, place, THREADS, environment("bench"))
    (home / "ours.json").write_text(place.path.joinpath("fit.json").read_text())
    (home / "ours.zip").write_bytes(place.path.joinpath("model.zip").read_bytes())


def script(home: Path) -> None:
    """What one would write in a notebook: read, category codes, fit, AUC, save."""
    import xgboost
    from sklearn.metrics import roc_auc_score

    dataset, parameters = (
        json.loads((home / "dataset.json").read_text()),
        json.loads((home / "parameters.json").read_text()),
    )
    frames = [pd.read_parquet(dataset[part]["path"]) for part in ("train", "validation", "test")]
    features = load_usecase("flight_delay").features
    for feature in (f.name for f in features if f.kind == "categorical"):
        categories = sorted(frames[0][feature].dropna().unique())
        for frame in frames:
            frame[feature] = pd.Categorical(frame[feature], categories=categories).codes
    names = [f.name for f in features]
    train, validation, test = (
        xgboost.DMatrix(f[names].to_numpy(np.float32), f["late"], nthread=THREADS) for f in frames
    )
    booster = xgboost.train(
        {k: v for k, v in parameters.items() if k not in ("n_estimators", "early_stopping_rounds", "device")}
        | {"objective": "binary:logistic", "tree_method": "hist", "nthread": THREADS, "eval_metric": "logloss"},
        train,
        num_boost_round=parameters["n_estimators"],
        evals=[(validation, "validation")],
        early_stopping_rounds=parameters["early_stopping_rounds"],
        verbose_eval=False,
    )
    best = booster[: booster.best_iteration + 1]
    (home / "script.json").write_text(json.dumps(float(roc_auc_score(frames[2]["late"], best.predict(test)))))
    best.save_model(home / "script.ubj")


def documented(home: Path, spec: UseCase) -> dict[str, float]:
    """Metrics of the model that ``task`` wrote, with everything that is written down about it."""
    from include.development.judging import judge
    from include.development.order import Fit

    fit = Fit.model_validate_json((home / "ours.json").read_text())
    return judge(spec, _dataset(home), (home / "ours.zip").read_bytes(), fit.tuning)[0]


def _same_work(contenders: Mapping[str, Callable[[], None]], home: Path) -> None:
    for run in contenders.values():
        run()
    ours, theirs = documented(home, load_usecase("flight_delay")), json.loads((home / "script.json").read_text())
    if abs(ours["test_roc_auc"] - theirs) > 1e-9:
        raise RuntimeError(f"the two did not do the same work: {ours['test_roc_auc']} and {theirs}")


def _seconds(run: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def _peak_mb(who: str, home: Path) -> float:
    argv = [sys.executable, "-m", "tests.benchmarks.training_overhead", who, str(home)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{who} ended with {done.returncode}: {done.stderr[-2000:]}")
    return float(done.stdout.splitlines()[-1])


def _dataset(home: Path) -> DatasetRef:
    return DatasetRef.model_validate_json((home / "dataset.json").read_text())


if __name__ == "__main__":
    {"ours": task, "bare_script": script}[sys.argv[1]](Path(sys.argv[2]))
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(int(peak[1]) / 1024, flush=True)  # ru_maxrss would begin at that of the process that started this one
    os._exit(0)
