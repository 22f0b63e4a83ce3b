"""Rows that are offered to people for labelling, and the labels that come back: the lake table ``given_labels``.

Nothing is changed there, only added: one row per answer, under the use case's own names for event id, label and when
the label was known. A row that nobody can label is kept without a label, so that it is not offered again.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Any

import pyarrow as pa

from include.contracts.period import Period
from include.contracts.record import Record
from include.errors import DataError
from include.families.labels import exact_number
from include.families.registry import family
from include.ports.lake import Lake
from include.records.registry import GIVEN_LABELS
from include.specification.data import CANNOT_TELL, LATER
from include.specification.usecase import UseCase

LABEL_TYPES = {int: pa.int64(), str: pa.string(), float: pa.float64()}
DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class OfferedRow(Record):
    """One row of a selection: what the release said of it, how unsure that is, and the row itself as Markdown."""

    event: str
    title: str
    answer: str
    uncertainty: float
    shown: str


class Selection(Record):
    """Rows that people are asked to label; ``period`` is the newest of theirs, ``name`` goes by rows and release."""

    usecase: str
    name: str
    period: Period
    release: str
    strategy: str
    rows: list[OfferedRow]

    @property
    def events(self) -> list[str]:
        return [row.event for row in self.rows]

    @property
    def fields(self) -> dict[str, OfferedRow]:
        """Field of the form → its row."""
        return {f"row_{number:03d}": row for number, row in enumerate(self.rows, start=1)}


def choices(spec: UseCase) -> list[str]:
    """The labels that a person chooses from; [] when the label is a number."""
    return family(spec).names(spec)


def labels(spec: UseCase, selection: Selection, filled: Mapping[str, Any]) -> dict[str, int | str | float | None]:
    """Event id → label, from the form as it was ``filled``; None where nobody can tell, nothing where it is for later.

    Raises DataError, which names the fields, when one is not of this form, or holds neither a label nor one of the two
    other answers.
    """
    rows = selection.fields
    if strange := sorted(set(filled) - set(rows)):
        raise DataError(f"selection {selection.name} has the fields {[*rows]}, not {strange}")
    if wrong := [field for field, answer in filled.items() if not _usable(spec, answer)]:
        allowed = f"one of {choices(spec)}" if choices(spec) else "a finite number such as 12.5"
        raise DataError(
            f"{spec.name}: {', '.join(sorted(wrong))} must be {allowed}, {LATER!r} or {CANNOT_TELL!r}; nothing was "
            "stored: clear the form and answer again"
        )
    answered = {rows[field].event: answer for field, answer in filled.items() if answer not in (None, "", LATER)}
    return {event: None if answer == CANNOT_TELL else _label(spec, answer) for event, answer in answered.items()}


def _usable(spec: UseCase, answer: Any) -> bool:
    return answer in (None, "", LATER, CANNOT_TELL) or _label(spec, answer) is not None


def _label(spec: UseCase, answer: Any) -> int | str | float | None:
    """The answer as the table keeps it; None when it is no label of the use case."""
    typed = family(spec).label_type
    if known := choices(spec):
        return typed(answer) if str(answer) in known else None
    number = _number(answer)
    return typed(number) if isfinite(number) and typed(number) == number else None


def _number(answer: Any) -> float:
    """What was written, to the last digit; NaN when it is no number, or one that float64 does not hold."""
    written = str(answer).strip()
    if isinstance(answer, str) and DECIMAL.fullmatch(written):
        answer = Decimal(written)
    return exact_number(answer)


def table(
    spec: UseCase, selection: Selection, given: Mapping[str, int | str | float | None], by: str, at: datetime
) -> pa.Table:
    """The rows of ``given_labels`` for these answers."""
    unsure = {row.event: row.uncertainty for row in selection.rows}
    rows = [
        {
            "period": selection.period, spec.event.id: event, spec.event.label: label, spec.event.label_time: at,
            "given_by": by, "selection": selection.name, "release": selection.release,
            "strategy": selection.strategy, "uncertainty": unsure[event],
        }
        for event, label in given.items()
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=_schema(spec))


def _schema(spec: UseCase) -> pa.Schema:
    if spec.event.label is None or spec.event.label_time is None:
        raise DataError(f"{spec.name} is a {spec.task} without labels, so nothing can be labelled")
    period, *rest = GIVEN_LABELS.schema
    label = pa.field(spec.event.label, LABEL_TYPES[family(spec).label_type])
    time = pa.field(spec.event.label_time, pa.timestamp("us", tz="UTC"))
    return pa.schema([period, pa.field(spec.event.id, pa.string()), label, time, *rest])


def answered(spec: UseCase, lake: Lake, events: Iterable[str], **wanted: Any) -> set[str]:
    """Those of the events that people answered about, those who could not tell too."""
    rows = GIVEN_LABELS.rows(spec.name, lake, columns=[spec.event.id], **wanted)
    return set(rows[spec.event.id].to_pylist()) & {*map(str, events)} if rows.num_rows else set()
