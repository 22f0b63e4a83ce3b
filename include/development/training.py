"""One training: dataset in; model, metrics and documents out. Nothing outside is read or written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.development import DatasetRef
from include.contracts.evaluation import GateOutcome
from include.development.baseline import Baseline, fit_baseline
from include.development.behaviour import check
from include.development.datasets.encoder import Encoder
from include.development.datasets.imbalance import balanced
from include.development.datasets.parts import read_part
from include.development.search.tuning import Tuning
from include.development.trainers.protocol import Matrix, Parameters, Problem, Run, merged
from include.development.trainers.registry import trainer
from include.development.trainers.trained_model import TrainedModel, artifact_hash
from include.errors import TrainingError
from include.evaluation.answers import truth
from include.evaluation.metrics import direction, kind_of, score
from include.specification.usecase import UseCase

PARTS = ("train", "validation", "test")
LEARNING = ("train", "validation")


@dataclass(frozen=True)
class TrainingResult:
    """``metrics`` are named ``<part>_<metric>`` and ``baseline_<part>_<metric>``; ``documents`` by file name."""

    model: bytes
    artifact_hash: str
    parameters: dict[str, int | float | str]
    metrics: dict[str, float]
    documents: dict[str, bytes]


@dataclass(frozen=True)
class Parts:
    """A dataset in memory: frames and truth by part, the encoder fitted on the training part, and what it gives."""

    frames: Mapping[str, pd.DataFrame]
    truth: Mapping[str, np.ndarray]
    encoder: Encoder
    matrices: Mapping[str, Matrix]
    problem: Problem


def train(spec: UseCase, dataset: DatasetRef, parameters: Parameters, run: Run) -> TrainingResult:
    """Fit, judge and document one model without a search; the same arguments give the same bytes.

    Parameters
    ----------
    parameters
        overlay of ``trainer.parameters`` of the spec.

    Raises
    ------
    TrainingError
        unknown parameters, a failed fit, or predictions that say nothing.
    DataError
        a part's content is not what the dataset says.
    """
    parts = read(spec, dataset)
    chosen = parameters_of(spec, parameters)
    model = fit(spec, dataset, parts, chosen, run)
    return result(spec, dataset, model, parts, Tuning(metric=spec.metrics.primary, parameters=chosen))


def parameters_of(spec: UseCase, overlay: Parameters) -> dict[str, int | float | str]:
    """All parameters of a fit: the trainer's own, over them the spec's, over them ``overlay``."""
    return merged(trainer(spec.trainer.name, spec.name), spec.trainer.parameters, overlay)


def start_of(spec: UseCase, content: bytes | None) -> TrainedModel | None:
    """The model to go on from, in ``content``; None from scratch.

    Raises
    ------
    TrainingError
        it is of another trainer, or reads other features: its weights mean nothing here.
    """
    if content is None:
        return None
    model = TrainedModel.from_bytes(content)
    same = [e["name"] for e in model.encoder.features] == spec.feature_names and model.task == spec.task
    if model.trainer != trainer(spec.trainer.name, spec.name).name or not same:
        raise TrainingError(
            f"{spec.name}: the champion is a {model.trainer} for {model.task} on {len(model.encoder.names)} features, "
            f"the spec says {spec.trainer.name} for {spec.task} on {len(spec.feature_names)}: nothing of it fits; "
            "train with start_from: scratch"
        )
    return model


def read(spec: UseCase, dataset: DatasetRef, start: TrainedModel | None = None, only: Sequence[str] = PARTS) -> Parts:
    """The dataset's parts, checked, encoded for training; codes keep the meaning they have for ``start``."""
    frames = frames_of(spec, dataset, only)
    encoder = Encoder.fit(frames["train"], spec.features, after=start.encoder if start else None)
    return parts_of(spec, frames, encoder)


def frames_of(spec: UseCase, dataset: DatasetRef, only: Sequence[str] = PARTS) -> dict[str, pd.DataFrame]:
    """The rows of the parts, checked."""
    if dataset.usecase != spec.name:
        raise TrainingError(f"dataset {dataset.name} is of {dataset.usecase!r}, the use case is {spec.name!r}")
    return {part: read_part(getattr(dataset, part)) for part in only}


def parts_of(spec: UseCase, frames: Mapping[str, pd.DataFrame], encoder: Encoder) -> Parts:
    """The parts as ``encoder`` encodes them, the training part balanced as the spec wants it."""
    matrices = {p: Matrix(encoder.transform(frames[p]), _labels(spec, frames[p])) for p in LEARNING}
    matrices["train"] = balanced(spec, matrices["train"])
    problem = Problem(spec.task, encoder.inputs, _classes(spec))
    return Parts(frames, {p: truth(spec, frame) for p, frame in frames.items()}, encoder, matrices, problem)


def fit(spec: UseCase, dataset: DatasetRef, parts: Parts, parameters: Parameters, run: Run) -> TrainedModel:
    """One model by the spec's trainer."""
    algorithm = trainer(spec.trainer.name, spec.name)
    fitted = algorithm.fit(parts.problem, parts.matrices["train"], parts.matrices["validation"], parameters, run)
    return TrainedModel(
        spec.name, dataset.feature_service, algorithm.name, spec.task, parts.problem.classes, parts.encoder, fitted
    )


def _classes(spec: UseCase) -> int:
    return {"binary": 2, "multiclass": len(spec.event.classes)}.get(spec.task, 0)


def _labels(spec: UseCase, frame: pd.DataFrame) -> np.ndarray | None:
    return frame[spec.event.label].to_numpy() if spec.event.label else None


def judge(
    spec: UseCase, dataset: DatasetRef, content: bytes, tuning: Tuning, made: Mapping[str, Any] | None = None
) -> TrainingResult:
    """Judge, test and document a fitted model that is in ``content``; errors as ``train`` says.

    ``made`` are further fields of ``documentation.Facts``: ``cost``, ``revision``, ``curve``.
    """
    model = TrainedModel.from_bytes(content)
    parts = parts_of(spec, frames_of(spec, dataset), model.encoder)
    return result(spec, dataset, model, parts, tuning, made)


def result(
    spec: UseCase,
    dataset: DatasetRef,
    model: TrainedModel,
    parts: Parts,
    tuning: Tuning,
    made: Mapping[str, Any] | None = None,
) -> TrainingResult:
    """Judge, test and document a fitted model; errors as ``train`` says."""
    from include.development.card.documentation import (  # draws and explains: heavy, and no part of a fit
        Facts,
        document,
    )

    scores = {part: _scores(spec, model, parts.frames[part]) for part in ("validation", "test")}
    baseline = fit_baseline(spec, parts.problem, _unbalanced(spec, parts))
    metrics = _metrics(spec, parts, scores, baseline)
    behaviour = _behaving(spec, model, parts, metrics)
    content = model.to_bytes()
    facts = Facts(
        artifact_hash=artifact_hash(content),
        parameters=tuning.parameters,
        metrics=metrics,
        tuning=tuning.describe(),
        baseline=baseline.describe(),
        behaviour=behaviour,
        **(made or {}),
    )
    documents = document(spec, dataset, model, parts, facts)
    documents["encoding.json"] = json.dumps(model.encoding(), indent=1).encode()
    return TrainingResult(content, facts.artifact_hash, tuning.parameters, metrics, documents)


def _behaving(spec: UseCase, model: TrainedModel, parts: Parts, metrics: Mapping[str, float]) -> list[GateOutcome]:
    primary = spec.metrics.primary
    ahead = direction(primary) * (metrics[f"test_{primary}"] - metrics[f"baseline_test_{primary}"])
    outcomes = check(spec, model, parts, ahead > 0)
    if failed := [outcome for outcome in outcomes if not outcome.passed]:
        said = "; ".join(f"{outcome.gate}: {outcome.detail}" for outcome in failed)
        raise TrainingError(
            f"{spec.name}: the model is not registered, it fails {len(failed)} of {len(outcomes)} behaviour tests: "
            f"{said} (test {primary} {metrics[f'test_{primary}']:.4f}, baseline "
            f"{metrics[f'baseline_test_{primary}']:.4f}); train on other data or parameters, or change `behaviour`"
        )
    return outcomes


def _unbalanced(spec: UseCase, parts: Parts) -> Matrix:
    """The training part as it is: what a baseline says must not depend on how the fit weighs."""
    if spec.trainer.imbalance == "none":
        return parts.matrices["train"]
    return Matrix(parts.encoder.transform(parts.frames["train"]), _labels(spec, parts.frames["train"]))


def _scores(spec: UseCase, model: TrainedModel, frame: pd.DataFrame) -> np.ndarray:
    scores = model.predict(frame)
    unusable = not np.isfinite(scores).all()
    if unusable or (kind_of(spec.metrics.primary) == "classes" and (scores.min() < 0 or scores.max() > 1)):
        raise TrainingError(
            f"{spec.name}: predictions from {scores.min()} to {scores.max()} are not what a {spec.task} model says; "
            "check the fit"
        )
    if len(scores) > 1 and (scores == scores[0]).all():
        raise TrainingError(
            f"{spec.name}: the model says {scores[0]} for every row: it learned nothing; check data and parameters"
        )
    return scores


def _metrics(spec: UseCase, parts: Parts, scores: Mapping[str, np.ndarray], baseline: Baseline) -> dict[str, float]:
    figures: dict[str, float] = {}
    for part, p in scores.items():
        X, y = parts.encoder.transform(parts.frames[part]), parts.truth[part]
        for name in spec.metrics.names:
            figures[f"{part}_{name}"] = score(name, y, p)
            figures[f"baseline_{part}_{name}"] = score(name, y, baseline.predict(X))
    return figures
