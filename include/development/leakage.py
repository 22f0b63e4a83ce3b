"""Checks that a dataset may be used: disjoint parts in order of time, nothing known too late, enough to learn from."""

from collections.abc import Mapping
from itertools import combinations, pairwise

import pandas as pd

from include.errors import DataError, LeakageError
from include.usecase import UseCase

FEWEST_ROWS = {"train": 100, "validation": 50}
STAMP_SUFFIX = "__event_timestamp"  # <view>__event_timestamp: when the value of a feature view was known
CLASSES = 2


def check_parts(spec: UseCase, parts: Mapping[str, pd.DataFrame]) -> None:
    """Raises LeakageError or DataError when ``train``, ``validation`` and ``test`` are not a usable dataset."""
    _check_disjoint(spec, parts)
    _check_order(spec, parts)
    for name, frame in parts.items():
        _check_enough(spec, name, frame)
        _check_feature_times(spec, name, frame)


def _check_disjoint(spec: UseCase, parts: Mapping[str, pd.DataFrame]) -> None:
    identifier = spec.event.id
    for name, frame in parts.items():
        if twice := int(frame[identifier].duplicated().sum()):
            raise DataError(
                f"{spec.name}: {twice} {identifier} are more than once in the {name} part; correct the events"
            )
    for one, other in combinations(parts, 2):
        if shared := set(parts[one][identifier]) & set(parts[other][identifier]):
            raise LeakageError(f"{spec.name}: {len(shared)} events are in both {one} and {other}")


def _check_order(spec: UseCase, parts: Mapping[str, pd.DataFrame]) -> None:
    time = spec.event.time
    for earlier, later in pairwise(["train", "validation", "test"]):
        last, first = parts[earlier][time].max(), parts[later][time].min()
        if last >= first:
            raise LeakageError(
                f"{spec.name}: {earlier} reaches to {last}, {later} starts at {first}; the split is by time"
            )


def _check_enough(spec: UseCase, name: str, frame: pd.DataFrame) -> None:
    fewest = FEWEST_ROWS.get(name, spec.comparison.min_rows)
    if len(frame) < fewest:
        raise DataError(f"{spec.name}: the {name} part has {len(frame)} rows, {fewest} are needed; widen its periods")
    classes = frame[spec.event.label].nunique()
    if classes != CLASSES:
        raise DataError(f"{spec.name}: the {name} part has {classes} class(es) of {spec.event.label}, 2 are needed")


def _check_feature_times(spec: UseCase, name: str, frame: pd.DataFrame) -> None:
    for column in (c for c in frame.columns if c.endswith(STAMP_SUFFIX)):
        late = pd.to_datetime(frame[column], utc=True) > frame[spec.event.time]
        if late.any():
            raise LeakageError(
                f"{spec.name}: {int(late.sum())} rows of {name} have {column.removesuffix(STAMP_SUFFIX)} features from "
                "after the event; correct the point-in-time join"
            )
