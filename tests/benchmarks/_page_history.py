"""A year of daily history of several use cases, as the loop writes it: for the pages."""

import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import yaml

from include.contracts.deployment import RolloutEvent
from include.contracts.evaluation import RecordedVerdict
from include.contracts.operations import Figure, RecordedDecision, RetrainPlan, SliceFigure
from include.contracts.period import Period
from include.contracts.quality import CheckRecord, QuarantinedRow
from include.contracts.record import Record
from include.contracts.tables import SnapshotRef, TableRef
from include.data.manifests import Turn
from include.records.registry import (
    DECISIONS,
    FIGURES,
    GATE_RESULTS,
    QUARANTINE,
    ROLLOUT_EVENTS,
    SLICE_FIGURES,
    VERDICTS,
)
from include.records.table import RecordTable
from include.services.composition import Services
from include.settings import Settings
from include.specification import loader
from include.specification.loader import load_usecase
from include.specification.usecase import USECASES, UseCase
from tests.unit.loop.loop_worlds import verdict

FIRST = Period("2025-01-01")
FEATURES, SLICES, CHECKS = 30, 12, 10
DRAWN = random.Random(0)
DAILY = {"every": "day", "first": str(FIRST), "last": None, "schedule": "0 6 * * *", "timezone": "UTC"}


def specifications(directory: Path, count: int) -> list[UseCase]:
    """So many use cases of the flights by day in a directory of their own, which the loader reads from then on."""
    content = yaml.safe_load((USECASES / "flight_delay" / loader.FILE).read_text())
    names = [f"flights_{number:02d}" for number in range(count)]
    for name in names:
        spec = {**content, "name": name, "title": f"Flights {name[-2:]}", "periods": DAILY}
        (directory / name).mkdir(parents=True)
        (directory / name / loader.FILE).write_text(yaml.safe_dump(spec))
    patch.object(loader, "USECASES", directory).start()
    load_usecase.cache_clear()
    return [load_usecase(name) for name in names]


def write(home: Path, specs: list[UseCase], days: int) -> None:
    """The first one's history is written day by day; the others have a copy of it."""
    first = specs[0]
    services = Services(Settings(home=home))
    for number in range(days):
        _day(first, services, FIRST.shift(number), number)
        if number % 30 == 29:
            for table in (FIGURES, SLICE_FIGURES, GATE_RESULTS):  # as the maintenance does
                services.adapters.lake.compact(first.name, table.name)
    for spec in specs[1:]:
        for room in ("lake", "snapshots"):
            shutil.copytree(home / room / first.name, home / room / spec.name)


def _day(spec: UseCase, services: Services, period: Period, number: int) -> None:
    lake, at = services.adapters.lake, datetime(2025, 1, 2, 6, tzinfo=UTC) + timedelta(days=number)
    release = f"r{1 + number // 30:04d}"
    FIGURES.replace(spec.name, lake, period, _figures(spec, release, period))
    SLICE_FIGURES.replace(spec.name, lake, period, _slices(spec, release, period))
    GATE_RESULTS.append(spec.name, lake, _checks(period, at))
    _add(spec, services, DECISIONS, [_decision(spec, period, at)] if number % 3 == 0 else [])
    judged = verdict(1 + number // 7).model_copy(update={"decided_at": at, "usecase": spec.name})
    row = RecordedVerdict(period=period, decided_at=at, record=judged)
    _add(spec, services, VERDICTS, [row] if number % 7 == 0 else [])
    _add(spec, services, ROLLOUT_EVENTS, _events(spec, release, period, at, number) if number % 30 == 0 else [])
    _add(spec, services, QUARANTINE, [_held(period, at)] if number % 5 == 0 else [])
    tables = {
        name: TableRef(table=name, version=number, rows=900, content_hash="0" * 64) for name in ("events", "weather")
    }
    name = f"{period}-{number:06d}"
    snapshot = SnapshotRef(usecase=spec.name, period=period, name=name, tables=tables)
    services.records.snapshots(spec).make_current(snapshot, Turn.of(name, at, "data pipeline", "published"))


def _add(spec: UseCase, services: Services, table: "RecordTable[Record]", rows: list[Record]) -> None:
    if rows:
        table.append(spec.name, services.adapters.lake, rows)


def _figures(spec: UseCase, release: str, period: Period) -> list[Figure]:
    about = {"usecase": spec.name, "release": release, "period": period, "n": 900, "effective_n": 300}
    value = 0.68 + DRAWN.gauss(0, 0.02)
    whole = {
        spec.metrics.primary: value, f"counterfactual_{spec.metrics.primary}": value - 0.01, "performance_loss": 0.02,
        "drifted_features": 3.0, "rows": 900.0, "labelled": 850.0, "error_rate": 0.0, "p99_ms": 4.0,
    }  # fmt: skip
    drift = {f"feature_{number:02d}": abs(DRAWN.gauss(0, 0.2)) for number in range(FEATURES)}
    return [
        *(Figure(**about, name=name, value=of, low=of - 0.02, high=of + 0.02) for name, of in whole.items()),
        *(Figure(**about, name="psi", subject=feature, value=of, floor=0.05) for feature, of in drift.items()),
    ]


def _slices(spec: UseCase, release: str, period: Period) -> list[SliceFigure]:
    about = {"usecase": spec.name, "release": release, "period": period, "n": 70, "slice_key": "carrier"}
    names = ("rows", spec.metrics.primary, "drifted_features")
    values = [f"C{number}" for number in range(SLICES)]
    return [SliceFigure(**about, slice_value=value, name=name, value=0.7) for value in values for name in names]


def _checks(period: Period, at: datetime) -> list[CheckRecord]:
    return [
        CheckRecord(
            period=period, gate=gate, run=f"run {period}", evaluation=f"{gate} {period}", position=number,  # type: ignore[arg-type]
            check=f"check {number}", table="events", expectation="expect_column_values_to_not_be_null", column="dest",
            severity="warn" if number else "block", rows=900, passed=number < CHECKS - 1, unexpected=3, evaluated_at=at,
        )
        for gate in ("raw", "features") for number in range(CHECKS)
    ]  # fmt: skip


def _decision(spec: UseCase, period: Period, at: datetime) -> RecordedDecision:
    plan = RetrainPlan(
        usecase=spec.name, name=f"{period}-a-b", decision="keep", cause="covariate shift in dewp", evidence=["psi"] * 5,
        action="none", train_from=None, train_to=None, test_from=None, test_to=None, alerts=[], decided_at=at,
    )  # fmt: skip
    return RecordedDecision(period=period, decision="keep", decided_at=at, record=plan)


def _events(spec: UseCase, release: str, period: Period, at: datetime, number: int) -> list[RolloutEvent]:
    steps = (("shifted", 0.1), ("judged", 0.1), ("shifted", 0.5), ("promoted", 1.0))
    return [
        RolloutEvent(
            usecase=spec.name, at=at + timedelta(minutes=5 * place), rollout=f"run {period}", generation=number + place,
            event=event, release=release, share=share, by="ada", reason="canary",
            champion="r0001",  # type: ignore[arg-type]
        )
        for place, (event, share) in enumerate(steps)
    ]  # fmt: skip


def _held(period: Period, at: datetime) -> QuarantinedRow:
    return QuarantinedRow(
        period=period, gate="raw", table="events", row=f"{period} 1", reasons="dest is missing", content="{}",
        status="held", recorded_at=at,
    )  # fmt: skip
