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
    if pd.api.types.infer_dtype(plain, skipna=True) == "string":  # as most are: a text is spelled as it is
        return plain
    return plain.map(category, na_action="ignore")


def as_known(values: pd.Series, known: Iterable[str]) -> pd.Series:
    """Text (n,) as the ``known`` categories are spelled, its own spelling where unknown; missing where None or ''."""
    texts, categories = as_text(values), Categories(dict.fromkeys(known))
    return texts.map({text: categories.find(text) for text in distinct(texts)}).astype(object)


def distinct(texts: pd.Series) -> list[str]:
    """The different texts in the order of their first rows, without missing ones.

    To ``unique``, ``factorize`` and ``groupby`` of pandas 2 two texts are one that differ after a NUL only.
    """
    return list(dict.fromkeys(texts.dropna()))


def codes(texts: pd.Series) -> np.ndarray:
    """The place (n,) of each text among the ``distinct`` ones, -1 where missing."""
    places = {text: place for place, text in enumerate(distinct(texts))}
    return texts.map(places).fillna(-1).to_numpy(np.int64)
