"""Columns of the encoded matrix by feature, and which of its values a document may show."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.development.trainers.protocol import placed
from include.development.trainers.trained_model import TrainedModel
from include.specification.usecase import UseCase

SHOWN_TEXT = 40


@dataclass(frozen=True)
class FeatureGroup:
    """One feature as people know it: a number, a category, a text, or all numbers of a tensor.

    ``columns`` are its positions in the encoded matrix, ``names`` its raw columns.
    """

    name: str
    kind: str
    columns: tuple[int, ...]
    names: tuple[str, ...]
    shape: tuple[int, ...] = ()

    @property
    def is_number(self) -> bool:
        return self.kind == "numeric" and not self.shape


def feature_groups(model: TrainedModel) -> list[FeatureGroup]:
    """The model's features in its order."""
    groups: dict[str, FeatureGroup] = {}
    for place in placed(model.encoder.inputs):
        one, name = place.input, place.input.tensor or place.input.name
        before = groups.get(name, FeatureGroup(name, one.kind, (), (), one.shape))
        columns, names = (*before.columns, *place.columns), (*before.names, one.name)
        groups[name] = FeatureGroup(name, one.kind, columns, names, one.shape)
    return list(groups.values())


def evenly(frame: pd.DataFrame, rows: int) -> pd.DataFrame:
    """At most so many rows, evenly spaced in the order of ``frame``."""
    return frame.iloc[:: max(1, -(-len(frame) // rows))].reset_index(drop=True)


def shown(spec: UseCase, group: FeatureGroup, row: pd.Series) -> str:
    """The value of a feature in a row, for people; a personal one is not shown."""
    rule = spec.privacy.columns.get(group.name)
    if rule is not None and rule.level == "personal":
        return "(personal)"
    if group.shape:
        values = row[list(group.names)].to_numpy(dtype=float)
        return f"{len(values)} numbers, mean {np.nanmean(values):.4g}" if np.isfinite(values).any() else "missing"
    value = row[group.names[0]]
    if pd.isna(value):
        return "missing"
    return f"{float(value):.4g}" if group.kind == "numeric" else str(value)[:SHOWN_TEXT]
