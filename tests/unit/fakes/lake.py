"""The lake in memory: whole tables by use case and name, one version each."""

import shutil
import weakref
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.contracts.period import Period
from include.contracts.tables import EVERY_ROW, PART, PERIOD, FileRows, RowFilter, TableHead, TableRef
from include.errors import NotFoundError
from include.formats.content import content_hash
from include.formats.stored_types import stored_schema, with_period


class MemoryLake:
    """Keeps rows in the order in which they came, period by period."""

    def __init__(self) -> None:
        self._tables: defaultdict[str, dict[str, pa.Table]] = defaultdict(dict)
        self._versions: defaultdict[tuple[str, str], int] = defaultdict(int)

    def copy_of(self, other: "MemoryLake") -> None:
        """Hold what the other one holds now."""
        self._tables |= {usecase: dict(tables) for usecase, tables in other._tables.items()}
        self._versions |= other._versions

    def changed_at(self, usecase: str, table: str) -> datetime | None:
        return datetime.now(UTC) if self.exists(usecase, table) else None

    def stamp(self, usecase: str, table: str) -> str:
        return str(self._versions[usecase, table])

    def append(self, usecase: str, table: str, rows: pa.Table) -> None:
        rows = rows.cast(stored_schema(rows.schema))
        self._put(usecase, table, [*([self.read(usecase, table)] if self.exists(usecase, table) else []), rows])

    def publish_all(self, usecase: str, table: str, rows: Mapping[Period, pa.Table]) -> dict[Period, TableRef]:
        return {period: self.publish(usecase, table, of, period) for period, of in rows.items()}

    def publish(self, usecase: str, table: str, rows: pa.Table, period: str) -> TableRef:
        rows = rows.drop_columns([PERIOD] if PERIOD in rows.column_names else [])
        rows = rows.cast(stored_schema(rows.schema))
        dated = rows.append_column(
            with_period(rows.schema).field(PERIOD), pa.array([period] * rows.num_rows, pa.string())
        )
        others = [one for one in self.periods(usecase, table) if one != period]
        before = [self.read(usecase, table, others)] if self.exists(usecase, table) else []
        self._put(usecase, table, [*before, dated])
        digest = content_hash(rows)
        return TableRef(table=table, version=self.version(usecase, table), rows=rows.num_rows, content_hash=digest)

    def delete(self, usecase: str, table: str, predicate: str) -> int:
        rows = self.read(usecase, table)
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.register("there", rows)
            kept = connection.sql(f"SELECT * FROM there WHERE NOT coalesce(({predicate}), false)").to_arrow_table()
        self._put(usecase, table, [kept.cast(rows.schema)])
        return rows.num_rows - kept.num_rows

    def compact(self, usecase: str, table: str) -> int:
        return 0

    def vacuum(self, usecase: str, table: str, spare: timedelta = timedelta()) -> int:
        return 0

    def prune(self, usecase: str, table: str, keep: object, spare: timedelta = timedelta()) -> int:
        return 0

    def stored(self, usecase: str, table: str, keep: object = ()) -> list[str]:
        """A file of the rows, written for who asks."""
        directory = mkdtemp(prefix="moebius-lake-")
        weakref.finalize(self, shutil.rmtree, directory)
        file = Path(directory) / usecase / table / f"{PART}=all" / "rows.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(self.read(usecase, table), file)
        return [str(file)]

    def exists(self, usecase: str, table: str) -> bool:
        return table in self._tables[usecase]

    def tables(self, usecase: str) -> list[str]:
        return sorted(self._tables[usecase])

    def files(
        self, usecase: str, table: str, periods: Sequence[str] | None = None, version: int | None = None
    ) -> list[FileRows]:
        return []

    def pinned(
        self, usecase: str, table: str, refs: Mapping[Period, TableRef], *, again: bool = False
    ) -> list[FileRows]:
        return []

    def read_pinned(
        self, usecase: str, table: str, refs: Mapping[Period, TableRef], wanted: RowFilter = EVERY_ROW
    ) -> pa.Table:
        return self.select(usecase, table, wanted.model_copy(update={"periods": list(refs)}))

    def version(self, usecase: str, table: str) -> int:
        return self._versions[usecase, table]

    def head(self, usecase: str, table: str) -> TableHead | None:
        if not self.exists(usecase, table):
            return None
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=sum(self._versions.values()))
        version = self.version(usecase, table)
        return TableHead(version=version, at=at, sha256=content_hash(self._tables[usecase][table]))

    def periods(self, usecase: str, table: str) -> list[Period]:
        rows = self._tables[usecase].get(table)
        return sorted(map(Period, set(rows[PERIOD].to_pylist()))) if rows is not None else []

    def schema(self, usecase: str, table: str, version: int | None = None) -> pa.Schema:
        return self._tables[usecase][table].schema

    def read(
        self, usecase: str, table: str, periods: Sequence[str] | None = None, version: int | None = None
    ) -> pa.Table:
        return self.select(usecase, table, RowFilter(periods=periods))

    def select(self, usecase: str, table: str, wanted: RowFilter) -> pa.Table:
        if not self.exists(usecase, table):
            raise NotFoundError(f"the lake has no table {usecase}.{table}")
        rows = self._tables[usecase][table]
        wanted = wanted.within(rows.column_names)
        among = dict(wanted.equal) | ({} if wanted.periods is None else {PERIOD: list(wanted.periods)})
        for name, value in among.items():
            values = value if isinstance(value, list) else [value]
            rows = rows.filter(pc.is_in(rows[name], pa.array(values, rows.schema.field(name).type)))
        for name, least in wanted.at_least.items():
            rows = rows.filter(pc.greater_equal(rows[name], pa.scalar(least, rows.schema.field(name).type)))
        for name, bound in wanted.below.items():
            rows = rows.filter(pc.less(rows[name], pa.scalar(bound, rows.schema.field(name).type)))
        for name in reversed(wanted.order):
            rows = rows.take(pa.array(sorted(range(rows.num_rows), key=rows[name].to_pylist().__getitem__), pa.int64()))
        if wanted.newest is not None:
            rows = rows.slice(max(rows.num_rows - wanted.newest, 0))
        return rows.select(list(wanted.columns or rows.column_names))

    def batches(
        self, usecase: str, table: str, wanted: RowFilter, version: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        yield from self.select(usecase, table, wanted).to_batches(max_chunksize=1000)

    def _put(self, usecase: str, table: str, parts: list[pa.Table]) -> None:
        self._tables[usecase][table] = pa.concat_tables(parts, promote_options="default").sort_by(PERIOD)
        self._versions[usecase, table] += 1
