"""From raw feature columns to the matrix that a model reads; training and the model server run this very file.

NumPy only: it is copied beside the serving code. An *entry* is one feature of ``encoding.json``:
``{"name", "kind", "origin", "categories"}``; for text ``"vocabulary"`` (words in order of their codes, from 2 on) and
``"length"`` (words kept) besides.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

UNKNOWN_CATEGORY = -1.0
NO_WORD, UNKNOWN_WORD, FIRST_WORD = 0.0, 1.0, 2
WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Lower-case words in order."""
    return WORD.findall(text.lower())


def width(entry: dict) -> int:
    """How many columns of the matrix a feature takes."""
    return entry["length"] if entry["kind"] == "text" else 1


class Encoding:
    """The features of a model in its order, ready to encode."""

    def __init__(self, features: list[dict]) -> None:
        self.features = features
        self.width = sum(width(entry) for entry in features)
        self._codes = [_codes(entry) for entry in features]

    def encode(self, columns: Mapping[str, Sequence[Any] | np.ndarray]) -> np.ndarray:
        """Float32 of shape (rows, width); ``columns`` maps a feature's name to its raw values, one per row.

        Missing (None or NaN) is NaN in a number, -1 in a category, no words in a text.
        """
        rows = len(columns[self.features[0]["name"]])
        matrix = np.empty((rows, self.width), dtype=np.float32)
        at = 0
        for entry, codes in zip(self.features, self._codes, strict=True):
            values, taken = columns[entry["name"]], width(entry)
            if codes is not None and entry["kind"] == "text":
                matrix[:, at : at + taken] = _text(values, codes, taken)
            elif codes is not None:
                matrix[:, at] = [codes.get(value, UNKNOWN_CATEGORY) for value in values]
            else:
                matrix[:, at] = np.asarray(values, dtype=np.float64)  # None becomes NaN
            at += taken
        return matrix


def _codes(entry: dict) -> dict | None:
    if entry["kind"] == "text":
        return {word: float(code) for code, word in enumerate(entry["vocabulary"], start=FIRST_WORD)}
    if entry["kind"] == "categorical":
        return {category: float(code) for code, category in enumerate(entry["categories"])}
    return None


def _text(values: Sequence[Any] | np.ndarray, codes: dict, length: int) -> np.ndarray:
    block = np.full((len(values), length), NO_WORD, dtype=np.float32)
    for row, text in enumerate(values):
        known = [codes.get(word, UNKNOWN_WORD) for word in words(text)[:length]] if isinstance(text, str) else []
        block[row, : len(known)] = known
    return block
