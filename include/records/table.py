"""A table of records in the lake: its columns are the fields of the record; one way to write it, readers by filter."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import NoneType
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin

import pyarrow as pa
from pydantic import AwareDatetime
from pydantic_core import from_json, to_json

from include.contracts.governance import Level
from include.contracts.period import Period
from include.contracts.record import Record
from include.contracts.tables import PERIOD, RowFilter, TableRef
from include.errors import DataError
from include.ports import Lake

R = TypeVar("R", bound=Record)
KINDS: Mapping[Any, pa.DataType] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    list[float]: pa.list_(pa.float64()),
    datetime: pa.timestamp("us", tz="UTC"),
    AwareDatetime: pa.timestamp("us", tz="UTC"),
}
JSON = None  # the kind of a field that nests


@dataclass(frozen=True)
class RecordTable(Generic[R]):
    """What the platform keeps of each use case under one name, partitioned by ``period``.

    ``order`` are the columns that sort its rows, oldest first; ``since`` is a bound of the first of them.
    A table in mode ``append`` only grows; in mode ``replace`` a period's rows are written as a whole.
    What the table and its columns mean is said by the record: the first line of its docstring, and its fields.
    """

    name: str
    record: type[R]
    order: tuple[str, ...]
    mode: Literal["append", "replace"] = "append"
    level: Level = "internal"
    """The least privacy class of its columns."""
    whole_rows: tuple[str, ...] = ()
    """Columns that hold rows of other tables as text: of the highest class that a column of the use case has."""
    is_open: bool = False
    """Its rows have columns of the use case too, under the use case's names."""
    rewritten: bool = True
    """Whether erasures and key rotations rewrite it."""

    @cached_property
    def schema(self) -> pa.Schema:
        """Columns and types of the record's fields, and ``period``; what nests is JSON text."""
        kinds = {name: _kind(field.annotation) for name, field in self.record.model_fields.items()}
        stored = {name: pa.string() if kind is JSON else kind for name, kind in kinds.items()}
        return pa.schema(list((stored | {PERIOD: pa.string()}).items()))

    @property
    def description(self) -> str:
        return str(self.record.__doc__).partition("\n")[0].removesuffix(".")

    @property
    def columns(self) -> dict[str, str]:
        """Column → meaning."""
        fields = self.record.model_fields
        return {
            name: field.description or _values(field.annotation) for name, field in fields.items() if name != PERIOD
        }

    def append(self, usecase: str, lake: Lake, rows: Iterable[R] | pa.Table) -> None:
        """Add records, or the rows of an open table; nothing is written for none."""
        self._require("append")
        table = self._table(rows)
        if table.num_rows:
            lake.append(usecase, self.name, table)

    def replace(self, usecase: str, lake: Lake, period: Period, rows: Iterable[R] | pa.Table | Path) -> TableRef:
        """Replace the period's rows by these records, or by the rows of an open table (or its Parquet file)."""
        self._require("replace")
        return lake.publish(usecase, self.name, rows if isinstance(rows, Path) else self._table(rows), period)

    def read(self, usecase: str, lake: Lake, **wanted: Any) -> list[R]:
        """The records that meet a filter (see ``rows``), in the table's order."""
        rows = self.rows(usecase, lake, order=self.order, columns=self._stored, **wanted)
        return [self.record.model_validate(self._parsed(row)) for row in rows.to_pylist()]

    def rows(
        self,
        usecase: str,
        lake: Lake,
        *,
        periods: Sequence[Period] | None = None,
        since: Any = None,
        newest: int | None = None,
        columns: Sequence[str] | None = None,
        order: Sequence[str] = (),
        **equal: Any,
    ) -> pa.Table:
        """Rows of these periods, from ``since`` on, the newest so many; other names are columns and their value(s).

        They come as they were written unless ``order`` or ``newest`` sorts them. Without the table there are none,
        and the columns of the use case miss.
        """
        if not lake.exists(usecase, self.name):
            return self.schema.empty_table()
        bound = {} if since is None else {self.order[0]: since}
        order = order or (self.order if newest is not None else ())
        wanted = RowFilter(periods=periods, equal=equal, at_least=bound, order=order, newest=newest, columns=columns)
        return lake.select(usecase, self.name, wanted)

    def periods(self, usecase: str, lake: Lake) -> list[Period]:
        """Periods that it has rows for, sorted."""
        return lake.periods(usecase, self.name)

    @cached_property
    def _stored(self) -> list[str]:
        return list(self.record.model_fields)

    @cached_property
    def _nested(self) -> list[str]:
        return [name for name, field in self.record.model_fields.items() if _kind(field.annotation) is JSON]

    def _require(self, mode: str) -> None:
        if mode != self.mode:
            raise DataError(f"the record table {self.name} is written by {self.mode!r}, not by {mode!r}")

    def _table(self, rows: Iterable[R] | pa.Table) -> pa.Table:
        if not isinstance(rows, pa.Table):
            return pa.Table.from_pylist([self._row(record) for record in rows], self.schema)
        if missing := set(self.record.model_fields) - set(rows.column_names):
            raise DataError(f"rows for the record table {self.name} lack {sorted(missing)}: add the columns")
        kinds = {f.name: f.type for f in rows.schema} | {name: self.schema.field(name).type for name in self._stored}
        return rows.cast(pa.schema(list(kinds.items())))

    def _row(self, record: R) -> dict[str, Any]:
        row = {name: getattr(record, name) for name in self.schema.names}
        return row | {name: to_json(row[name]).decode() for name in self._nested if row[name] is not None}

    def _parsed(self, row: dict[str, Any]) -> dict[str, Any]:
        return row | {name: from_json(row[name]) for name in self._nested if row[name] is not None}


def _kind(annotation: Any) -> pa.DataType | None:
    """The stored type of a field; ``JSON`` when it nests."""
    if get_origin(annotation) is Literal or (isinstance(annotation, type) and issubclass(annotation, str)):
        return pa.string()
    if NoneType in get_args(annotation):
        return _kind(next(one for one in get_args(annotation) if one is not NoneType))
    return KINDS.get(annotation, JSON)


def _values(annotation: Any) -> str:
    """The values of a ``Literal``, in words; '' for another type."""
    return " or ".join(", ".join(get_args(annotation)).rsplit(", ", 1)) if get_origin(annotation) is Literal else ""
