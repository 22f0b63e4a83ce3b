"""How raw features become the model's float32 inputs; its JSON is what serving follows."""

import math
from collections import Counter
from collections.abc import Collection, Sequence
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
OFFSET = 2.0**10  # spreads from zero; from there on fewer than 14 of float32's 24 bits are left for what varies
LOST = 2.0**17  # spreads from zero; from there on float32 keeps fewer than 64 steps in a spread


@dataclass(frozen=True)
class Encoder:
    """The features in model order, each as an entry of ``encoding.json`` (see ``include.contracts.encoding``)."""

    features: tuple[dict[str, Any], ...]

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        features: Sequence[Feature],
        after: Self | None = None,
        as_float32: Collection[str] = (),
    ) -> Self:
        """Learn the categories, words and centres of ``frame`` (the training part only).

        Those that ``after`` knows come first, in its order, and its centres stay: a model that goes on from its weights
        reads the same codes. ``as_float32`` are the features that clients send as float32. DataError when one of them
        varies too little against its offset for that, or a number holds text or infinities.
        """
        known = {entry["name"]: entry for entry in after.features} if after else {}
        _require_detail(frame, [f for f in features if f.kind == "numeric" and f.name in as_float32])
        return cls(
            tuple(_entry(frame, feature, known.get(feature.name), feature.name in as_float32) for feature in features)
        )

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
    numbers = as_number(frame, entry["name"]).to_numpy()
    if beyond := np.count_nonzero(np.abs(numbers) > np.finfo(np.float32).max):
        raise DataError(f"feature {entry['name']!r} holds {beyond} values beyond float32; correct the source")
    return numbers


def _entry(frame: pd.DataFrame, feature: Feature, before: dict[str, Any] | None, is_float32: bool) -> dict[str, Any]:
    known = before or {}
    entry: dict[str, Any] = {"name": feature.name, "kind": feature.kind, "origin": feature.origin, "categories": None}
    if feature.tensor:
        entry |= {"tensor": feature.tensor, "shape": list(feature.shape)}
    if feature.kind == "categorical":
        values = sorted(set(as_text(frame[feature.name]).dropna()) - {""})  # on the wire an empty text is a missing one
        entry["categories"] = _categories(known.get("categories") or [], values)
    if "centre" in known:
        entry["centre"] = known["centre"]
    if feature.kind == "numeric" and before is None and not is_float32:
        middle, spread = _middle(as_number(frame, feature.name))
        if abs(middle) > OFFSET * spread > 0:
            entry["centre"] = _rounded(middle, spread)
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


def _require_detail(frame: pd.DataFrame, sent: Sequence[Feature]) -> None:
    """Raises DataError for a feature whose variation is lost in the float32 that clients send."""
    for feature in sent:
        middle, spread = _middle(as_number(frame, feature.name))
        if abs(middle) > LOST * spread > 0:
            step = float(np.spacing(np.float32(abs(middle))))
            field = feature.tensor or feature.name
            raise DataError(
                f"feature {feature.name!r} is sent as float32, whose step near {middle:.3g} is {step:.3g}, and its "
                f"middle half is only {spread:.3g} wide: what varies is lost. Declare the request field {field!r} as "
                "'double' instead of 'float', or send its difference from a fixed number"
            )


def _middle(numbers: pd.Series) -> tuple[float, float]:
    """The median, and the width of the middle half; that of all numbers where the half is one number; 0 of none."""
    known = numbers.dropna().to_numpy()
    if not len(known):
        return 0.0, 0.0
    low, middle, high = np.quantile(known, (0.25, 0.5, 0.75))
    return float(middle), float(high - low or np.ptp(known))


def _rounded(middle: float, spread: float) -> float:
    """A number with few digits beside the middle."""
    return round(middle, -math.floor(math.log10(spread)))


def _after(known: list[str], new: list[str]) -> list[str]:
    return list(dict.fromkeys([*known, *new]))


def _input(entry: dict[str, Any]) -> Input:
    size = {"categorical": len(entry["categories"] or ()), "text": FIRST_WORD + len(entry.get("vocabulary", ()))}
    tensor, shape = entry.get("tensor", ""), tuple(entry.get("shape", ()))
    values = tuple(entry["categories"] or entry.get("vocabulary", ()))
    coded, centre = size.get(entry["kind"], 0), entry.get("centre", 0.0)
    return Input(entry["name"], entry["kind"], width(entry), coded, tensor, shape, values, centre)
