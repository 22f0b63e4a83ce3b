"""One training: dataset in; model, metrics and documents out. Nothing outside is read or written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from include.contracts import DatasetRef
from include.development.baseline import PriorBaseline
from include.development.encoding import Encoder
from include.development.explanation import importance
from include.development.model_card import CardFacts, model_card
from include.development.parts import read_part
from include.development.slices import slice_metrics
from include.development.trainers.protocol import Matrix, Parameters, Trainer, merged
from include.development.trainers.registry import trainer
from include.development.trainers.trained_model import TrainedModel, artifact_hash
from include.development.tuning import Tuning, tune
from include.errors import TrainingError
from include.evaluation.metrics import score
from include.usecase import UseCase


@dataclass(frozen=True)
class TrainingResult:
    """``metrics`` are named ``<part>_<metric>`` and ``baseline_<part>_<metric>``; ``documents`` map path to text."""

    model: bytes
    artifact_hash: str
    parameters: dict[str, int | float | str]
    metrics: dict[str, float]
    documents: dict[str, str]


@dataclass(frozen=True)
class _Parts:
    """The frames of a dataset by part name, and their labels."""

    frames: Mapping[str, pd.DataFrame]
    labels: Mapping[str, np.ndarray]


def train(
    spec: UseCase, dataset: DatasetRef, parameters: Parameters, threads: int, trials: int | None = None
) -> TrainingResult:
    """Tune (``trials`` > 0), fit, judge and document one model; the same arguments give the same bytes.

    Parameters
    ----------
    parameters
        overlay of ``trainer.parameters`` of the spec.
    trials
        parameter sets to try; None: what the spec says.

    Raises
    ------
    TrainingError
        unknown parameters, a failed fit, or predictions that are no probabilities.
    DataError
        a part's content is not what the dataset says.
    """
    parts = _read(spec, dataset)
    encoder = Encoder.fit(parts.frames["train"], spec.features)
    matrices = {p: Matrix(encoder.transform(parts.frames[p]), parts.labels[p]) for p in ("train", "validation")}
    algorithm = trainer(spec.trainer.name)
    tuning = _tuned(spec, algorithm, matrices, parameters, threads=threads, trials=trials)
    fitted = algorithm.fit(matrices["train"], matrices["validation"], tuning.parameters, threads)
    model = TrainedModel(spec.name, dataset.feature_service, algorithm.name, encoder, fitted)
    return _result(spec, dataset, model, parts, tuning)


def _read(spec: UseCase, dataset: DatasetRef) -> _Parts:
    if dataset.usecase != spec.name:
        raise TrainingError(f"dataset {dataset.name} is of {dataset.usecase!r}, the use case is {spec.name!r}")
    refs = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    frames = {part: read_part(ref) for part, ref in refs.items()}
    return _Parts(frames, {part: frame[dataset.label].to_numpy(np.int8) for part, frame in frames.items()})


def _tuned(
    spec: UseCase,
    algorithm: Trainer,
    matrices: Mapping[str, Matrix],
    parameters: Parameters,
    *,
    threads: int,
    trials: int | None,
) -> Tuning:
    start = merged(algorithm, spec.trainer.parameters, parameters)
    budget = spec.trainer.tuning.trials if trials is None else trials
    return tune(algorithm, **matrices, start=start, metric=spec.metrics.primary, trials=budget, threads=threads)


def _result(spec: UseCase, dataset: DatasetRef, model: TrainedModel, parts: _Parts, tuning: Tuning) -> TrainingResult:
    predictions = {part: _probabilities(model, parts.frames[part]) for part in ("validation", "test")}
    baseline = PriorBaseline.fit(parts.labels["train"])
    metrics = _metrics(spec, parts, predictions, baseline)
    test, y, p = parts.frames["test"], parts.labels["test"], predictions["test"]
    content = model.to_bytes()
    facts = CardFacts(
        artifact_hash=artifact_hash(content),
        model=model.fitted.describe(),
        parameters=dict(tuning.parameters),
        tuning=tuning.describe(),
        metrics=metrics,
        positives={part: float(labels.mean()) for part, labels in parts.labels.items()},
        slices=slice_metrics(
            test,
            y,
            p,
            columns=spec.comparison.slices.columns,
            metrics=_names(spec),
            min_rows=spec.comparison.slices.min_rows,
        ),
        importance=importance(model, parts.frames["validation"]),
    )
    documents = _documents(model, facts) | {"model_card.md": model_card(spec, dataset, facts)}
    return TrainingResult(content, facts.artifact_hash, dict(tuning.parameters), metrics, documents)


def _documents(model: TrainedModel, facts: CardFacts) -> dict[str, str]:
    documents = {"importance": facts.importance, "slices": facts.slices, "encoding": model.encoding()}
    return {f"{name}.json": json.dumps(content, indent=1) for name, content in documents.items()}


def _probabilities(model: TrainedModel, frame: pd.DataFrame) -> np.ndarray:
    p = model.predict(frame)
    if not np.isfinite(p).all() or p.min() < 0 or p.max() > 1:
        raise TrainingError(
            f"{model.usecase}: predictions from {p.min()} to {p.max()} are no probabilities; check the fit"
        )
    if p.min() == p.max():
        raise TrainingError(
            f"{model.usecase}: the model says {p[0]:.4f} for every row: it learned nothing; check data and parameters"
        )
    return p


def _metrics(
    spec: UseCase, parts: _Parts, predictions: Mapping[str, np.ndarray], baseline: PriorBaseline
) -> dict[str, float]:
    figures: dict[str, float] = {}
    for part, p in predictions.items():
        y = parts.labels[part]
        for name in _names(spec):
            figures[f"{part}_{name}"] = score(name, y, p)
            figures[f"baseline_{part}_{name}"] = score(name, y, baseline.predict(len(y)))
    return figures


def _names(spec: UseCase) -> Sequence[Any]:
    return list(dict.fromkeys([spec.metrics.primary, *spec.metrics.secondary]))
