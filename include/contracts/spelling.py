"""Columns of categories in their one spelling (see ``encoding.category``)."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.encoding import Categories, category


def spelled(values: Iterable[Any]) -> np.ndarray:
    """Text (n,), None where missing: each value by itself, whatever types its neighbours have."""
    return np.fromiter((category(value) for value in values), dtype=object)


def as_text(values: pd.Series) -> pd.Series:
    """Text (n,), None where missing."""
    plain = values.astype(object).where(values.notna(), None)
    return plain.map(category, na_action="ignore")


def as_known(values: pd.Series, known: Iterable[str]) -> pd.Series:
    """Text (n,) as the ``known`` categories are spelled, its own spelling where unknown; missing where None or ''."""
    texts, categories = as_text(values), Categories(dict.fromkeys(known))
    return texts.map({text: categories.find(text) for text in texts.dropna().unique()}).astype(object)
