"""The quality gates: nothing goes on that has not passed, and what was refused is kept apart with its reasons."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Literal

import pyarrow as pa

from include.contracts import GateResult, Period, write_atomically
from include.data import staging as stage
from include.errors import BrokenCheckError, GateRefusedError
from include.ports import Lake, Validator
from include.usecase import UseCase

Gate = Literal["raw", "features"]
RESULTS = "gate_results"
COMPARED_MONTHS = 3
VOLUME = (0.5, 2.0)  # of the median month
LOCAL_CALENDAR = timedelta(days=1)  # a local month ends up to half a day after it does in UTC


def gate(
    spec: UseCase, name: Gate, period: Period, staging: Path, quarantine: Path, validator: Validator, lake: Lake
) -> GateResult:
    """Check the staged tables of a period; its result goes to the lake table ``gate_results``.

    Refused data leave the staging directory for ``<quarantine>/<period>/<gate>/``, with
    ``reasons.json`` beside them; data that pass clear that mark. ``quarantine`` is the use case's own.

    Raises
    ------
    GateRefusedError
        blocking expectations were not met: each is listed with its counts.
    BrokenCheckError
        a blocking check crashed, which says nothing about the data; staging is left as it is.
    """
    part, tables = _tables(spec, name)
    frames = {table: stage.frame(staging, part, table) for table in tables}
    parameters = _parameters(spec, name, period, tables, lake)
    result = validator.validate(spec.name, name, period.key, frames, parameters)
    lake.append(spec.name, RESULTS, _row(result))
    refused = [f for f in result.failures if f.severity == "block"]
    mark = quarantine / period.key / name
    if any(not f.broken for f in refused):
        _hold_back(staging, part, result, mark)
        raise GateRefusedError(_refusal(result, mark))
    if refused:
        raise BrokenCheckError(_breakage(result))
    shutil.rmtree(mark, ignore_errors=True)
    return result


def results(spec: UseCase, lake: Lake) -> list[GateResult]:
    """Every gate result so far, in the order of evaluation: the last word on a period and gate comes last."""
    if not lake.exists(spec.name, RESULTS):
        return []
    rows = lake.read(spec.name, RESULTS).sort_by("evaluated_at")
    return [GateResult.model_validate_json(text) for text in rows["result"].to_pylist()]


def quarantined(quarantine: Path) -> dict[str, list[str]]:
    """Periods with refused data → the gates that refused them."""
    found: dict[str, list[str]] = {}
    for reasons in sorted(quarantine.glob("*/*/reasons.json")):
        found.setdefault(reasons.parts[-3], []).append(reasons.parts[-2])
    return found


def _tables(spec: UseCase, gate: Gate) -> tuple[str, list[str]]:
    if gate == "raw":
        return stage.RAW, list(spec.sources)
    return stage.TABLES, ["events", *spec.views]


def _parameters(spec: UseCase, gate: Gate, period: Period, tables: list[str], lake: Lake) -> dict[str, Any]:
    """What the suites may compare with: the period itself and the volumes of the months before it."""
    known: dict[str, Any] = {
        "year": period.start.year,
        "month": period.start.month,
        "period_start": period.start,
        "period_end": period.end + LOCAL_CALENDAR,
    }
    before = _passed_before(spec, gate, period, lake)
    for table in tables:
        counts = [result.rows[table] for result in before if table in result.rows]
        usual = median(counts) if counts else None
        known[f"{table}_min_rows"] = 1 if usual is None else int(VOLUME[0] * usual)
        known[f"{table}_max_rows"] = None if usual is None else int(VOLUME[1] * usual)
    return known


def _passed_before(spec: UseCase, gate: Gate, period: Period, lake: Lake) -> list[GateResult]:
    """The newest passing result of each of the last months before this one."""
    newest = {r.period: r for r in results(spec, lake) if r.gate == gate and r.passed and r.period < period.key}
    return [newest[key] for key in sorted(newest)[-COMPARED_MONTHS:]]


def _row(result: GateResult) -> pa.Table:
    return pa.table(
        {
            "period": [result.period],
            "gate": [result.gate],
            "evaluated_at": pa.array([datetime.now(UTC)], pa.timestamp("us", tz="UTC")),
            "passed": [result.passed],
            "failures": [len(result.failures)],
            "result": [result.model_dump_json()],
        }
    )


def _hold_back(staging: Path, part: str, result: GateResult, mark: Path) -> None:
    shutil.rmtree(mark, ignore_errors=True)
    mark.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(staging / part, mark)
    write_atomically(mark / "reasons.json", json.dumps(result.json_dict(), indent=2))


def _refusal(result: GateResult, mark: Path) -> str:
    lines = [_line(f) for f in result.failures if f.severity == "block"]
    return "\n".join(
        [
            f"{result.usecase} {result.period}: the {result.gate} gate refused the data: "
            f"{len(lines)} of {result.evaluated} expectations not met (rows: {result.rows}).",
            *lines,
            f"The data are in {mark}; the snapshot before stays current. "
            "Deliver the repaired files and run the period again.",
        ]
    )


def _breakage(result: GateResult) -> str:
    lines = [_line(f) for f in result.failures if f.broken]
    return "\n".join(
        [
            f"{result.usecase} {result.period}: {len(lines)} checks of the {result.gate} gate broke; "
            "this says nothing about the data. Repair the suites:",
            *lines,
        ]
    )


def _line(failure: Any) -> str:
    place = f"{failure.table}.{failure.column}" if failure.column else failure.table
    return (
        f"- {place}: {failure.expectation}: {failure.unexpected} of {failure.rows} rows unexpected ({failure.detail})"
    )
