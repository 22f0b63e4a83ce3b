"""Daily history of several use cases, as the loop writes it, that ends yesterday: for the pages."""

import os
import shutil
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import yaml

from include.adapters import metrics_server
from include.adapters.lake import DeltaLake
from include.contracts.controls import Hold
from include.contracts.period import Period
from include.contracts.tables import TableRef
from include.data.manifests import Turn
from include.deployment import rollout
from include.operations.alerts import alerts
from include.platform.state import make_keys
from include.records.registry import PREDICTIONS, RECORD_TABLES
from include.services.composition import Services
from include.settings import Settings
from include.specification import loader
from include.specification.loader import load_usecase
from include.specification.usecase import USECASES, UseCase
from tests.benchmarks import _page_governance as governance
from tests.benchmarks import _page_records as records
from tests.benchmarks._page_records import Day

FRESH = 10
"""Newest days that the maintenance has not merged yet."""


def made(directory: Path, count: int, days: int) -> float:
    """The state root of so many use cases with so many days each, by a process of its own; the CPU seconds of it."""
    specs = use(directory, count, days)
    settings = Settings(home=directory / "state")
    make_keys(settings)
    services = Services(settings)
    services.adapters.lake = DeltaLake(settings.lake)  # the audit log is written apart
    with patch.object(os, "fsync"):  # no power cut: a shared disk takes minutes for thousands of them
        _write(services, specs, days)
    return sum(os.times()[:2])


def use(directory: Path, count: int, days: int) -> list[UseCase]:
    """The use cases of a directory, which the loader reads from then on; they are written there unless they are."""
    content = yaml.safe_load((USECASES / "flight_delay" / loader.FILE).read_text())
    daily = {"every": "day", "first": str(_first(days)), "last": None, "schedule": "0 6 * * *", "timezone": "UTC"}
    names = [f"flights_{number:02d}" for number in range(count)]
    for name in names:
        file = directory / "usecases" / name / loader.FILE
        if not file.exists():
            file.parent.mkdir(parents=True)
            file.write_text(
                yaml.safe_dump({**content, "name": name, "title": f"Flights {name[-2:]}", "periods": daily})
            )
    patch.object(loader, "USECASES", directory / "usecases").start()
    load_usecase.cache_clear()
    return [load_usecase(name) for name in names]


def history(spec: UseCase, days: int) -> list[Day]:
    first = _first(days)
    return [Day(spec, first.shift(number), number) for number in range(days)]


def _first(days: int) -> Period:
    return Period(str(datetime.now(UTC).date() - timedelta(days=days)))


def _write(services: Services, specs: list[UseCase], days: int) -> None:
    """The first one's history is written; the others have a copy of what names no use case."""
    home, of_first = services.settings.home, history(specs[0], days)
    events: dict[Period, TableRef] = {}
    for several in _commits(of_first):
        events |= _records(services, several)
    for day in of_first:
        _publish(services, day, events[day.period])
    for spec in specs[1:]:
        shutil.copytree(home / "snapshots" / specs[0].name, home / "snapshots" / spec.name)
        left_out = shutil.ignore_patterns(PREDICTIONS.name, "events")
        shutil.copytree(home / "lake" / specs[0].name, home / "lake" / spec.name, ignore=left_out)
        services.records.snapshots(spec).reindex()  # of these files
    for spec in specs:
        own = history(spec, days)
        governance.approvals(spec, services, own, learned=governance.LEARNED if spec is specs[0] else 7)
        governance.releases(spec, services, own)
        governance.bundles(spec, services, own)
        _serve(services, spec)
    governance.audit(services, [spec.name for spec in specs], of_first)
    governance.checklist(services, of_first)
    governance.access_review(services, of_first)
    governance.catalogs(specs, services)
    metrics_server.configure(services.settings, alerts.rules_text(specs, "http://localhost:8080"))


def _commits(days: list[Day]) -> list[list[Day]]:
    """Months as the maintenance leaves them, merged; the newest days one by one, as they come."""
    months = groupby(days[:-FRESH], key=lambda day: day.period.month)
    return [*(list(of) for _, of in months), *([day] for day in days[-FRESH:])]


def _records(services: Services, days: list[Day]) -> dict[Period, TableRef]:
    """Everything of these days in one commit of each table; what is published of their events."""
    lake, name = services.adapters.lake, days[0].spec.name
    by_table: defaultdict[Any, list[Any]] = defaultdict(list)
    for day in days:
        for table, rows in records.appended(day):
            by_table[table.name] += rows
    for table, rows in by_table.items():
        lake.append(name, table, RECORD_TABLES[table]._table(rows, "append"))
    replaced: defaultdict[str, dict[Period, Any]] = defaultdict(dict)
    for day in days:
        for table, rows in records.replaced(day):
            replaced[table.name][day.period] = table._table(rows, "replace")
    for table, periods in replaced.items():
        lake.publish_all(name, table, periods)
    PREDICTIONS.append(name, lake, pa.concat_tables(map(records.answers, days)))
    return lake.publish_all(name, "events", {day.period: records.flown(day) for day in days})


def _publish(services: Services, day: Day, events: TableRef) -> None:
    snapshots = services.records.snapshots(day.spec)
    kept = governance.snapshot(day.spec.name, day.period)
    kept = kept.model_copy(update={"tables": {**kept.tables, "events": events}})
    snapshots.make_current(kept, Turn.of(kept.name, day.at, "data pipeline", "published"))
    snapshots.announce(kept, f"run {day.period}")
    if day.evaluates and day.cycle % 10 == 0:
        snapshots.pin(Turn.of(kept.name, day.at, "olga", "an audit reads it"))


def _serve(services: Services, spec: UseCase) -> None:
    """The newest release serves; retrains are paused, and one alert is silent."""
    newest = services.adapters.releases.all(spec.name)[-1]
    rollout.write(services.adapters.state, rollout.first(spec, newest.name))
    now = datetime.now(UTC)
    hold = Hold(by="olga", reason="an audit", since=now - timedelta(hours=1), until=now + timedelta(days=1))
    services.controls.set_pause(spec, hold)
    services.controls.set_silence(spec, records.DRIFTED, hold)
