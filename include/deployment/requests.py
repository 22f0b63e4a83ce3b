"""Rows of flat columns as the requests that a client sends, and answers of the server as scores."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def request(inputs: Mapping[str, Sequence[str]], row: Mapping[str, Any]) -> dict[str, Any]:
    """One row as a request: ``inputs`` (``UseCase.inputs``) says which columns are one tensor, a list of numbers.

    A column that the row lacks is None.
    """
    return {
        name: row.get(name) if list(columns) == [name] else [row.get(column) for column in columns]
        for name, columns in inputs.items()
    }


def answered(answers: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Scores of the server's answers, float64: (n,) probabilities or values, or (n, K) where they have K scores."""
    if not answers:
        return np.empty(0)
    first = next(name for name in ("scores", "probability", "prediction") if name in answers[0])
    return np.array([answer[first] for answer in answers], dtype=np.float64)
