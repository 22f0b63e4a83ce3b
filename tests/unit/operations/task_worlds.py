"""A small month of answers for every task but the binary one, with known properties."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from include.families.registry import family
from include.operations.drift import drift
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec

CLASSES = ["0", "1", "2"]
CENTRES = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
PIXELS = [f"pixels_{i:02d}" for i in range(4)]


@dataclass(frozen=True)
class Month:
    spec: UseCase
    log: pd.DataFrame
    events: pd.DataFrame
    scores: np.ndarray

    def baseline(self, **metrics: float) -> dict[str, Any]:
        """Of this month as the test set, with its labels coded as a dataset has them."""
        labels = {}
        if label := self.spec.event.label:
            labels = {label: family(self.spec).label_codes(self.spec, self.events[label])}
        intervals = {m: {"value": v, "low": v - 0.01, "high": v + 0.01, "n": 300} for m, v in metrics.items()}
        return drift.baseline(self.spec, self.log.assign(**labels), self.scores, intervals)


def _log(n: int, seed: int, **columns: Any) -> pd.DataFrame:
    ids = [f"{seed}-{i}" for i in range(n)]
    moments = pd.date_range("2013-06-01", periods=n, freq="min", tz="UTC")
    plain = {"request_id": [f"r{i}" for i in ids], "flight_id": ids, "release": "r0001", "logged_at": moments}
    return pd.DataFrame(plain | {"latency_ms": 1.0, "probability": np.nan, "prediction": np.nan} | columns)


def _spec(task: str, primary: str, features: list[dict], **changes: Any) -> UseCase:
    metrics = {"primary": primary, "secondary": changes.pop("secondary", [])}
    criterion = {"metric": primary, **({"at_most": 10.0} if primary in ("mae", "rmse") else {"at_least": 0.1})}
    return small_spec(task=task, metrics=metrics, acceptance=[criterion], features=features, **changes)


def numeric(*names: str) -> list[dict]:
    return [{"name": name, "kind": "numeric", "from": "on_request"} for name in names]


def multiclass(seed: int = 1, n: int = 300, skill: float = 0.9, shift: float = 0.0) -> Month:
    """Four pixels as a tensor; answers that are right with probability ``skill``."""
    features = [{"name": "pixels", "kind": "numeric", "from": "on_request", "shape": [2, 2]}, *numeric("x")]
    spec = _spec("multiclass", "accuracy", features, event={"classes": CLASSES}, secondary=["roc_auc_ovr", "log_loss"])
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, n)
    said = np.where(random.random(n) < skill, truth, (truth + 1) % 3)
    scores = np.full((n, 3), 0.1) + 0.7 * np.eye(3)[said] + random.uniform(-0.01, 0.01, (n, 3))
    scores /= scores.sum(axis=1, keepdims=True)
    pixels = dict(zip(PIXELS, random.normal(size=(4, n)) + shift, strict=True))
    log = _log(n, seed, scores=list(scores), prediction=said.astype(float), x=random.normal(size=n), **pixels)
    events = pd.DataFrame({"flight_id": log["flight_id"], "late": np.array(CLASSES)[truth]})
    return Month(spec, log, events, scores)


def regression(seed: int = 1, n: int = 300, noise: float = 1.0, rise: float = 0.0) -> Month:
    """Values about ten, each answered ``noise`` too high or too low."""
    spec = _spec("regression", "mae", numeric("x"), secondary=["rmse", "r2"], monitoring={"performance_loss": 0.5})
    random = np.random.default_rng(seed)
    truth = random.normal(10.0 + rise, 3.0, n)
    values = truth + noise * random.choice([-1.0, 1.0], n)
    log = _log(n, seed, prediction=values, scores=[[v] for v in values], x=random.normal(size=n))
    return Month(spec, log, pd.DataFrame({"flight_id": log["flight_id"], "late": truth}), values)


def clustering(seed: int = 1, n: int = 300, spread: float = 0.5) -> Month:
    """Three groups; the scores are nearness to their centres."""
    event = {"label": None, "label_time": None}
    trainer = {"name": "sklearn"}
    spec = _spec("clustering", "silhouette", numeric("x", "z"), event=event, trainer=trainer)
    random = np.random.default_rng(seed)
    points = CENTRES[random.integers(0, 3, n)] + spread * random.normal(size=(n, 2))
    scores = -np.linalg.norm(points[:, None] - CENTRES, axis=2)
    log = _log(
        n, seed, scores=list(scores), prediction=scores.argmax(axis=1).astype(float), x=points[:, 0], z=points[:, 1]
    )
    return Month(spec, log, pd.DataFrame({"flight_id": log["flight_id"]}), scores)
