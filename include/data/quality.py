"""The quality gates: only tables that passed continue; refused tables go to quarantine with their reasons."""

import json
import logging
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import pyarrow.parquet as pq

from include.contracts.period import Period
from include.contracts.quality import CheckOutcome, CheckRecord, GateResult, StandingWarning
from include.data import quarantine, suite_parameters, volume
from include.data import staging as stage
from include.data.gate_history import Gate, GateHistory, result_of
from include.data.ingestion import no_time
from include.data.standing import LOOKED_BACK, STANDING, standing_warnings
from include.errors import BrokenCheckError, GateRefusedError
from include.formats.atomic_file import write_atomically
from include.ports.lake import Lake
from include.ports.quality import Validator
from include.records.registry import GATE_RESULTS
from include.specification.usecase import UseCase

log = logging.getLogger(__name__)


def gate(
    spec: UseCase,
    name: Gate,
    period: Period,
    staging: Path,
    held_back: Path,
    validator: Validator,
    lake: Lake,
    history: GateHistory | None = None,
) -> GateResult:
    """Check the staged tables of a period; its result goes to the lake table ``gate_results``.

    Rows that were dropped from quarantine are taken out first, released ones are not judged again. Refused data
    leave the staging directory for ``<held_back>/<period>/<gate>/``, with ``reasons.json`` beside them, and the
    rows that broke a blocking check go to the table ``quarantine``; data that pass clear both, and what passed the
    features gate gets the mark that ``versioning.publish`` asks for. ``held_back`` is the use case's own. A run of many
    periods gives each the same ``history``, which gets the result.

    A warning that stands for periods is said in the log.

    Raises GateRefusedError, with counts, when blocking expectations were not met; BrokenCheckError when a blocking
    check crashed, which says nothing about the data: staging is left as it is.
    """
    part, tables = _tables(spec, name, staging)
    history = history or GateHistory(spec, lake)
    files = _judged(spec, name, period, {table: stage.path(staging, part, table) for table in tables})
    released = _apply(quarantine.decided(spec, period, name, lake), files, validator)
    parameters = _parameters(spec, name, period, files, history)
    result = validator.validate(spec.name, name, period, files, parameters, released, spec.privacy.treatments)
    GATE_RESULTS.append(spec.name, lake, _records(result, staging.name))
    history.add(result)
    for warning in _standing(spec, history):
        log.warning("%s: %s; correct the data or the expectation", spec.name, warning.text)
    refused = [f for f in result.failures if f.severity == "block"]
    mark = held_back / period / name
    if any(not f.broken for f in refused):
        held = quarantine.hold(spec, period, name, validator.failing(result, files, parameters, released), lake)
        _hold_back(staging, part, result, mark)
        raise GateRefusedError(_refusal(result, held, mark))
    if refused:
        raise BrokenCheckError(_breakage(result))
    shutil.rmtree(mark, ignore_errors=True)
    quarantine.close(spec, period, name, lake)
    if name == "features":
        stage.mark_passed(staging)
    return result


def results(spec: UseCase, lake: Lake, **wanted: Any) -> list[GateResult]:
    """Gate results in the order of evaluation: the last word on a period and gate comes last.

    ``wanted`` are filters of whole evaluations (see ``RecordTable.rows``): periods, since, gate, evaluation.
    """
    checks = GATE_RESULTS.read(spec.name, lake, **wanted)
    return [_result(spec, list(group)) for _, group in groupby(checks, key=lambda check: check.evaluation)]


def last(spec: UseCase, lake: Lake) -> list[GateResult]:
    """The newest evaluation of every gate."""
    newest = [check for gate in get_args(Gate) for check in GATE_RESULTS.read(spec.name, lake, gate=gate, newest=1)]
    return [r for one in newest for r in results(spec, lake, periods=[one.period], evaluation=one.evaluation)]


def standing(spec: UseCase, lake: Lake) -> list[StandingWarning]:
    """Warnings that fire in period after period; see ``include.data.standing``."""
    return _standing(spec, GateHistory(spec, lake))


def _standing(spec: UseCase, history: GateHistory) -> list[StandingWarning]:
    return standing_warnings(history.of(history.periods()[-LOOKED_BACK * STANDING[spec.calendar.every] :]))


def _tables(spec: UseCase, gate: Gate, staging: Path) -> tuple[str, list[str]]:
    """The part of staging and its tables; whatever would be published is checked."""
    if gate == "raw":
        return stage.RAW, list(spec.sources)
    return stage.TABLES, list(dict.fromkeys(["events", *spec.views, *stage.names(staging, stage.TABLES)]))


def _judged(spec: UseCase, gate: Gate, period: Period, files: dict[str, Path]) -> dict[str, Path]:
    """The tables that the suites are about: where the period has no time, of the raw ones those that have rows.

    What is made of these is judged in other periods: no time of a feature lies within such a period.
    """
    if spec.calendar.has_time(period):
        return files
    log.info("%s; the %s gate passes it", no_time(spec, period), gate)
    return {table: file for table, file in files.items() if gate == "raw" and pq.read_metadata(file).num_rows}


def _apply(
    decided: dict[str, dict[str, set[str]]], files: dict[str, Path], validator: Validator
) -> dict[str, set[str]]:
    """Take dropped rows out of the staged files; returns the released ones per table."""
    for table, rows in decided["dropped"].items():
        if table in files:
            log.info("%s: %d rows that were dropped are taken out", table, validator.remove(files[table], rows))
    return decided["released"]


def _parameters(
    spec: UseCase, gate: Gate, period: Period, files: Mapping[str, Path], history: GateHistory
) -> dict[str, Any]:
    """What the suites may compare with: the period itself and the volumes of the periods like it before.

    A table without rows is not too small where a source may be empty; every other expectation is about it too.
    """
    known = suite_parameters.of_period(spec.calendar, period)
    kind, before = _like(gate, period, history)
    may_be_empty = any(source.may_be_empty for source in spec.sources.values())
    for table, file in files.items():
        counts = [result.rows[table] for result in before if table in result.rows]
        fewest, most = volume.limits(spec.calendar.every, kind, counts)
        if may_be_empty and not pq.read_metadata(file).num_rows:
            fewest = 0
        known |= {f"{table}_min_rows": fewest, f"{table}_max_rows": most}
    return known


def _like(gate: Gate, period: Period, history: GateHistory) -> tuple[volume.Likeness | None, list[GateResult]]:
    """The newest passing results of earlier periods that are like this one, and how they are like it."""
    for kind, periods in volume.like(period, history.periods()):
        passed = {result.period: result for result in history.of(periods, gate) if result.passed}
        if len(passed) >= kind.enough:
            return kind, [passed[key] for key in sorted(passed)[-kind.compared :]]
    return None, []


def _records(result: GateResult, run: str) -> list[CheckRecord]:
    """One per expectation; ``rows`` are the table's."""
    about = {"gate": result.gate, "run": run, "evaluation": uuid4().hex, "evaluated_at": datetime.now(UTC)}
    rows = {"period": result.period, **about}
    return [
        CheckRecord.model_validate({**check.model_dump(), **rows, "position": n, "rows": result.rows[check.table]})
        for n, check in enumerate(result.checks)
    ]


def _result(spec: UseCase, checks: list[CheckRecord]) -> GateResult:
    rows = {check.table: check.rows for check in checks}
    return result_of(spec.name, checks[0].gate, checks[0].period, rows, checks)


def _hold_back(staging: Path, part: str, result: GateResult, mark: Path) -> None:
    shutil.rmtree(mark, ignore_errors=True)
    mark.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(staging / part, mark)
    write_atomically(mark / "reasons.json", json.dumps(result.summary, indent=2))


def _refusal(result: GateResult, held: dict[str, int], mark: Path) -> str:
    lines = [_line(f) for f in result.failures if f.severity == "block"]
    ways = ["Deliver the repaired files and run the period again."]
    if held:
        ways += [f"{sum(held.values())} rows are in quarantine {held}: release or drop them by the form 'quarantine'."]
    head = (
        f"{result.usecase} {result.period}: the {result.gate} gate refused the data: "
        f"{len(lines)} of {result.evaluated} expectations not met (rows: {result.rows})."
    )
    end = f"The data are in {mark}; the snapshot before stays current. {' Or: '.join(ways)}"
    return "\n".join([head, *lines, end])


def _breakage(result: GateResult) -> str:
    lines = [_line(f) for f in result.failures if f.broken]
    head = (
        f"{result.usecase} {result.period}: {len(lines)} checks of the {result.gate} gate broke; "
        "this says nothing about the data. Repair the suites:"
    )
    return "\n".join([head, *lines])


def _line(failed: CheckOutcome) -> str:
    place = f"{failed.table}.{failed.column}" if failed.column else failed.table
    return f"- {place}: {failed.expectation}: {failed.unexpected} of {failed.rows} rows unexpected ({failed.detail})"
