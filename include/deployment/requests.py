"""Rows of flat columns as the requests that a client sends, and answers of the server as scores."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.encoding import TRUTHS
from include.specification.usecase import UseCase


def request(inputs: Mapping[str, Sequence[str]], row: Mapping[str, Any]) -> dict[str, Any]:
    """One row as a request: ``inputs`` (``UseCase.inputs``) says which columns are one tensor, a list of numbers.

    A column that the row lacks is None.
    """
    return {
        name: row.get(name) if list(columns) == [name] else [row.get(column) for column in columns]
        for name, columns in inputs.items()
    }


def sent(spec: UseCase, row: Mapping[str, Any]) -> dict[str, Any]:
    """A dataset's row as a client sends it: a category that travels as a number is one, a time is epoch seconds."""
    columns = {name: _of_kind(spec.fields.get(name), plain(value)) for name, value in row.items()}
    return request(spec.inputs, columns)


def plain(value: Any) -> Any:
    """As JSON has it; None where missing, seconds since 1970-01-01 UTC for a time."""
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, pd.Timestamp):
        return value.timestamp()
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _of_kind(kind: str | None, value: Any) -> Any:
    if kind in (None, "string") or not isinstance(value, str):
        return value
    return float(TRUTHS.get(value, value)) if value else None


def answered(answers: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Scores of the server's answers, float64: (n,) probabilities or values, or (n, K) where they have K scores."""
    if not answers:
        return np.empty(0)
    first = next(name for name in ("scores", "probability", "prediction") if name in answers[0])
    return np.array([answer[first] for answer in answers], dtype=np.float64)
