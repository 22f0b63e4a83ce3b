"""What features are asked for: a frame, or an SQL query that DuckDB runs (it may read Parquet files)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa
from feast.infra.offline_stores.offline_utils import infer_event_timestamp_from_entity_df

from include.adapters.asof.engine import FRAME, Limits, engine
from include.adapters.asof.keys import typed_key
from include.errors import DataError
from include.formats.content import quoted


@dataclass(frozen=True)
class EventKey:
    """An entity's key as the events have it: their column, and the type that the entity declares."""

    column: str
    kind: str


class Events:
    """In SQL the columns have names of ours, ``c0``, ``c1`` …, so that none of them meets a feature's.

    ``own``: the columns that the query of the join gives back, and their names there.
    """

    frame: pd.DataFrame | None = None
    asked: pa.Table | None = None
    span: tuple[datetime | None, datetime | None] = (None, None)
    own: Mapping[str, str] = {}
    _source: str
    _named: dict[str, str]
    _types: Mapping[str, pa.DataType]

    def __init__(self, dtypes: Mapping[Any, Any]) -> None:
        self.columns = list(dtypes)
        self.time = infer_event_timestamp_from_entity_df(dtypes)
        self._keys: list[EventKey] = []

    def require(self, keys: set[EventKey]) -> None:
        """Read these keys; raises DataError when one lacks, or when the event time is no time."""
        if missing := sorted({key.column for key in keys} - {*self.columns}):
            raise DataError(f"events lack the entity keys {missing}; they have {sorted(map(str, self.columns))}")
        self._keys = sorted(keys, key=lambda key: (key.column, key.kind))
        self._read([self.time, *(key.column for key in self._keys)])
        if not _is_time(kind := self._types[self.time]):
            raise DataError(
                f"events: column {self.time!r} is {kind} and must hold times: convert it, with its time zone"
            )

    def key(self, key: EventKey) -> str:
        """The column of ``relation`` with this key."""
        return f"k{self._keys.index(key)}"

    def relation(self) -> str:
        """``row``, ``time``, the keys in their entities' types, and the ``own`` columns.

        Raises DataError when the type of a key is not its entity's.
        """
        keys = [f"{self._typed(key)} AS {self.key(key)}" for key in self._keys]
        time = f"CAST({self._named[self.time]} AS TIMESTAMPTZ) AS time"
        numbered = f"SELECT *, row_number() OVER () AS row FROM {self._source}"  # noqa: S608
        return f"SELECT {', '.join(['row', time, *keys, *self.own.values()])} FROM ({numbered})"  # noqa: S608

    def _read(self, needed: list[str]) -> None:
        """Set the source, the names and the types of the columns that are needed."""
        raise NotImplementedError

    def _typed(self, key: EventKey) -> str:
        column, what = self._named[key.column], f"events: column {key.column!r}"
        return typed_key(column, self._types[key.column], key.kind, what, "', row ' || row")


class FrameEvents(Events):
    """``asked``: the columns that the join needs; the others need not travel through the query and back."""

    def __init__(self, frame: pd.DataFrame) -> None:
        if twice := sorted({*frame.columns[frame.columns.duplicated()]}, key=str):
            raise DataError(f"events have the columns {twice} twice; drop or rename one of each")
        super().__init__(dict(frame.dtypes))
        self.frame, self._source = frame, FRAME

    def _read(self, needed: list[str]) -> None:
        assert self.frame is not None  # noqa: S101 - for the type checker
        columns = {name: _arrow(self.frame[name], name) for name in dict.fromkeys(needed)}
        self._named = {name: f"c{n}" for n, name in enumerate(columns)}
        self._types = {n: pa.null() if c.null_count == len(c) else c.type for n, c in columns.items()}
        self.asked = pa.table([*columns.values()], names=[*self._named.values()])
        if _is_time(self._types[self.time]) and len(self.frame):
            times = pd.to_datetime(self.frame[self.time], utc=True)
            self.span = (times.min().to_pydatetime(), times.max().to_pydatetime())


class QueryEvents(Events):
    """All columns of an SQL query."""

    def __init__(self, query: str, limits: Limits) -> None:
        with engine(limits) as connection:
            schema = connection.sql(f"SELECT * FROM ({query}\n) LIMIT 0").to_arrow_table().schema  # noqa: S608
        super().__init__(dict(schema.empty_table().to_pandas().dtypes))
        self._types = dict(zip(schema.names, schema.types, strict=True))
        self._named = {name: f"c{n}" for n, name in enumerate(schema.names)}
        self.own = self._named
        named = ", ".join(f"{quoted(name)} AS {ours}" for name, ours in self._named.items())
        self._source = f"(SELECT {named} FROM ({query}\n))"  # noqa: S608

    def _read(self, needed: list[str]) -> None:
        """All of it is known from the beginning."""


def _arrow(values: pd.Series, name: str) -> pa.Array:
    try:
        stored = pa.Array.from_pandas(values)
        return stored.cast(pa.float32()) if pa.types.is_float16(stored.type) else stored  # DuckDB has no float16
    except (pa.ArrowException, OverflowError, ValueError, TypeError) as error:
        kinds = ", ".join(sorted({type(value).__name__ for value in values[values.notna()]}))
        raise DataError(
            f"events: column {name!r} holds values of several types or too large ones ({kinds}; "
            f"{type(error).__name__}); give all of them the type of the entity's keys"
        ) from None


def _is_time(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_null(kind)
