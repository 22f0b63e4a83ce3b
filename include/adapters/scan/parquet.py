"""Expectations evaluated by DuckDB over a Parquet file, in one scan and bounded memory (fulfils ports.RowScan).

All of a table's checks are one query; uniqueness takes one more, on hashes of the key, and an exact look at the
rows whose hashes meet. The meaning of each check is that of Great Expectations' pandas engine, which reads NaN and
NULL alike; tests/integration/test_scan.py compares both on random data.

A row's name is the SHA-256 of its content and the number of the copy: ``<hash>-<n>``.
"""

import os
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from include.adapters.scan import patterns
from include.adapters.scan.patterns import text_literal
from include.adapters.scan.rules import MEASURED, RULES, UNIQUE, Rule, Table, keyed, known, without_nan
from include.contracts.quality import Check, CheckOutcome
from include.formats import checksums
from include.formats.content import for_duckdb, quoted
from include.ports.outcomes import broken, judged, with_whole_numbers

RENAMED = """
    CREATE TEMP VIEW t AS SELECT {columns}, file_row_number AS __row
    FROM read_parquet({file}, file_row_number = true, hive_partitioning = false)
"""
MARK = ", __row IN (SELECT __row FROM {name}) AS __{name}"
MARKED = "CREATE TEMP VIEW marked AS SELECT *{marks} FROM t"
NAMED = """
    SELECT __row, content || '-' || row_number() OVER (PARTITION BY content ORDER BY __row) AS name
    FROM (SELECT __row, sha256({content}) AS content FROM t WHERE {where})
"""
LISTED = "CREATE TEMP TABLE {into} AS SELECT __row FROM ({named}) WHERE name IN (SELECT name FROM wanted)"
# which rows share a key: first by hash, which is small, then exactly among those whose hashes meet
REPEATED = """
    CREATE TEMP TABLE {into} AS
    WITH meeting AS (SELECT hash({key}) AS __h FROM t WHERE {considered} GROUP BY __h HAVING count(*) > 1),
    grouped AS (
        SELECT __row, count(*) OVER same AS copies, row_number() OVER (same ORDER BY __row) AS copy,
               min({content}) OVER same <> max({content}) OVER same AS differ
        FROM t WHERE {considered} AND hash({key}) IN (SELECT __h FROM meeting) WINDOW same AS (PARTITION BY {key})
    )
    SELECT __row, differ OR copy > 1 AS held FROM grouped WHERE copies > 1
"""
ONLY_HELD = "DELETE FROM {into} WHERE NOT held"
FAILING = """
    WITH broken AS (
        SELECT __row, concat_ws('; ', {reasons}) AS reasons, {content} AS content FROM marked
        WHERE {any} ORDER BY __row LIMIT {limit}
    )
    SELECT names.name AS row, reasons, content
    FROM broken JOIN names USING (__row) ORDER BY __row
"""
BROKEN_CONTENT = "SELECT DISTINCT sha256({content}) FROM marked WHERE {any}"
FEW = 100_000
"""Rows that are scanned in memory."""


class ParquetScan:
    """``memory_limit`` is what DuckDB may take; what exceeds it spills, of many rows beside the file."""

    def __init__(self, memory_limit: str = "4GB") -> None:
        self._memory_limit = memory_limit

    def unknown(self, file: Path, checks: Sequence[Check]) -> list[Check]:
        """Checks that have no rule here: of an unknown type, with unknown arguments, or on a column they don't fit."""
        with self._open(file) as table:
            return [c for c in checks if not known(c, table)]

    def outcomes(
        self, file: Path, checks: Sequence[Check], accepted: Collection[str] = frozenset()
    ) -> list[CheckOutcome]:
        """One outcome per check; one that crashes is ``broken`` and takes no other with it."""
        with self._open(file) as table:
            rules = self._prepared(table, checks, accepted)
            try:
                measured = _measured(table, rules)
            except duckdb.Error:
                measured = [_measured_alone(table, rule) for rule in rules]
            return [_outcome(*each, table.rows) for each in zip(checks, rules, measured, strict=True)]

    def failing(self, file: Path, checks: Sequence[Check], accepted: Collection[str], limit: int) -> pa.Table:
        """Rows that break one of the checks, first ones first; of exact copies the first is not among them."""
        with self._open(file) as table:
            rules = self._prepared(table, checks, accepted, held=True)
            bad = [(_label(c), r.bad) for c, r in zip(checks, rules, strict=True) if r.bad]
            if not bad:
                return pa.table({name: pa.array([], pa.string()) for name in ("row", "reasons", "content")})
            either = " OR ".join(f"({predicate})" for _, predicate in bad)
            reasons = ", ".join(f"CASE WHEN {predicate} THEN {text_literal(label)} END" for label, predicate in bad)
            return _failing(table, either, reasons, limit)

    def remove(self, file: Path, rows: Collection[str]) -> int:
        """Take rows out of the file, in one step; the others keep their order and types."""
        if not rows:
            return 0
        with self._open(file) as table:
            _list(table, "dropped", rows)
            positions = [row for (row,) in table.ask("SELECT __row FROM dropped")]
        if positions:
            _rewrite(file, np.asarray(positions))
        return len(positions)

    def _prepared(
        self, table: Table, checks: Sequence[Check], accepted: Collection[str], held: bool = False
    ) -> list[Rule]:
        """The rules of the checks, on the view ``marked``: rows with what is known of each."""
        if accepted:
            _list(table, "accepted", accepted)
            table.accepted = True
        for number, check in enumerate(c for c in checks if c.type in UNIQUE):
            table.repeated[check.id] = f"repeated{number}"
            _find_repeated(table, check, held or bool(accepted))
        marks = [MARK.format(name=name) for name in table.repeated.values()]
        marks += [MARK.format(name="accepted")] if accepted else []
        table.ask(MARKED.format(marks="".join(marks)))
        return [RULES[c.type][1](with_whole_numbers(c, table.schema), table) for c in checks]

    @contextmanager
    def _open(self, file: Path) -> Iterator[Table]:
        rows = pq.read_metadata(file).num_rows
        with self._few() if rows <= FEW else self._many(file) as connection:
            table = Table(connection, pq.read_schema(file), rows)
            table.ask("SET TimeZone = 'UTC'")
            columns = ", ".join(map(without_nan, table.schema))
            table.ask(RENAMED.format(columns=columns, file=text_literal(for_duckdb(file))))
            yield table

    def _few(self) -> duckdb.DuckDBPyConnection:
        """A session in a database that all scans of few rows share: to open one costs more than such a scan."""
        return _shared(os.getpid(), self._memory_limit).cursor()

    @contextmanager
    def _many(self, file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
        """A database of its own, which spills beside the file."""
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".scan-") as spill:
            settings = {"memory_limit": self._memory_limit, "temp_directory": spill}
            with duckdb.connect(config=settings) as connection:
                patterns.register(connection)
                try:
                    yield connection
                finally:
                    connection.remove_function(patterns.SEARCH)


@cache
def _shared(process: int, memory_limit: str) -> duckdb.DuckDBPyConnection:
    """That of a process: the threads of one that was forked from are not in its child, which must not close it."""
    spill = str(Path(tempfile.gettempdir(), f"moebius-scan-{process}"))  # made when it is needed
    settings = {"memory_limit": memory_limit, "temp_directory": spill, "enable_external_file_cache": False}
    connection = duckdb.connect(config=settings)
    patterns.register(connection)
    return connection


def _label(check: Check) -> str:
    return f"{', '.join(check.columns)}: {check.type}"


def _measured(table: Table, rules: Sequence[Rule]) -> list[list[Any] | str]:
    wanted = [m for rule in rules for m in rule.measures]
    if not wanted:
        return [[] for _ in rules]
    counts = list(table.ask(MEASURED.format(measures=", ".join(wanted), view="marked"))[0])
    return [[counts.pop(0) for _ in rule.measures] for rule in rules]


def _measured_alone(table: Table, rule: Rule) -> list[Any] | str:
    try:
        return _measured(table, [rule])[0]
    except duckdb.Error as error:
        return type(error).__name__  # its message may hold values of rows


def _outcome(check: Check, rule: Rule, measured: list[Any] | str, rows: int) -> CheckOutcome:
    if isinstance(measured, str):
        return broken(check, rows, measured)
    return judged(check, rows, *rule.judge(measured))


def _list(table: Table, into: str, names: Collection[str]) -> None:
    """A temporary table with the positions of the rows of these names."""
    contents = ", ".join(sorted({text_literal(n.rsplit("-", 1)[0]) for n in names}))
    table.connection.register("wanted", pa.table({"name": sorted(names)}))
    named = NAMED.format(content=table.content, where=f"sha256({table.content}) IN ({contents})")
    table.ask(LISTED.format(into=into, named=named))


def _find_repeated(table: Table, check: Check, held: bool) -> None:
    key = ", ".join(map(quoted, check.columns))
    into = table.repeated[check.id]
    table.ask(REPEATED.format(into=into, key=key, considered=keyed(check), content=table.content))
    if held:
        table.ask(ONLY_HELD.format(into=into))


def _failing(table: Table, either: str, reasons: str, limit: int) -> pa.Table:
    contents = BROKEN_CONTENT.format(content=table.content, any=either)
    named = NAMED.format(content=table.content, where=f"sha256({table.content}) IN ({contents})")
    table.ask(f"CREATE TEMP TABLE names AS {named}")
    query = FAILING.format(reasons=reasons, content=table.content, any=either, limit=limit)
    rows = table.connection.sql(query).to_arrow_table()
    return rows.cast(pa.schema([(name, pa.string()) for name in rows.column_names]))


def _rewrite(file: Path, positions: np.ndarray) -> None:
    aside, start = file.with_suffix(".aside"), 0
    with pq.ParquetFile(file) as rows, pq.ParquetWriter(aside, rows.schema_arrow) as kept:
        for batch in rows.iter_batches():
            mask = ~np.isin(np.arange(start, start + batch.num_rows), positions)
            kept.write_batch(batch.filter(pa.array(mask)))
            start += batch.num_rows
    checksums.replace(file, aside)
