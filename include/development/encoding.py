"""How raw features become the model's float32 inputs; its JSON is what serving follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from include.development.parts import as_number, as_text
from include.errors import DataError
from include.usecase import Feature

UNKNOWN = -1.0


@dataclass(frozen=True)
class Column:
    """One model input; ``categories`` are sorted, their index is the code (None: numeric)."""

    name: str
    origin: str
    categories: tuple[str, ...] | None

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """Float32 of shape (rows,): NaN for a missing number, -1 for an unknown or missing category."""
        if self.categories is None:
            return _float32(as_number(frame, self.name))
        codes = {category: float(code) for code, category in enumerate(self.categories)}
        return as_text(frame[self.name]).map(codes).fillna(UNKNOWN).to_numpy(np.float32)

    def json(self) -> dict[str, Any]:
        kind = "numeric" if self.categories is None else "categorical"
        categories = None if self.categories is None else list(self.categories)
        return {"name": self.name, "kind": kind, "origin": self.origin, "categories": categories}


@dataclass(frozen=True)
class Encoder:
    """The columns in model order."""

    columns: tuple[Column, ...]

    @classmethod
    def fit(cls, frame: pd.DataFrame, features: Sequence[Feature]) -> Self:
        """Learn the categories of ``frame`` (the training part only)."""
        return cls(tuple(Column(f.name, f.origin, _categories(frame, f)) for f in features))

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        return cls(tuple(_column(entry) for entry in document["features"]))

    def to_json(self) -> dict[str, Any]:
        """``{"features": [{"name", "kind", "origin", "categories"}, …]}`` in model order."""
        return {"features": [column.json() for column in self.columns]}

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Float32 of shape (rows, columns); raises DataError when a column is missing or not numeric."""
        if missing := [name for name in self.names if name not in frame.columns]:
            raise DataError(f"the rows lack the features {missing}; they have {list(frame.columns)}")
        encoded = np.empty((len(frame), len(self.columns)), dtype=np.float32)
        for index, column in enumerate(self.columns):
            encoded[:, index] = column.encode(frame)
        return encoded


def _float32(numbers: pd.Series) -> np.ndarray:
    if (beyond := int((numbers.abs() > np.finfo(np.float32).max).sum())) > 0:
        raise DataError(f"feature {numbers.name!r} holds {beyond} values beyond float32; correct the source")
    return numbers.to_numpy().astype(np.float32)


def _categories(frame: pd.DataFrame, feature: Feature) -> tuple[str, ...] | None:
    if feature.kind == "numeric":
        return None
    return tuple(sorted(as_text(frame[feature.name]).dropna().unique()))


def _column(entry: dict[str, Any]) -> Column:
    categories = entry["categories"]
    return Column(entry["name"], entry["origin"], None if categories is None else tuple(categories))
