"""From raw feature columns to the matrix that a model reads; training and the model server run the same file.

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
        begins = np.cumsum([0, *map(width, features)])[: len(features)]
        placed = list(zip(features, begins.tolist(), strict=True))
        numbers = [(entry["name"], at) for entry, at in placed if entry["kind"] == "numeric"]
        self._numbers, self._number_columns = [name for name, _ in numbers], np.array([at for _, at in numbers], int)
        self._coded = [(entry, at, _codes(entry)) for entry, at in placed if entry["kind"] != "numeric"]

    def encode(self, columns: Mapping[str, Sequence[Any] | np.ndarray]) -> np.ndarray:
        """Float32 of shape (rows, width); ``columns`` maps a feature's name to its raw values, one per row.

        Missing (None, NaN or '') is NaN in a number, -1 in a category, no words in a text.
        """
        rows = len(columns[self.features[0]["name"]])
        matrix = np.empty((rows, self.width), dtype=np.float32)
        if self._numbers:  # all at once: a call per feature would cost a single row more than its lookup in the model
            numbers = np.array([columns[name] for name in self._numbers], dtype=np.float32)  # None becomes NaN
            matrix[:, self._number_columns] = numbers.T
        for entry, at, codes in self._coded:
            values = columns[entry["name"]]
            if entry["kind"] == "text":
                matrix[:, at : at + entry["length"]] = _text(values, codes, entry["length"])
            else:
                matrix[:, at] = [codes.get(value, UNKNOWN_CATEGORY) for value in values]
        return matrix


def _codes(entry: dict) -> dict:
    if entry["kind"] == "text":
        return {word: float(code) for code, word in enumerate(entry["vocabulary"], start=FIRST_WORD)}
    return {category: float(code) for code, category in enumerate(entry["categories"]) if category != ""}


def _text(values: Sequence[Any] | np.ndarray, codes: dict, length: int) -> np.ndarray:
    block = np.full((len(values), length), NO_WORD, dtype=np.float32)
    for row, text in enumerate(values):
        known = [codes.get(word, UNKNOWN_WORD) for word in words(text)[:length]] if isinstance(text, str) else []
        block[row, : len(known)] = known
    return block
