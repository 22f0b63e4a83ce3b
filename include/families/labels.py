"""A label is taken exactly, or refused with its column, its count and its place: nothing is cast or rounded to fit."""

from collections.abc import Iterable
from decimal import Decimal
from numbers import Integral, Real

import numpy as np
import pandas as pd

from include.errors import DataError
from include.specification.usecase import UseCase

LARGE = 10_000
EXACT = 2**53  # up to here float64 holds every whole number


def exact_number(value: object) -> float:
    """The number as float64; NaN when it is none, is not finite, or would change. A truth value is no number."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real | Decimal):
        return np.nan
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return np.nan
    if not np.isfinite(number):
        return np.nan
    if isinstance(value, Decimal):
        return number if Decimal(repr(number)) == value else np.nan
    return number if not isinstance(value, Integral) or int(number) == int(value) else np.nan


def numbers(labels: pd.Series) -> np.ndarray:
    """``exact_number`` of each label, float64 (n,)."""
    labels = _without_mask(labels)
    kind = _numpy_kind(labels)
    if kind == "f":
        values = labels.to_numpy(dtype=np.float64)
        return np.where(np.isfinite(values), values, np.nan)
    if kind in "iu" and (labels.empty or -EXACT <= labels.min() <= labels.max() <= EXACT):
        return labels.to_numpy(dtype=np.float64)
    return _read(exact_number(value) for value in labels.astype(object))


def truth_values(labels: pd.Series) -> np.ndarray:
    """1 for true and 1, 0 for false and 0, NaN for everything else; float64 (n,)."""
    labels = _without_mask(labels)
    if _numpy_kind(labels) in "biuf":
        values = labels.to_numpy(dtype=np.float64)
    else:
        values = _read(float(v) if isinstance(v, bool | np.bool_) else exact_number(v) for v in labels.astype(object))
    return np.where(np.isin(values, (0.0, 1.0)), values, np.nan)


def written(number: float) -> str:
    """Four digits of a small number, ten of a large one, which may differ from the next only in the last ones."""
    return f"{number:.4g}" if abs(number) < LARGE else f"{number:.10g}"


def _without_mask(labels: pd.Series) -> pd.Series:
    """A column of a nullable number or truth type in numpy's own where no value is missing: value by value is slow."""
    plain = getattr(labels.dtype, "numpy_dtype", labels.dtype)
    if plain is labels.dtype or plain.kind not in "biuf" or labels.isna().any():
        return labels
    return labels.astype(plain)


def _numpy_kind(labels: pd.Series) -> str:
    return labels.dtype.kind if isinstance(labels.dtype, np.dtype) else "O"


def _read(values: Iterable[float]) -> np.ndarray:
    return np.fromiter(values, dtype=np.float64)


def exactly(spec: UseCase, labels: pd.Series, values: np.ndarray, code_type: str, allowed: str) -> pd.Series:
    """The ``values`` (n,) that were read of the labels, in ``code_type``.

    Raises DataError when a value is NaN or would change: with the use case, the column, how many they are and of which
    kind, and the row of the first one, which is its index in ``labels``. A value may be personal, so none is shown.
    ``allowed`` is what a label must be.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        coded = values.astype(code_type)
    if (wrong := coded != values).any():
        refused = labels[wrong]
        kinds = refused.astype(object).map(_kind).where(refused.notna(), "missing").value_counts()
        counts = ", ".join(f"{kind}: {count}" for kind, count in kinds.items())
        raise DataError(
            f"{spec.name}: {len(refused)} of {len(labels)} labels {spec.event.label!r} cannot be used ({counts}; the "
            f"first in row {refused.index[0]}): a label must be {allowed}. Correct the source or features.py, or leave "
            "a label empty until it is known"
        )
    return pd.Series(coded, index=labels.index, name=labels.name)


def _kind(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "true or false"
    if isinstance(value, str | bytes):
        return "text"
    return "another number" if isinstance(value, Real | Decimal) else f"of type {type(value).__name__}"
