"""A fitted model is judged, tested and documented before it is registered; nothing outside is read or written."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.development import DatasetRef
from include.contracts.evaluation import GateOutcome
from include.development.baseline import Baseline, fit_baseline
from include.development.behaviour import check
from include.development.card.documentation import document
from include.development.card.facts import Facts, Refit
from include.development.card.refits import IN_SAMPLE
from include.development.datasets.encoded import Parts, encoded, frames_of, matrix
from include.development.refitting import UNITS, Proved, agreement
from include.development.search.tuning import Tuning
from include.development.slices import figures
from include.development.trainers.trained_model import TrainedModel, artifact_hash
from include.errors import TrainingError
from include.evaluation.metrics import direction, score
from include.families.class_names import require
from include.families.registry import family
from include.specification.usecase import UseCase


def judge(
    spec: UseCase,
    dataset: DatasetRef,
    content: bytes,
    tuning: Tuning,
    made: Mapping[str, Any] | None = None,
    proof: Proved | None = None,
) -> tuple[dict[str, float], dict[str, bytes]]:
    """The metrics and the documents, by file name, of the fitted model in ``content``.

    Metrics are named ``<part>_<metric>`` and ``baseline_<part>_<metric>``. ``made`` are further fields of
    ``card.facts.Facts``: ``cost``, ``revision``, ``curve``. ``proof``: the model is its refit, and has learned from
    these rows. So its metrics are named ``in_sample_…``, and those of the proof on the same rows, ``proof_…``, are
    beside them.

    Raises
    ------
    TrainingError
        the scores carry no information, the model fails a behaviour test, or it answers otherwise than its proof.
    DataError
        a part's content is not what the dataset says, or the spec's classes are no longer the model's.
    """
    model = TrainedModel.from_bytes(content)
    require(model.called, model.class_names, spec.event.classes)
    parts = encoded(spec, frames_of(spec, dataset), model.encoder)
    scores = {part: _scores(spec, model, parts.frames[part]) for part in ("validation", "test")}
    # the rows as they are: what a baseline says must not depend on how the fit weighs
    baseline = fit_baseline(spec, parts.problem, matrix(spec, parts.frames["train"], parts.encoder))
    metrics = _metrics(spec, parts, scores, baseline)
    words, outcomes = (tuning.describe(), baseline.describe()), _behaving(spec, model, parts, metrics)
    facts = Facts(artifact_hash(content), tuning.parameters, metrics, *words, behaviour=outcomes, **(made or {}))
    if proof:
        facts = replace(facts, refit=(refit := _beside(spec, parts, proof, model)))
        metrics = {f"{IN_SAMPLE}{name}": value for name, value in metrics.items()}
        metrics |= {f"proof_{name}": value for name, value in refit.metrics.items()}
    documents = document(spec, dataset, model, parts, facts)
    documents["encoding.json"] = json.dumps(model.encoding(), indent=1).encode()
    return metrics, documents


def _beside(spec: UseCase, parts: Parts, proof: Proved, model: TrainedModel) -> Refit:
    """What the card of a refit says of its proof; raises TrainingError when they do not agree."""
    difference = agreement(spec, proof, model, parts.frames["test"])
    scores = {part: proof.model.predict(parts.frames[part]) for part in ("validation", "test")}
    return Refit(
        version=proof.ref.version,
        artifact_hash=proof.ref.artifact_hash,
        metrics={
            f"{part}_{name}": score(name, parts.truth[part], p)
            for part, p in scores.items()
            for name in spec.metrics.names
        },
        intervals=figures(spec, parts.frames["test"], parts.truth["test"], scores["test"]).intervals,
        learned=proof.ref.dataset.train,
        difference=f"{difference:.3g} ({UNITS[model.problem.facts.predicts]})",
    )


def _behaving(spec: UseCase, model: TrainedModel, parts: Parts, metrics: Mapping[str, float]) -> list[GateOutcome]:
    primary = spec.metrics.primary
    ahead = direction(primary) * (metrics[f"test_{primary}"] - metrics[f"baseline_test_{primary}"])
    outcomes = check(spec, model, parts, ahead > 0)
    if failed := [outcome for outcome in outcomes if not outcome.passed]:
        failures = "; ".join(f"{outcome.gate}: {outcome.detail}" for outcome in failed)
        raise TrainingError(
            f"{spec.name}: not registered, because the model fails {len(failed)} of {len(outcomes)} behaviour tests: "
            f"{failures} (test {primary} {metrics[f'test_{primary}']:.4f}, baseline "
            f"{metrics[f'baseline_test_{primary}']:.4f}); train on other data or parameters, or change `behaviour`"
        )
    return outcomes


def _scores(spec: UseCase, model: TrainedModel, frame: pd.DataFrame) -> np.ndarray:
    scores = model.predict(frame)
    unusable = not np.isfinite(scores).all()
    if unusable or (family(spec).facts.probabilities and (scores.min() < 0 or scores.max() > 1)):
        raise TrainingError(
            f"{spec.name}: predictions from {scores.min()} to {scores.max()} are impossible for the task {spec.task}; "
            "check the fit"
        )
    if len(scores) > 1 and (scores == scores[0]).all():
        raise TrainingError(
            f"{spec.name}: every row gets the answer {scores[0]}, so the model learned nothing; check data, parameters"
        )
    return scores


def _metrics(spec: UseCase, parts: Parts, scores: Mapping[str, np.ndarray], baseline: Baseline) -> dict[str, float]:
    measured: dict[str, float] = {}
    for part, p in scores.items():
        X, y = parts.encoder.transform(parts.frames[part]), parts.truth[part]
        for name in spec.metrics.names:
            measured[f"{part}_{name}"] = score(name, y, p)
            measured[f"baseline_{part}_{name}"] = score(name, y, baseline.predict(X))
    return measured
