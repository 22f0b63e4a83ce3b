"""What serving code must know of a task, as plain flags in a release, and what it answers and logs by them.

``triton_models/pipeline/1/answers.py`` follows the flags, in the model server and in an edge bundle.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.development import FieldType, ModelFields
from include.families.class_names import in_order
from include.families.registry import family
from include.specification.usecase import UseCase

NUMBER = "TYPE_FP32"
VALUE = "TYPE_FP64"  # float32 would round a number with a large offset
ANSWERS: dict[str, FieldType] = {"TYPE_STRING": "string", "TYPE_INT64": "long", VALUE: "double", NUMBER: "float"}


def flags(spec: UseCase, class_names: Sequence[str] | None = None) -> dict[str, Any]:
    """For a release's manifest; ``class_names`` are those of its model, in their order (None: as the spec has them).

    ``predicts``: class, value or cluster; ``scores``: one per row (column), or one per class or cluster (table);
    ``classes``: their names where a prediction is a name; ``threshold``: the score from which on a row is of class 1,
    or None; ``answers_with_probability``.
    """
    facts = family(spec).facts
    return {
        "predicts": facts.predicts,
        "scores": facts.scores,
        "classes": list(spec.event.classes if class_names is None else class_names),
        "threshold": facts.threshold,
        "answers_with_probability": facts.probabilities,
    }


def outputs(spec: UseCase) -> dict[str, str]:
    """Triton's type of every output that depends on the task, by name."""
    facts = family(spec).facts
    code = VALUE if facts.predicts == "value" else "TYPE_INT64"
    prediction = {"prediction": "TYPE_STRING" if facts.names_classes else code}
    probability = {"probability": NUMBER} if facts.probabilities else {}
    return prediction | probability | ({"scores": NUMBER} if facts.table else {})


def fields(spec: UseCase) -> ModelFields:
    """What a model takes and answers, in words of the experiment tracker."""
    inputs: dict[str, FieldType] = {f.name: "double" if f.kind == "numeric" else "string" for f in spec.features}
    answers: dict[str, FieldType] = {name: ANSWERS[kind] for name, kind in outputs(spec).items()}
    return ModelFields(inputs=inputs, outputs=answers | ({"scores": "floats"} if "scores" in answers else {}))


def headline(scores: np.ndarray) -> np.ndarray:
    """One number per row: the probability or value itself, or the largest of K scores."""
    return scores.max(axis=1) if scores.ndim == 2 else scores


def logged_column(spec: UseCase) -> str:
    """The column of the prediction log that holds a model's scores."""
    facts = family(spec).facts
    if facts.table:
        return "scores"
    return "probability" if facts.probabilities else "prediction"


def logged_scores(spec: UseCase, rows: pd.DataFrame) -> np.ndarray:
    """Scores (n,) or (n, K) from rows of the prediction log."""
    column = logged_column(spec)
    if column != "scores":
        return rows[column].to_numpy(dtype=float)
    return np.stack([np.asarray(row, dtype=float) for row in rows[column]])


def logged_in_order(spec: UseCase, rows: pd.DataFrame, release: str, names: Sequence[str]) -> pd.DataFrame:
    """Rows that ``release``, whose classes are ``names``, logged, with its scores of the spec's classes.

    Raises DataError when it knows a class that the spec has not.
    """
    if rows.empty or logged_column(spec) != "scores" or list(names) == spec.event.classes:
        return rows
    mapped = in_order(f"release {release} of {spec.name}", logged_scores(spec, rows), names, spec.event.classes)
    return rows.assign(scores=[*mapped])
