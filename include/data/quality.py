"""Quality gates: what they refuse never gets downstream; it is kept in quarantine with the reasons."""

import json
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa

from include.contracts import ExpectationFailure, GateResult, Period
from include.data import staging as stage
from include.errors import BrokenCheckError, GateRefusedError
from include.ports import Lake, Validator
from include.usecase import UseCase

RESULTS = "gate_results"
VOLUME_SHARE = 0.5


def gate(
    spec: UseCase, name: Literal["raw", "features"], period: Period, staging: Path, quarantine: Path, validator: Validator, lake: Lake
) -> GateResult:
    """Validate what is staged; the result is recorded whatever it is.

    Raises
    ------
    GateRefusedError
        blocking expectations failed: the staged data went to ``quarantine/<period>/<gate>`` with the reasons.
    BrokenCheckError
        a check itself crashed, which says nothing about the data.
    """
    tables = stage.get(staging, "raw") if name == "raw" else stage.get(staging, "processed") | stage.get(staging, "features")
    result = validator.validate(spec.name, name, period.key, tables, _volume_limits(spec, period, tables, lake))
    record(spec, result, lake)
    if broken := [f for f in result.failures if f.broken]:
        raise BrokenCheckError(f"{name} gate of {period.key}: the check broke, the data may be good: {_lines(broken)}")
    if not result.passed:
        held = _quarantine(quarantine / period.key / name, tables, result)
        raise GateRefusedError(
            f"{name} gate of {period.key} refused the data: {_lines(result.failures)}\nIt is in quarantine at {held}. "
            "Nothing downstream saw it; the snapshot before stays. Deliver a repaired month and run it again"
        )
    release(quarantine / period.key / name)
    return result


def record(spec: UseCase, result: GateResult, lake: Lake) -> None:
    row = {"period": result.period, "gate": result.gate, "passed": result.passed, "result": json.dumps(result.json_dict())}
    lake.append(spec.name, RESULTS, pa.Table.from_pylist([row]))


def results(spec: UseCase, lake: Lake) -> list[GateResult]:
    """Every recorded result, oldest month first."""
    if not lake.exists(spec.name, RESULTS):
        return []
    rows = lake.read(spec.name, RESULTS).sort_by([("period", "ascending"), ("gate", "descending")])
    return [GateResult.model_validate_json(text) for text in rows["result"].to_pylist()]


def release(held: Path) -> None:
    """A repaired month has passed: what was held back under its name is marked as replaced."""
    if held.is_dir():
        (held / "REPLACED").touch()


def _volume_limits(spec: UseCase, period: Period, tables: dict[str, pd.DataFrame], lake: Lake) -> dict[str, Any]:
    """Fewest rows to accept: half of the median of the months before, and at least one."""
    counts: dict[str, list[int]] = {name: [] for name in tables}
    for result in results(spec, lake):
        if result.passed and result.period < period.key:
            for name in set(counts) & set(result.rows):
                counts[name].append(result.rows[name])
    medians = {name: pd.Series(seen).median() if seen else 0 for name, seen in counts.items()}
    return {f"{name}_min_rows": max(1, int(median * VOLUME_SHARE)) for name, median in medians.items()}


def _quarantine(held: Path, tables: dict[str, pd.DataFrame], result: GateResult) -> Path:
    held.mkdir(parents=True, exist_ok=True)
    (held / "REPLACED").unlink(missing_ok=True)
    for name, rows in tables.items():
        rows.to_parquet(held / f"{name}.parquet", index=False)
    (held / "reasons.json").write_text(json.dumps(result.json_dict(), indent=1))
    return held


def _lines(failures: list[ExpectationFailure]) -> str:
    return "".join(
        f"\n  [{f.severity}] {f.table}{'.' + f.column if f.column else ''} {f.expectation}: "
        f"{f.unexpected} of {f.rows} rows; {f.detail}"
        for f in failures
    )
