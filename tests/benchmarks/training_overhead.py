"""What a whole training costs beyond the fit: ours against a bare script that fits the same trees on the same rows."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from include.adapters.feature_store import FeastFeatureStore
from include.adapters.lake import DeltaLake
from include.contracts import DatasetRef, Period
from include.development import datasets
from include.development.trainers.xgboost import DEFAULTS, NOT_BOOSTER
from include.development.training import train
from include.settings import Settings
from include.usecase import UseCase, load_usecase
from tests.integration.ml_fixtures import MONTHS, publish

THREADS = 2


def bench(repeats: int = 5) -> dict[str, Any]:
    """Paired runs, alternating; both read the Parquet parts, fit with early stopping and score the test part."""
    spec = load_usecase("flight_delay")
    with tempfile.TemporaryDirectory() as directory:
        dataset = _dataset(spec, Path(directory))
        parameters = {**DEFAULTS, **spec.trainer.parameters}
        contenders: dict[str, Callable[[], float]] = {
            "ours": lambda: train(spec, dataset, {}, THREADS, 0).metrics["test_roc_auc"],
            "bare_script": lambda: _bare_script(spec, dataset, parameters),
        }
        scores = {name: run() for name, run in contenders.items()}  # imports and file caches are warm afterwards
        if abs(scores["ours"] - scores["bare_script"]) > 1e-9:
            raise RuntimeError(f"the two did not do the same work: {scores}")
        pairs = [{name: _seconds(run) for name, run in contenders.items()} for _ in range(repeats)]
    medians = {name: statistics.median(pair[name] for pair in pairs) for name in contenders}
    return {
        "name": "training_overhead",
        "what": "one training with metrics, baseline, slices, importance and model card; the script fits and scores",
        "ours": medians["ours"],
        "against": {"bare_script": medians["bare_script"]},
        "ratio": {"bare_script": medians["ours"] / medians["bare_script"]},
        "unit": "s",
        "n": dataset.train.rows,
        "samples": pairs,
    }


def _seconds(run: Callable[[], float]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def _bare_script(spec: UseCase, dataset: DatasetRef, parameters: dict[str, Any]) -> float:
    """What one would write in a notebook: read, category codes, fit, AUC."""
    import xgboost
    from sklearn.metrics import roc_auc_score

    frames = [pd.read_parquet(part.path) for part in (dataset.train, dataset.validation, dataset.test)]
    for feature in (f.name for f in spec.features if f.kind == "categorical"):
        categories = sorted(frames[0][feature].dropna().unique())
        for frame in frames:
            frame[feature] = pd.Categorical(frame[feature], categories=categories).codes
    train_data, validation, test = (
        xgboost.DMatrix(f[spec.feature_names].to_numpy(np.float32), f[dataset.label], nthread=THREADS) for f in frames
    )
    booster = xgboost.train(
        {k: v for k, v in parameters.items() if k not in NOT_BOOSTER}
        | {"objective": "binary:logistic", "tree_method": "hist", "nthread": THREADS},
        train_data,
        num_boost_round=parameters["n_estimators"],
        evals=[(validation, "validation")],
        early_stopping_rounds=parameters["early_stopping_rounds"],
        verbose_eval=False,
    )
    best = booster[: booster.best_iteration + 1]
    return float(roc_auc_score(frames[2][dataset.label], best.predict(test)))


def _dataset(spec: UseCase, directory: Path) -> DatasetRef:
    """January to April 2013, tested on April."""
    settings = Settings(home=directory)
    lake, store = DeltaLake(settings.lake), FeastFeatureStore(settings)
    store.apply()
    return datasets.build(
        spec,
        train_from=None,
        train_to=None,
        test_period=MONTHS[-1],
        excluded=[],
        lake=lake,
        feature_store=store,
        snapshots=[publish(spec, settings, lake, store, Period(key=month)) for month in MONTHS],
        directory=settings.datasets / spec.name,
    )
