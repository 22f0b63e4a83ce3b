"""Feature rows of a few events, by the Ibis expressions of the batch, compiled to SQL as seldom as they allow."""

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import duckdb
import ibis
import pandas as pd
import pyarrow as pa

from include.contracts.names import OURS
from include.contracts.period import Period
from include.formats.database import in_utc
from include.formats.exact_frames import exact_frame
from include.specification import modules
from include.specification.data import Source
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase

NOW, EARLIER = f"{OURS}now_", f"{OURS}earlier_"
"""Before the name of a source, in DuckDB: no source is called so, nor is anything that Ibis makes."""
IBIS = {"string": "string", "integer": "int64", "number": "float64", "boolean": "boolean"}
ARROW = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}


class StreamFeatures:
    """The rows of one feature view, from raw rows of its stream's source; not safe for several threads."""

    def __init__(self, spec: UseCase, view: str) -> None:
        self._spec, self._view, self._source = spec, view, spec.streams[view].source

    def rows(
        self, period: Period, wanted: Sequence[Mapping[str, Any]], earlier: Sequence[Mapping[str, Any]]
    ) -> pd.DataFrame:
        """The view's rows for the ``wanted`` events, all of one period; windows look back into ``earlier``.

        Events have the columns of the source's contract; times are aware. Raises whatever DuckDB or Arrow raises
        when the expressions cannot be evaluated on them; its text may hold values.
        """
        of = self._spec.name, self._view
        sql = _sql(*of, None) or _sql(*of, period)
        arrow = arrow_schema(self._spec.sources[self._source])
        self._engine.register(NOW + self._source, pa.Table.from_pylist(list(wanted), arrow))
        self._engine.register(EARLIER + self._source, pa.Table.from_pylist(list(earlier), arrow))
        rows = self._engine.sql(sql).to_arrow_table()
        return exact_frame(rows.cast(pa.schema(map(_as_staged, rows.schema))))

    def check(self, period: Period) -> None:
        """Evaluates ``process`` and ``build`` without an event; raises SpecError when they cannot be used."""
        file, shown = self._spec.directory / "features.py", f"include/usecases/{self._spec.name}/features.py"
        with modules.importing(file, shown, f"the features of {self._view} cannot be evaluated for {period}"):
            self.rows(period, [], [])

    @cached_property
    def _engine(self) -> duckdb.DuckDBPyConnection:
        engine = in_utc(threads=1)
        for name, source in self._spec.sources.items():
            engine.register(NOW + name, arrow_schema(source).empty_table())
        return engine


def _looked_at(*_: Any) -> Any:
    raise LookupError


_LOOKS = ("getattribute", "eq", "ne", "lt", "le", "gt", "ge", "hash", "bool", "str", "repr", "format", "len", "iter",
          "getitem", "contains", "add", "radd", "mod", "rmod", "fspath")  # fmt: skip
_Unseen = type("_Unseen", (), {f"__{name}__": _looked_at for name in _LOOKS})
"""In place of a period that is not looked at: whatever looks at it fails."""


@lru_cache(maxsize=64)
def _sql(usecase: str, view: str, period: Period | None) -> str | None:
    """For None the SQL of any period, or None when ``build`` looks at it: then every period has SQL of its own."""
    try:
        return _compiled(usecase, view, _Unseen() if period is None else period)
    except Exception:  # whatever looking at it leads to; what else is wrong is raised with a period too
        if period is None:
            return None
        raise


def _compiled(usecase: str, view: str, period: Any) -> str:
    spec = load_usecase(usecase)
    source = spec.streams[view].source
    raw = {name: _table(spec, name, NOW + name) for name in spec.sources}
    before = raw | {source: _table(spec, source, EARLIER + source)}
    earlier = {source: modules.tables(usecase, "process", [source], before)[source]}
    cleaned = modules.tables(usecase, "process", [], raw)
    built = modules.tables(usecase, "build", [view], cleaned, period, earlier)
    return str(ibis.to_sql(built[view], dialect="duckdb"))


def _table(spec: UseCase, source: str, name: str) -> ibis.Table:
    columns = spec.sources[source].columns
    return ibis.table({c: IBIS.get(kind, "timestamp('UTC')") for c, kind in columns.items()}, name=name)


def arrow_schema(source: Source) -> pa.Schema:
    """The columns of the source's contract."""
    return pa.schema([(c, ARROW.get(kind, pa.timestamp("us", "UTC"))) for c, kind in source.columns.items()])


def _as_staged(field: pa.Field) -> pa.Field:
    """A sum of integers is DuckDB's HUGEINT, which the files of a batch hold as DOUBLE."""
    return field.with_type(pa.float64()) if field.type == pa.decimal128(38, 0) else field
