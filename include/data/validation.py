"""Runs the suites of a gate: each expectation has one engine, whatever the size of the table and what was released.

The scan judges what it knows; the same scan lists the rows that fail it and judges again when some of them were
released. Great Expectations judges the rest, whose rows are not listed. Which of both it is follows from the
expectation and the table's schema alone, so no decision on a row moves it. What no engine
could evaluate sensibly (a column that is not there, text compared with a number) is broken, in the same words for
both engines.
"""

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from include.contracts.period import Period
from include.contracts.quality import EXISTS, Check, CheckOutcome, GateResult, compiled
from include.data import suites, treated_columns
from include.errors import BrokenCheckError
from include.ports.outcomes import broken
from include.ports.quality import CheckEngine, RowNames, RowScan

log = logging.getLogger(__name__)

HELD_ROWS = 100_000  # more failing rows than this are no matter of rows: the period is delivered again
BOUNDS = ("min_value", "max_value")
VALUES = (*BOUNDS, "value_set")


class SuiteValidator:
    """Fulfils ``ports.Validator``; ``sampled``: not all data are there."""

    def __init__(self, suites: Path, batch: CheckEngine, scan: RowScan, sampled: bool = False) -> None:
        self._suites, self._batch, self._scan, self._sampled = suites, batch, scan, sampled

    def validate(
        self,
        usecase: str,
        gate: Literal["raw", "features"],
        period: Period,
        tables: Mapping[str, Path],
        parameters: Mapping[str, Any],
        accepted: RowNames | None = None,
        treatments: Mapping[str, str] | None = None,
    ) -> GateResult:
        """Check every table against its suite.

        ``treatments``: column → how privacy treats it before any gate.

        Raises what ``suites.checks`` raises, and BrokenCheckError when an expectation on a treated column is about the
        value in clear.
        """
        outcomes: list[CheckOutcome] = []
        for table, file in tables.items():
            known = suites.checks(self._suites, usecase, gate, table, parameters, self._sampled)
            if faults := [text for _, text in treated_columns.faults(known, treatments or {})]:
                raise BrokenCheckError(f"suite {usecase}_{gate}_{table}: {'; '.join(faults)}")
            outcomes += self.outcomes(file, known, (accepted or {}).get(table, ()))
        rows = {table: pq.read_metadata(file).num_rows for table, file in tables.items()}
        return GateResult(usecase=usecase, gate=gate, period=period, rows=rows, checks=outcomes)

    def failing(
        self, result: GateResult, tables: Mapping[str, Path], parameters: Mapping[str, Any], accepted: RowNames
    ) -> dict[str, pa.Table]:
        """Rows that broke blocking expectations; of those that only Great Expectations knows none can be told."""
        refused = {c.check for c in result.failures if c.severity == "block" and not c.broken}
        results = {}
        for table, file in tables.items():
            all_checks = suites.checks(self._suites, result.usecase, result.gate, table, parameters, self._sampled)
            wanted = [_fitted(c, pq.read_schema(file)) for c in all_checks if c.id in refused]
            unknown = self._scan.unknown(file, wanted)
            rows = self._scan.failing(file, [c for c in wanted if c not in unknown], accepted.get(table, ()), HELD_ROWS)
            if rows.num_rows:
                results[table] = rows
        return results

    def remove(self, file: Path, rows: Collection[str]) -> int:
        return self._scan.remove(file, rows)

    def outcomes(self, file: Path, checks: Sequence[Check], accepted: Collection[str] = ()) -> list[CheckOutcome]:
        """One outcome per check, in their order, from the engine that fits the file."""
        schema, rows = pq.read_schema(file), pq.read_metadata(file).num_rows
        faults = {c.id: broken(c, rows, fault) for c in checks if (fault := _fault(c, schema))}
        sound = [_fitted(c, schema) for c in checks if c.id not in faults]
        found = faults | {o.check: o for o in self._evaluated(file, sound, accepted)}
        return [found[c.id] for c in checks]

    def _evaluated(self, file: Path, checks: Sequence[Check], accepted: Collection[str]) -> list[CheckOutcome]:
        unknown = self._scan.unknown(file, checks)
        for check in unknown:
            log.info(
                "%s: the scan does not know %s; the batch engine evaluates it, and lists no rows",
                check.place,
                check.type,
            )
        scanned = self._scan.outcomes(file, [c for c in checks if c not in unknown], accepted)
        return [*scanned, *(self._batch.outcomes(file, unknown) if unknown else [])]


def _fault(check: Check, schema: pa.Schema) -> str | None:
    """Why the check makes no sense for a table of this schema, or None."""
    missing = [c for c in check.columns if c not in schema.names]
    if missing and check.type != EXISTS:
        return f"there is no column {missing}; the table has {schema.names}"
    if missing or "column" not in check.kwargs:
        return None
    if fault := _regex_fault(check.kwargs.get("regex")):
        return fault
    if any(isinstance(check.kwargs.get(bound), str) for bound in BOUNDS):
        return "bounds are numbers or times, not text"
    kind = _kind(schema.field(check.columns[0]).type)
    if "_mean_" in check.type and kind not in ("number", "nothing"):
        return f"a mean of a column of {kind}"
    wrong = {k for value in _values(check) if (k := _value_kind(value)) != kind}
    return f"a column of {kind} is compared with {sorted(wrong)}" if wrong and kind != "nothing" else None


def _regex_fault(pattern: object) -> str | None:
    try:
        compiled(str(pattern))
    except (re.error, RecursionError, OverflowError) as error:
        return f"Python's re cannot read the regex: {error}"
    return None


def _fitted(check: Check, schema: pa.Schema) -> Check:
    """The check with its times in UTC, as the column has them: without a zone for times without one."""
    if "column" not in check.kwargs or not any(isinstance(v, datetime) for v in _values(check)):
        return check
    kind = schema.field(check.columns[0]).type
    kwargs = {k: _time(v, kind) if isinstance(v, datetime) else v for k, v in check.kwargs.items()}
    return check.model_copy(update={"kwargs": kwargs})


def _time(value: datetime, kind: pa.DataType) -> datetime:
    in_utc = value.astimezone(UTC)
    return in_utc if kind.tz else in_utc.replace(tzinfo=None)


def _values(check: Check) -> list[Any]:
    """The values that a check compares a column's values with; what counts or averages has none of them."""
    if "_count_" in check.type or "_length" in check.type or "_proportion_" in check.type:
        return []
    given = [check.kwargs.get(name) for name in VALUES]
    return [v for one in given for v in (one if isinstance(one, list) else [one]) if v is not None]


def _value_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "truth"
    return {int: "number", float: "number", str: "text"}.get(type(value), "time")


def _kind(kind: pa.DataType) -> str:
    known = {
        "number": (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal),
        "text": (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_dictionary),
        "time": (pa.types.is_timestamp,),
        "truth": (pa.types.is_boolean,),
        "nothing": (pa.types.is_null,),
    }
    return next((name for name, tests in known.items() if any(test(kind) for test in tests)), str(kind))
