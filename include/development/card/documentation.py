"""Writes all documents of a model version."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.development import DatasetRef
from include.development.card import page
from include.development.card.facts import Evidence, Facts
from include.development.card.refits import prefix
from include.development.card.sections import PERFORMANCE, card_text
from include.development.datasets.encoded import Parts
from include.development.explanation import Attribution, attribution, permutation_importance
from include.development.feature_groups import evenly
from include.development.slices import by_slice, figures
from include.development.surrogates import SurrogateTree, local_surrogate, surrogate_tree
from include.development.trainers.trained_model import TrainedModel
from include.evaluation.blocks import blocks_of
from include.evaluation.fairness import fairness_gates, group_figures
from include.evaluation.metrics import calibration_error, row_losses
from include.families.registry import family
from include.specification.usecase import UseCase

Documents = dict[str, bytes]
LOCAL_BACKGROUND = 500
EACH = 2  # typical, best and worst rows that are explained


def document(spec: UseCase, dataset: DatasetRef, model: TrainedModel, parts: Parts, facts: Facts) -> Documents:
    """All documents of a model version by path; the same arguments give the same bytes.

    ``model_card.md`` and ``.html``, ``plots/<name>.svg``, ``importance.json`` (``feature, importance, share``),
    ``explanation.json``, ``surrogate.txt``, ``slices.json``, ``fairness.json`` (of a refit ``in_sample_slices.json``
    and ``in_sample_fairness.json``), ``behaviour.json``. Explained are rows of the validation part, judged are those of
    the test part. Raises DataError when a column of ``comparison.slices``
    or ``fairness.groups`` is not in the dataset.
    """
    frame, y = parts.frames["test"], parts.truth["test"]
    scores = model.predict(frame)
    moved = attribution(model, parts.frames["validation"])
    shuffled = permutation_importance(spec, model, parts.frames["validation"])
    tree = surrogate_tree(spec, model, parts.frames["validation"])
    local = _local(spec, model, parts, y, scores)
    slices, groups = by_slice(spec, frame, y, scores), group_figures(spec, frame, y, scores)
    pictures = dict(_pictures(spec, model, frame, y, scores, moved, shuffled, slices, facts))
    evidence = Evidence(
        model=model.fitted.describe(),
        whole=figures(spec, frame, y, scores),
        blocks=blocks_of(spec, frame),
        labels={part: family(spec).summary(spec, truth) for part, truth in parts.truth.items()},
        slices=slices,
        groups=groups,
        fairness=fairness_gates(spec, groups),
        calibration=calibration_error(y, scores) if family(spec).facts.probabilities else None,
        calibrated=model.calibrator.describe(),
        moved=moved,
        permutation=shuffled,
        tree=tree,
        local=local,
        plots={name: _caption(name, caption, facts) for name, (_, caption) in pictures.items()},
    )
    drawings = {name: drawing for name, (drawing, _) in pictures.items()}
    return _files(card_text(spec, dataset, facts, evidence), drawings, _records(spec, evidence, facts), tree)


def _caption(name: str, caption: str, facts: Facts) -> str:
    measured = name in (*PERFORMANCE, "slices")
    return f"In-sample: {caption}" if facts.refit and measured else caption


def _files(card: str, drawings: Mapping[str, bytes], records: Mapping[str, Any], tree: SurrogateTree) -> Documents:
    texts = {
        "model_card.md": page.pending(card),
        "model_card.html": page.page(card, drawings),
        "surrogate.txt": tree.describe(),
        **{f"{name}.json": json.dumps(content, indent=1) for name, content in records.items()},
    }
    return {name: text.encode() for name, text in texts.items()} | {f"plots/{n}.svg": d for n, d in drawings.items()}


def _records(spec: UseCase, evidence: Evidence, facts: Facts) -> dict[str, Any]:
    """What machines read; no row is named, and a personal value is not shown."""
    moved, measured = evidence.moved, prefix(facts.refit)
    explanation = {
        "shap": {"method": moved.method, "unit": moved.unit, "rows": moved.rows, "features": moved.table()},
        "classes": dict(_by_class(spec, moved)),
        "tensors": {name: values.tolist() for name, values in moved.heat_maps().items()},
        "permutation": dict(evidence.permutation),
        "surrogate": {key: getattr(evidence.tree, key) for key in ("measure", "fidelity", "rules")},
        "local": list(evidence.local),
    }
    return {
        "importance": moved.table(),
        "explanation": explanation,
        f"{measured}slices": list(evidence.slices),
        f"{measured}fairness": {
            "groups": [group.to_json() for group in evidence.groups],
            "gates": [outcome.json_dict() for outcome in evidence.fairness],
        },
        "behaviour": [outcome.json_dict() for outcome in facts.behaviour],
    }


def _by_class(spec: UseCase, moved: Attribution) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    if len(moved.features) > 1:
        for code, values in enumerate(moved.features):
            yield family(spec).answer_name(spec, code), moved.table(values)


def _local(spec: UseCase, model: TrainedModel, parts: Parts, y: np.ndarray, scores: np.ndarray) -> list[dict[str, Any]]:
    """Typical, best and worst rows of the test part, each with what moves the answer there."""
    frame, losses = parts.frames["test"], row_losses(family(spec).facts.predicts, y, scores)
    order = np.argsort(losses, kind="stable")
    middle = len(order) // 2
    chosen = {"typical": order[middle : middle + EACH], "best": order[:EACH], "worst": order[::-1][:EACH]}
    background = model.encoder.transform(evenly(parts.frames["train"], LOCAL_BACKGROUND))
    return [
        {
            "which": which,
            "said": family(spec).outcome(spec, y[row], scores[row]),
            **local_surrogate(spec, model, frame.iloc[[row]], background),
        }
        for which, rows in chosen.items()
        for row in rows
    ]


def _pictures(
    spec: UseCase,
    model: TrainedModel,
    frame: pd.DataFrame,
    y: np.ndarray,
    scores: np.ndarray,
    moved: Attribution,
    shuffled: Mapping[str, Any],
    slices: list[dict[str, Any]],
    facts: Facts,
) -> Iterator[tuple[str, tuple[bytes, str]]]:
    """Name → SVG and caption."""
    from include.development.card import pictures, plots

    with plots.styled():
        drawn = pictures.of_answers(spec, frame, y, scores)
        drawn |= pictures.of_explanation(moved, shuffled)
        drawn |= pictures.of_training(facts.curve or model.fitted.curve)
        drawn |= pictures.of_slices(spec, slices, facts.metrics.get(f"test_{spec.metrics.primary}"))
        for name, (figure, caption) in drawn.items():
            yield name, (plots.svg(figure, name), caption)
