"""A small dataset and model of every task: numbers that move the answer, a category, a tensor and a text."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.development import DatasetRef, PartRef
from include.development.datasets.encoded import Parts
from include.development.datasets.encoder import Encoder
from include.development.trainers.protocol import Matrix, Problem
from include.development.trainers.trained_model import TrainedModel
from include.families.registry import family
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase

CLASSES = ["low", "middle", "high"]
METRICS = {
    "binary": ("roc_auc", ["brier"]),
    "multiclass": ("accuracy", ["f1_macro", "log_loss"]),
    "regression": ("mae", ["r2"]),
    "forecasting": ("mae", ["rmse"]),
    "clustering": ("silhouette", []),
}
ROWS = {"train": 300, "validation": 120, "test": 240}


def task_spec(task: str, **changes: Any) -> UseCase:
    """Features: ``strength`` decides, ``place`` adds, ``signal`` (2 x 2) and ``note`` add little, ``idle`` nothing."""
    content = load_usecase("flight_delay").model_dump(by_alias=True)
    primary, secondary = METRICS[task]
    content |= {
        "task": task,
        "features": [
            {"name": "strength", "kind": "numeric", "from": "request", "description": "how strong"},
            {"name": "place", "kind": "categorical", "from": "request"},
            {"name": "signal", "kind": "numeric", "from": "request", "shape": [2, 2]},
            {"name": "note", "kind": "text", "from": "request", "length": 3},
            {"name": "idle", "kind": "numeric", "from": "request"},
        ],
        "request": {
            "id": "string",
            "at": "timestamp",
            "strength": "float",
            "place": "string",
            "signal": "float",
            "note": "string",
        }
        | {"idle": "float"},
        "metrics": {"primary": primary, "secondary": secondary},
        "acceptance": [{"metric": primary, "at_least" if task != "regression" else "at_most": 0.5}],
        "behaviour": {},
        "fairness": {},
    }
    content["event"] = {"id": "id", "time": "at"}
    if task != "clustering":
        content["event"] |= {"label": "label", "label_time": "label_at"}
    else:
        content["trainer"] |= {"name": "own", "parameters": {}}  # it may read every kind of feature
    if task == "multiclass":
        content["event"]["classes"] = CLASSES
    content |= {
        "entities": {},
        "feature_views": {},
        "streams": {},
        "privacy": {},
        "hand_over": {},
        "user_acceptance": [],
    }
    content["comparison"] |= {"slices": {"columns": ["place"], "margin": 0.02, "min_rows": 20}}
    for name, value in changes.items():
        content[name] = content[name] | value if isinstance(value, dict) else value
    return UseCase.model_validate(content)


def rows(task: str, n: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    strength, place = random.normal(size=n), random.choice(["here", "there", "nowhere"], n, p=[0.5, 0.45, 0.05])
    frame = pd.DataFrame(
        {
            "id": [f"{seed}-{i}" for i in range(n)],
            "at": pd.date_range("2013-01-01", periods=n, freq="h", tz="UTC"),
            "strength": strength,
            "place": place,
            **{f"signal_{i:02d}": random.normal(size=n) for i in range(4)},
            "note": random.choice(["all quiet", "some noise here", ""], n),
            "idle": random.normal(size=n),
        }
    )
    value = 2 * strength + (place == "there") + 0.3 * frame["signal_00"] + random.normal(0, 0.5, n)
    if task == "binary":
        frame["label"] = (value > 0.5).astype("int8")
    elif task == "multiclass":
        frame["label"] = np.digitize(value, [-1, 1.5]).astype("int16")
    elif task != "clustering":
        frame["label"] = value
    return frame


@dataclass(frozen=True)
class Line:
    """Scores of ``2 strength + (place is there) + 0.3 signal_00``, known beforehand; a NaN counts as 0."""

    task: str
    codes: dict[str, int]
    curve: tuple[dict[str, float], ...] = tuple(
        {"step": i, "train": 1 / (i + 1), "validation": 1.1 / (i + 1)} for i in range(4)
    )

    def predict(self, X: np.ndarray) -> np.ndarray:
        X = np.nan_to_num(np.asarray(X, dtype=np.float64))
        value = 2 * X[:, 0] + (X[:, 1] == self.codes["there"]) + 0.3 * X[:, 2]
        if self.task == "binary":
            return 1 / (1 + np.exp(-2 * (value - 0.5)))
        if self.task == "multiclass":
            odds = np.exp(-((value[:, None] - np.array([-2.0, 0.25, 3.0])) ** 2))
            return odds / odds.sum(axis=1, keepdims=True)
        if self.task == "clustering":
            return -np.abs(value[:, None] - np.array([-2.0, 2.5]))
        return value

    def describe(self) -> dict[str, Any]:
        return {"algorithm": "a line", "weights": 3}


def task_parts(spec: UseCase) -> tuple[TrainedModel, Parts]:
    frames = {part: rows(spec.task, n, seed) for seed, (part, n) in enumerate(ROWS.items())}
    encoder = Encoder.fit(frames["train"], spec.features)
    classes = {"binary": 2, "multiclass": 3}.get(spec.task, 0)
    line = Line(spec.task, {name: code for code, name in enumerate(encoder.features[1]["categories"])})
    model = TrainedModel(spec.name, "service", "line", spec.task, classes, encoder, line)
    matrices = {
        part: Matrix(encoder.transform(frames[part]), frames[part]["label"].to_numpy() if spec.event.label else None)
        for part in ("train", "validation")
    }
    answers = {part: family(spec).truth(spec, frame) for part, frame in frames.items()}
    return model, Parts(frames, answers, encoder, matrices, Problem(spec.task, encoder.inputs, classes))


def task_dataset(spec: UseCase) -> DatasetRef:
    parts = {
        part: PartRef(path=f"/nowhere/{part}", rows=n, content_hash=part * 8, periods=["2013-01", "2013-02"])
        for part, n in ROWS.items()
    }
    facts = {"usecase": spec.name, "name": "2013-01-abc", "path": "/nowhere", "feature_service": "service"}
    label, snapshots = spec.event.label or "", {"2013-01": "2013-01-abc"}
    return DatasetRef.model_validate({**facts, "label": label, "snapshots": snapshots, **parts})
