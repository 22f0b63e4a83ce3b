"""Blocks of rows that are not independent of each other, and are drawn together.

Flights of one day share weather and traffic: an interval that draws their rows one by one is several times too narrow.
Whole blocks are drawn instead (cluster bootstrap: Davison and Hinkley, "Bootstrap Methods and their Application", 1997,
section 3.8; Cameron, Gelbach and Miller, Review of Economics and Statistics 90, 2008).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.contracts.spelling import as_text
from include.errors import EvaluationError
from include.specification.usecase import UseCase

LEAST = 10
"""Fewer blocks say too little about how different blocks are: nothing is judged on them."""
UNITS = {"day": "D", "hour": "h"}


@dataclass(frozen=True)
class Blocks:
    """The block of every row: ``codes`` (n,) from 0, ``count`` of them, of the ``unit`` of the spec."""

    unit: str
    codes: np.ndarray
    count: int

    @property
    def enough(self) -> bool:
        return self.unit == "row" or self.count >= LEAST

    def of(self, rows: np.ndarray) -> "Blocks":
        """Those of some rows (positions), numbered anew."""
        return _numbered(self.unit, self.codes[rows])


def blocks_of(spec: UseCase, frame: pd.DataFrame) -> Blocks:
    """The blocks of the rows by ``comparison.block``.

    Where the spec names none: local days, where there are at least ``LEAST`` of them, else hours. Rows count one by one
    where the spec says ``row``, and where rows have no time.

    Raises EvaluationError when the rows lack the column that the spec names, or some of them have no value there.
    """
    wanted, time = spec.comparison.block, spec.event.time
    if wanted == "row" or (wanted is None and time not in frame):
        return Blocks("row", np.arange(len(frame)), len(frame))
    if wanted is None:
        by_day = _by_time(spec, frame, "day")
        return by_day if by_day.enough else _by_time(spec, frame, "hour")
    return _by_time(spec, frame, wanted) if wanted in UNITS else _by_entity(spec, frame, wanted)


def days_of(spec: UseCase, frame: pd.DataFrame) -> int:
    """Local days that the rows are of; 0 where rows have no time."""
    return _by_time(spec, frame, "day").count if spec.event.time in frame else 0


def local_starts(spec: UseCase, frame: pd.DataFrame, unit: str) -> np.ndarray:
    """When the local ``day`` or ``hour`` of every row begins, (n,) datetime64 without a zone.

    The hour that a clock shows twice in autumn is one block, which is only more careful.
    """
    times = pd.to_datetime(frame[spec.event.time], utc=True, cache=False)  # what its cache costs is more than it saves
    return times.dt.tz_convert(spec.calendar.timezone).dt.tz_localize(None).dt.floor(UNITS[unit]).to_numpy()


def _by_time(spec: UseCase, frame: pd.DataFrame, unit: str) -> Blocks:
    if spec.event.time not in frame:
        raise EvaluationError(
            f"{spec.name}: comparison.block is {unit!r}, and the rows have no {spec.event.time}; they have "
            f"{list(frame.columns)}"
        )
    return _numbered(unit, local_starts(spec, frame, unit))


def _by_entity(spec: UseCase, frame: pd.DataFrame, entity: str) -> Blocks:
    key = spec.entities[entity].key
    if key not in frame:
        raise EvaluationError(
            f"{spec.name}: comparison.block is the entity {entity!r}, and the rows have no {key}; they have "
            f"{list(frame.columns)}"
        )
    names = as_text(frame[key]).fillna("")
    if unknown := int((names == "").sum()):
        raise EvaluationError(
            f"{spec.name}: {unknown} of {len(frame)} rows have no {key}, by which comparison.block draws them; give "
            "every row one, or choose another block"
        )
    return _numbered(entity, names.to_numpy())


def _numbered(unit: str, values: np.ndarray) -> Blocks:
    known, codes = np.unique(values, return_inverse=True)
    return Blocks(unit, codes, len(known))
