"""A table of records in the lake: its columns are the fields of the record; one way to write it, readers by filter."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args, get_origin

import pyarrow as pa
from pydantic import AwareDatetime
from pydantic_core import from_json, to_json

from include.contracts.governance import Level
from include.contracts.period import Period
from include.contracts.record import Record
from include.contracts.tables import PERIOD, RowFilter, TableRef
from include.errors import DataError
from include.ports.lake import Lake

R = TypeVar("R", bound=Record)
SET_BACK = timedelta(days=7)
"""How far a wall clock is thought to be set back at most; beyond, the record before is the one that is wrong."""
KINDS: Mapping[Any, pa.DataType] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    list[float]: pa.list_(pa.float64()),
    AwareDatetime: pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class RecordTable(Generic[R]):
    """What the platform keeps of each use case under one name; each record is of a ``period``.

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
    versions_named: bool = False
    """Whether others name versions of it: then its files are neither merged nor deleted."""
    rises: bool = False
    """Whether a wall clock that was set back gives no record an earlier time (first of ``order``) than those before."""

    @cached_property
    def schema(self) -> pa.Schema:
        """Columns and types of the record's fields, and ``period``; what nests is JSON text."""
        stored = {name: kind or pa.string() for name, kind in self._kinds.items()}
        return pa.schema(list((stored | {PERIOD: pa.string()}).items()))

    @property
    def description(self) -> str:
        return str(self.record.__doc__).partition("\n")[0].removesuffix(".")

    @property
    def columns(self) -> dict[str, str]:
        """Column → meaning."""
        fields = {name: field for name, field in self.record.model_fields.items() if name != PERIOD}
        return {name: field.description or _values(field.annotation) for name, field in fields.items()}

    def append(self, usecase: str, lake: Lake, rows: Iterable[R] | pa.Table) -> None:
        """Add records, or the rows of an open table; nothing is written for none."""
        if self.rises and not isinstance(rows, pa.Table):
            rows = self._risen(usecase, lake, list(rows))
        table = self._table(rows, "append")
        if table.num_rows:
            lake.append(usecase, self.name, table)

    def stored(self, rows: pa.Table) -> pa.Table:
        """Rows of an open table, with the types that its columns have in the lake."""
        return self._table(rows, self.mode)

    def replace(self, usecase: str, lake: Lake, period: Period, rows: Iterable[R] | pa.Table | Path) -> TableRef:
        """Replace the period's rows by these records, or by the rows of an open table (or its Parquet file)."""
        table = rows if isinstance(rows, Path) else self._table(rows, "replace")
        return lake.publish(usecase, self.name, table, period)

    def read(self, usecase: str, lake: Lake, **wanted: Any) -> list[R]:
        """The records that meet a filter (see ``rows``), in the table's order.

        A field that is younger than the table, or than the row, has its default.
        """
        return self.records(self.ordered(usecase, lake, **wanted))

    def ordered(self, usecase: str, lake: Lake, **wanted: Any) -> pa.Table:
        """The rows that meet a filter, in the table's order, with those columns of the record that it has."""
        return self.rows(usecase, lake, order=self.order, columns=[*self._kinds], known=True, **wanted)

    def records(self, rows: pa.Table) -> list[R]:
        """Rows of the table as records; a column that they lack has the default of its field."""
        return [self.record.model_validate(self._nested(self._present(row), from_json)) for row in rows.to_pylist()]

    def rows(
        self,
        usecase: str,
        lake: Lake,
        *,
        periods: Sequence[Period] | None = None,
        since: Any = None,
        within: Mapping[str, tuple[Any, Any]] = MappingProxyType({}),
        newest: int | None = None,
        columns: Sequence[str] | None = None,
        order: Sequence[str] = (),
        known: bool = False,
        **equal: Any,
    ) -> pa.Table:
        """Rows of these periods, from ``since`` on, the newest so many; other names are columns and their value(s).

        ``within`` maps columns to the least value and to what every value is less than; ``known`` as in ``RowFilter``.

        They come as they were written unless ``order`` or ``newest`` sorts them. Without the table there are none,
        and the columns of the use case miss.
        """
        if not lake.exists(usecase, self.name):
            return self.schema.empty_table()
        bound = {} if since is None else {self.order[0]: since}
        order = order or (self.order if newest is not None else ())
        wanted = RowFilter(
            periods=periods, equal=equal, at_least=bound | {name: least for name, (least, _) in within.items()},
            below={name: end for name, (_, end) in within.items()}, order=order, newest=newest, columns=columns,
            known=known,
        )  # fmt: skip
        return lake.select(usecase, self.name, wanted)

    def periods(self, usecase: str, lake: Lake) -> list[Period]:
        """Periods that it has rows for, sorted."""
        return lake.periods(usecase, self.name)

    def _risen(self, usecase: str, lake: Lake, records: list[R]) -> list[R]:
        """The records; where one is there that is of the future, the wall clock was set back: they come after that."""
        name = self.order[0]
        before = self.rows(usecase, lake, newest=1, columns=[name])[name].to_pylist()
        if not records or not before or not timedelta() < before[0] - datetime.now(UTC) <= SET_BACK:
            return records
        behind = max(before[0] - min(getattr(record, name) for record in records), timedelta())
        return [record.model_copy(update={name: getattr(record, name) + behind}) for record in records]

    @cached_property
    def _kinds(self) -> dict[str, pa.DataType | None]:
        return {name: _kind(field.annotation) for name, field in self.record.model_fields.items()}

    def _table(self, rows: Iterable[R] | pa.Table, mode: str) -> pa.Table:
        if mode != self.mode:
            raise DataError(f"{self.name} is a table of mode {self.mode!r}: write its records by that method")
        if not isinstance(rows, pa.Table):
            every = [{name: getattr(record, name) for name in self.schema.names} for record in rows]
            return pa.Table.from_pylist([self._nested(row, _to_json) for row in every], self.schema)
        if missing := set(self._kinds) - set(rows.column_names):
            raise DataError(f"rows of the record table {self.name} lack {sorted(missing)}: add the columns")
        kinds = {f.name: f.type for f in rows.schema} | {name: self.schema.field(name).type for name in self._kinds}
        return rows.cast(pa.schema(list(kinds.items())))

    def _present(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row without the fields that have no value and a default."""
        fields = self.record.model_fields
        return {name: value for name, value in row.items() if value is not None or fields[name].is_required()}

    def _nested(self, row: dict[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
        """The row with each field that nests changed, to JSON or from it."""
        nests = [name for name, kind in self._kinds.items() if kind is None and row.get(name) is not None]
        return row | {name: change(row[name]) for name in nests}


def _to_json(value: Any) -> str:
    return to_json(value).decode()


def _kind(annotation: Any) -> pa.DataType | None:
    """The stored type of a field; None when it nests. Raises TypeError for a type that no column holds."""
    origin, plain = get_origin(annotation), [one for one in get_args(annotation) if one is not NoneType]
    if origin is Annotated or NoneType in get_args(annotation):
        return _kind(plain[0])
    if origin is Literal or (isinstance(annotation, type) and issubclass(annotation, str)):
        return pa.string()
    if annotation in KINDS or origin in (dict, list) or issubclass(annotation, Record):
        return KINDS.get(annotation)
    raise TypeError(f"no column of a record table holds {annotation}: add its type to KINDS")


def _values(annotation: Any) -> str:
    """The values of a ``Literal``, in words; '' for another type."""
    return " or ".join(", ".join(get_args(annotation)).rsplit(", ", 1)) if get_origin(annotation) is Literal else ""
