"""Columns of events that a raw row does not have: ``computed`` of the use case's ``features.py``, row by row."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import pyarrow as pa

from include.contracts.names import OURS
from include.errors import SpecError
from include.formats.database import in_utc
from include.specification import modules
from include.specification.usecase import UseCase
from include.streaming.features import ARROW, IBIS, arrow_schema

EVENTS, NUMBER = f"{OURS}events", f"{OURS}number"
OTHER_ROWS = (ops.Reduction, ops.Analytic, ops.WindowFunction, ops.Subquery, ops.Impure, ops.Unnest)
"""What one value of one event alone does not have."""
TIMESTAMP = "timestamp('UTC')"
OF_TYPE: dict[str, Callable[[dt.DataType], bool]] = {
    "string": dt.DataType.is_string,
    "integer": dt.DataType.is_integer,
    "number": dt.DataType.is_numeric,
    "boolean": dt.DataType.is_boolean,
    "timestamp": lambda kind: kind.is_timestamp() or kind.is_date(),
}
"""Whether a value is of a type of the spec; another one would be another value after the cast, or none."""


class ComputedColumns:
    """The computed columns of the stream of one feature view; not safe for several threads."""

    def __init__(self, spec: UseCase, view: str) -> None:
        self._spec, self._view = spec, view
        self._source = spec.sources[spec.streams[view].source]

    def of(self, events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Those of each event, in order; times are aware. Events have the columns of the source's contract.

        Raises SpecError when ``computed`` cannot be used, and whatever DuckDB or Arrow raises when it cannot be
        evaluated on the events; its text may hold values.
        """
        return self._evaluated(self._sql, events)

    def _evaluated(self, sql: str, events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        schema = arrow_schema(self._source).append(pa.field(NUMBER, pa.int64()))
        numbered = [{**event, NUMBER: number} for number, event in enumerate(events)]
        self._engine.register(EVENTS, pa.Table.from_pylist(numbered, schema))
        rows = self._engine.sql(sql).to_arrow_table()
        found: list[dict[str, Any]] = rows.drop_columns(NUMBER).cast(self._schema).to_pylist()
        return found

    @cached_property
    def _engine(self) -> duckdb.DuckDBPyConnection:
        return in_utc(threads=1)

    @cached_property
    def _sql(self) -> str:
        """Evaluated without an event at once: what fails then is the function's fault, and later the events'."""
        file, shown, failed = _evaluating(self._spec)
        with modules.importing(file, shown, failed):
            sql = self._compiled()
            self._evaluated(sql, [])
        return sql

    def _compiled(self) -> str:
        kinds = self._spec.streams[self._view].computed
        columns = {name: IBIS.get(kind, TIMESTAMP) for name, kind in self._source.columns.items()}
        rows = ibis.table({**columns, NUMBER: "int64"}, name=EVENTS)
        values = expressions(self._spec, self._view, rows)
        cast = {name: values[name].cast(IBIS.get(kind, TIMESTAMP)) for name, kind in kinds.items()}
        return str(ibis.to_sql(rows.select(NUMBER, **cast).order_by(NUMBER), dialect="duckdb"))

    @property
    def _schema(self) -> pa.Schema:
        kinds = self._spec.streams[self._view].computed
        return pa.schema([(name, ARROW.get(kind, pa.timestamp("us", "UTC"))) for name, kind in kinds.items()])


def expressions(spec: UseCase, view: str, rows: ibis.Table) -> dict[str, ibis.Value]:
    """What ``computed`` returns for the columns that the spec names; raises SpecError when it cannot be used."""
    file, named, failed = _evaluating(spec)
    shown = f"{named}:1: computed"
    with modules.importing(file, named, failed):
        returned = modules.function(spec.name, "features", "computed")(view, rows)
    if not isinstance(returned, Mapping):
        raise SpecError(f"{shown} returns a {type(returned).__name__}; it must return a dict of columns by name")
    names = spec.streams[view].computed
    if {*returned} != {*names}:
        raise SpecError(
            f"{shown} returns {sorted(map(str, returned))} for {view}; streams.{view}.computed says {sorted(names)}"
        )
    if wrong := sorted(name for name, value in returned.items() if not _of_one_row(value, rows)):
        raise SpecError(f"{shown} returns {wrong} for {view}, which depend on more than the columns of one event")
    for name, value in returned.items():
        if not (OF_TYPE[names[name]](value.type()) or value.type().is_null()):
            said = f"streams.{view}.computed says {names[name]}; cast it there, or declare its type"
            raise SpecError(f"{shown} returns {name} of type {value.type()} for {view}; {said}")
    return dict(returned)


def _evaluating(spec: UseCase) -> tuple[Path, str, str]:
    """Whose fault it is, for ``modules.importing``."""
    return spec.directory / "features.py", f"include/usecases/{spec.name}/features.py", "computed cannot be evaluated"


def _of_one_row(value: Any, rows: ibis.Table) -> bool:
    if not isinstance(value, ibis.Value):
        return False
    node = value.op()
    return node.relations <= {rows.op()} and not node.find(OTHER_ROWS)


def check(spec: UseCase, view: str) -> None:
    """Evaluates ``computed`` without an event; raises SpecError when it cannot be used."""
    ComputedColumns(spec, view).of([])
