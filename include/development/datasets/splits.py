"""Which part a row belongs to: by time, by group, or stratified.

Group and stratified splits go by a hash of the group or of the event id, not by a random draw, so that a row keeps
its side when data are added (V. Lakshmanan, *Repeatable sampling of data sets*, 2016; A. Géron, *Hands-On Machine
Learning*, ch. 2). Within a class and a period the hashes are ranked (systematic sampling): shares are exact to one row.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.contracts.period import Period
from include.contracts.spelling import as_text, distinct
from include.contracts.tables import PERIOD
from include.errors import DataError
from include.families.registry import family
from include.specification.usecase import UseCase

PERSON = "__labelled_by_person"  # no column of a use case is called so
"""Column: the label came from a person, who was asked because the row is hard: it may teach, but measures nothing."""
TRAIN, VALIDATION, TEST = "train", "validation", "test"


@dataclass(frozen=True)
class Frozen:
    """What earlier champions decided: events (and groups) of their test sets, and the events that they learned from."""

    tested: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    learned: frozenset[str] = frozenset()


def cut(
    spec: UseCase,
    frame: pd.DataFrame,
    *,
    learn: Collection[str],
    test: Collection[str],
    frozen: Frozen,
    validates_from: Period | None = None,
) -> dict[str, pd.DataFrame]:
    """``train``, ``validation`` and ``test`` rows of ``frame`` (events with label and ``period``), in its order.

    ``test`` are the periods that may test; by time these test and the others learn, else the split's rule decides and
    only the periods ``learn`` may learn. A row that a person was asked to label (``PERSON``) may only train: such rows
    were chosen because they are hard, and would measure another task. A row (or group) that an earlier champion was
    tested on never learns, and in a split by a rule one that it learned from never tests: such rows are left out.
    By time, ``validates_from`` is the first period that validates, in place of ``split.validation``.
    Raises DataError when nothing is left to learn from, or a row has no group.
    """
    if spec.split.by == "time":
        return _by_time(spec, frame, test, frozen, validates_from)
    side, asked = sides(spec, frame), _asked(frame)
    ids = frame[spec.event.id].astype(str)
    may_learn = frame[PERIOD].isin(learn) & ~ids.isin(frozen.tested)
    if spec.split.group:
        may_learn &= ~_groups(spec, frame).isin(frozen.groups)
    may_test = frame[PERIOD].isin(test) & ~ids.isin(frozen.learned)
    _require_rows(spec, may_learn & (side != TEST))
    allowed = {TRAIN: may_learn, VALIDATION: may_learn & ~asked, TEST: may_test & ~asked}
    return {name: frame[(side == name) & may] for name, may in allowed.items()}


def whole(frame: pd.DataFrame, parts: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The parts of a refit: every row trains; validation and test are those of the proof, which are rows of it."""
    return {**parts, TRAIN: frame}


def sides(spec: UseCase, frame: pd.DataFrame) -> pd.Series:
    """``train``, ``validation`` or ``test`` per row of a group or stratified split; a pure function of the rows.

    A group's side hangs on its value alone; an event's on the rows of its class and period, those apart that a person
    was asked to label, which train.
    """
    grouped = spec.split.by == "group"
    if not grouped and (asked := _asked(frame)).any():
        return sides(spec, frame[~asked]).reindex(frame.index, fill_value=TRAIN)
    place = _shares(spec, _groups(spec, frame)) if grouped else _ranked(spec, frame)
    below = [place < spec.split.test_share, place < spec.split.test_share + spec.split.validation_share]
    return pd.Series(np.select(below, [TEST, VALIDATION], TRAIN), index=frame.index)


def _by_time(
    spec: UseCase, frame: pd.DataFrame, test: Collection[str], frozen: Frozen, validates_from: Period | None
) -> dict[str, pd.DataFrame]:
    """The periods ``test`` test, the ``validation`` before them that is left validates, the rest trains."""
    testing = frame[PERIOD].isin(test)
    learns = ~testing & ~frame[spec.event.id].astype(str).isin(frozen.tested)
    _require_rows(spec, learns)
    learning = frame[learns]
    # Counted from the last row that is left: a frozen test set just before must not swallow the whole part.
    times = learning[spec.event.time]
    if validates_from is None:
        validating = times > spec.split.validation.before(times.max(), spec.calendar.timezone)
    else:
        validating = learning[PERIOD] >= validates_from
        _require_validating(spec, validating, validates_from)
    if validating.all():
        raise DataError(
            f"{spec.name}: all {len(learning)} rows to learn from are of the last {spec.split.validation} of them, "
            "which validate, so none is left to train on; learn from more periods, or shorten split.validation"
        )
    asked = _asked(frame)
    return {
        TRAIN: learning[~validating],
        VALIDATION: learning[validating & ~asked[learning.index]],
        TEST: frame[testing & ~asked],
    }


def _require_validating(spec: UseCase, validating: pd.Series, first: Period) -> None:
    if not validating.any():
        raise DataError(
            f"{spec.name}: no labelled row from {first} on is left to validate on: those of a frozen test set are kept "
            "out; publish more periods, or test on later ones"
        )


def _asked(frame: pd.DataFrame) -> pd.Series:
    return frame[PERSON].astype(bool) if PERSON in frame else pd.Series(False, index=frame.index)


def _require_rows(spec: UseCase, learning: pd.Series) -> None:
    if not learning.any():
        raise DataError(f"{spec.name}: no rows are left for training; widen train_from … train_to")


def _groups(spec: UseCase, frame: pd.DataFrame) -> pd.Series:
    """The group of every row, as text."""
    values = frame[str(spec.split.group)]
    if unknown := int(values.isna().sum()):
        raise DataError(
            f"{spec.name}: {unknown} rows have no {spec.split.group}, by which the dataset is split; "
            "give every event one, or split by another column"
        )
    return as_text(values)


def _ranked(spec: UseCase, frame: pd.DataFrame) -> pd.Series:
    """Places in [0, 1): of each row's hash among those of its class and period, from a start that they share."""
    strata = frame[PERIOD].astype(str)
    if family(spec).facts.probabilities:
        strata = strata + "/" + family(spec).label_codes(spec, frame[spec.event.label]).astype(str)
    within = _shares(spec, frame[spec.event.id].astype(str)).groupby(strata)
    return (within.rank(method="first") - 1 + _shares(spec, strata)) / within.transform("size")


def _shares(spec: UseCase, values: pd.Series) -> pd.Series:
    """A number in [0, 1) per value: its hash with the use case's name, the same on every machine."""
    shares = {value: _hash(f"{spec.name}\0{value}") for value in distinct(values)}
    return values.map(shares).astype("float64")


def _hash(text: str) -> float:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest()) / 2**48
