"""How raw features become the model's float32 inputs; its JSON is what serving follows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd

from include.contracts.encoding import FIRST_WORD, UNKNOWN_CATEGORY, Categories, Encoding, width, words
from include.contracts.spelling import as_text
from include.development.datasets.parts import as_number
from include.development.trainers.protocol import Input
from include.errors import DataError
from include.specification.data import Feature

WORDS = 5000  # the most frequent ones; the rest is one unknown word


@dataclass(frozen=True)
class Encoder:
    """The features in model order, each as an entry of ``encoding.json`` (see ``include.contracts.encoding``)."""

    features: tuple[dict[str, Any], ...]

    @classmethod
    def fit(cls, frame: pd.DataFrame, features: Sequence[Feature], after: Self | None = None) -> Self:
        """Learn the categories and words of ``frame`` (the training part only).

        Those that ``after`` knows come first, in its order: a model that goes on from its weights reads the same codes.
        """
        known = {entry["name"]: entry for entry in after.features} if after else {}
        return cls(tuple(_entry(frame, feature, known.get(feature.name, {})) for feature in features))

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        return cls(tuple(document["features"]))

    def to_json(self) -> dict[str, Any]:
        """``{"features": [entry, …]}`` in model order."""
        return {"features": list(self.features)}

    @property
    def names(self) -> list[str]:
        return [entry["name"] for entry in self.features]

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What a trainer is told of them."""
        return tuple(_input(entry) for entry in self.features)

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Float32 of shape (rows, columns); raises DataError when a feature is missing or not numeric."""
        if missing := [name for name in self.names if name not in frame.columns]:
            raise DataError(f"the rows lack the features {missing}; they have {list(frame.columns)}")
        if frame.empty:
            return np.empty((0, self._encoding.width), dtype=np.float32)
        return self._encoding.encode({entry["name"]: _raw(frame, entry) for entry in self.features})

    @cached_property
    def _encoding(self) -> Encoding:
        return Encoding(list(self.features))


def _raw(frame: pd.DataFrame, entry: dict[str, Any]) -> np.ndarray:
    if entry["kind"] != "numeric":
        return as_text(frame[entry["name"]]).to_numpy()
    numbers = as_number(frame, entry["name"])
    if (beyond := int((numbers.abs() > np.finfo(np.float32).max).sum())) > 0:
        raise DataError(f"feature {numbers.name!r} holds {beyond} values beyond float32; correct the source")
    return numbers.to_numpy()


def _entry(frame: pd.DataFrame, feature: Feature, known: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": feature.name, "kind": feature.kind, "origin": feature.origin, "categories": None}
    if feature.tensor:
        entry |= {"tensor": feature.tensor, "shape": list(feature.shape)}
    if feature.kind == "categorical":
        values = sorted(set(as_text(frame[feature.name]).dropna()) - {""})  # on the wire an empty text is a missing one
        entry["categories"] = _categories(known.get("categories") or [], values)
    if feature.kind == "text":
        counted = Counter(word for text in as_text(frame[feature.name]).dropna() for word in words(text))
        ranked = sorted(counted, key=lambda word: (-counted[word], word))
        vocabulary = _after(known.get("vocabulary", []), ranked)[:WORDS]
        entry |= {"vocabulary": vocabulary, "length": feature.length}
    return entry


def _categories(known: list[str], values: list[str]) -> list[str]:
    """All categories; a value that ``known`` spells otherwise keeps that spelling and its code."""
    spelled = Categories(known)
    merged = _after(known, [spelled.find(value) or value for value in values])
    codes = Categories(merged).all(values)
    return _after(known, values) if UNKNOWN_CATEGORY in codes else merged


def _after(known: list[str], new: list[str]) -> list[str]:
    return list(dict.fromkeys([*known, *new]))


def _input(entry: dict[str, Any]) -> Input:
    size = {"categorical": len(entry["categories"] or ()), "text": FIRST_WORD + len(entry.get("vocabulary", ()))}
    tensor, shape = entry.get("tensor", ""), tuple(entry.get("shape", ()))
    values = tuple(entry["categories"] or entry.get("vocabulary", ()))
    return Input(entry["name"], entry["kind"], width(entry), size.get(entry["kind"], 0), tensor, shape, values)
