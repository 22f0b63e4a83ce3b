"""Periods from the source to the feature store."""

import logging
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from include.contracts.period import Period, in_run_name, periods_text, range_text, ranges
from include.contracts.quality import GateResult
from include.contracts.tables import SnapshotRef
from include.data import delivery, ingestion, late_data, processing, quality, range_collection, versioning
from include.data.gate_history import Gate, GateHistory
from include.data.manifests import CatchUp
from include.errors import ConflictError, DamagedFileError, MissingPeriodError, PeriodError
from include.records.registry import COLLECTIONS, GATE_RESULTS
from include.services.composition import Services
from include.specification.usecase import UseCase

log = logging.getLogger(__name__)


def catch_up(spec: UseCase, services: Services, periods: Sequence[Period], run: str, *, scheduled: bool) -> list[str]:
    """Publish what comes before the newest period of a run, oldest first; the ranges that this run published so.

    Of a range that somebody asked for these are its other periods; of a ``scheduled`` run all that are over and not
    published yet. A run that was killed, or that a gate or a source stopped, continues at the period where it stood.
    In a scheduled run a period that its source has nothing for is left out, and asked for again by the next one.

    Raises PeriodError for a period that is not over yet, or that the use case does not have; and what ``collect``,
    ``gate``, ``build_features`` and ``publish`` raise, of the period that it is about.
    """
    _require_over(spec, periods)
    snapshots = services.records.snapshots(spec)
    versioning.require_calendar(spec, snapshots)
    known = snapshots.catch_up(run)
    done = CatchUp(run=run) if known.told else known  # a run that ended and was cleared is run anew
    wanted = _unpublished(spec, services, periods[-1]) if scheduled else periods[:-1]
    left = sorted({*wanted} - {*done.periods})
    for _, of_month in groupby(left, attrgetter("month")):
        for period in _published(spec, services, list(of_month), run, scheduled):
            done = done.plus(period)
            snapshots.keep_catch_up(done)
        _merge_records(spec, services)
    return [*done.ranges]


def _merge_records(spec: UseCase, services: Services) -> None:
    """Each period adds files of records that the gates of the next ones look into: of a month they become one."""
    lake = services.adapters.lake
    for table in (GATE_RESULTS.name, COLLECTIONS.name):
        try:
            if lake.exists(spec.name, table):  # not when the sources had nothing
                lake.compact(spec.name, table)
        except (ConflictError, DamagedFileError) as error:
            log.warning("%s: the files of %s are not merged now: %s", spec.name, table, error)


def _require_over(spec: UseCase, periods: Sequence[Period]) -> None:
    """What is published before its end lacks rows, and no later run would ask for them."""
    newest, every = spec.periods.newest(datetime.now(UTC)), spec.calendar.every
    if beyond := [period for period in periods if not spec.periods.first <= period <= newest]:
        has = f"the first is {spec.periods.first}, the newest that is over {newest}"
        raise PeriodError(
            f"{spec.name}: {periods_text(beyond)} cannot be published: {has}. Ask for {every}s between these, wait "
            f"until the {every} is over, or change periods.first and periods.last"
        )


def _unpublished(spec: UseCase, services: Services, newest: Period) -> list[Period]:
    services.records.snapshots(spec).reindex()
    published = set(services.records.published(spec))
    return [period for period in Period.between(spec.periods.first, newest)[:-1] if period not in published]


def _published(spec: UseCase, services: Services, periods: list[Period], run: str, leave_out: bool) -> Iterator[Period]:
    """Each period, once it is published; the sources are read once for all."""
    runs, history = {period: f"{run}__{period}" for period in periods}, GateHistory(spec, services.adapters.lake)
    for period, missing in _collected(spec, services, runs):
        if missing and not leave_out:
            raise missing
        if missing:
            log.warning("%s %s is left out, the next scheduled run asks again: %s", spec.name, period, missing)
            continue
        staging, own = services.places.staging(spec, runs[period]), runs[period]
        late_data.record(spec, period, staging, services.adapters.lake)
        gate(spec, services, period, own, "raw", history)
        build_features(spec, services, period, own)
        gate(spec, services, period, own, "features", history)
        publish(spec, services, period, own)
        shutil.rmtree(staging, ignore_errors=True)
        yield period


def _collected(
    spec: UseCase, services: Services, runs: dict[Period, str]
) -> Iterator[tuple[Period, MissingPeriodError | None]]:
    landing, stagings = services.places.landing(spec), {p: services.places.staging(spec, runs[p]) for p in runs}
    periods, treat = list(runs), services.privacy.treatment(spec)
    if services.settings.environment == "dev":
        missing = {period: error for period in periods if (error := _not_handed_over(spec, period, landing))}
        yield from missing.items()
        periods = [period for period in periods if period not in missing]
    yield from range_collection.collect(spec, periods, landing, stagings, services.adapters.connector, treat)


def _not_handed_over(spec: UseCase, period: Period, landing: Path) -> MissingPeriodError | None:
    try:
        delivery.require_handed_over(spec, period, landing)
    except MissingPeriodError as error:
        return error
    return None


def collect(spec: UseCase, services: Services, period: Period, run: str) -> dict[str, int]:
    """Stage the raw tables of the period; rows per table."""
    versioning.require_calendar(spec, services.records.snapshots(spec))
    if services.settings.environment == "dev":
        delivery.require_handed_over(spec, period, services.places.landing(spec))
    staging, treat = services.places.staging(spec, run), services.privacy.treatment(spec)
    rows = ingestion.collect(spec, period, services.places.landing(spec), staging, services.adapters.connector, treat)
    late_data.record(spec, period, staging, services.adapters.lake)
    return rows


def look_back(spec: UseCase, services: Services, period: Period, run: str) -> list[dict[str, Any]]:
    """What to start for rows that came late for earlier periods: run id and form of each run, in order.

    It holds the periods that they touch, and those whose features look back into these, or into a period that this run
    published after them. The runs do not look back themselves: so late data cannot make them start each other for ever.
    """
    if services.settings.environment == "dev":
        return []  # what came late to prod comes here by the next hand-over
    staging = services.places.staging(spec, f"{run}-late")
    treat, landing = services.privacy.treatment(spec), services.places.landing(spec)
    own = services.records.snapshots(spec).catch_up(run).periods
    first, lake = min([*own, period]), services.adapters.lake
    late = late_data.changed(spec, first, landing, staging, lake, services.adapters.connector, treat)
    shutil.rmtree(staging, ignore_errors=True)
    published = services.records.published(spec)
    again = set(late_data.to_run_again(spec, period, late, published))
    again |= set(late_data.to_run_again(spec, period, own, published)) - {*own, period}
    texts = [str(range_text(stretch)) for stretch in ranges(again)]
    log.info("%s %s: rows came late for %s; running again: %s", spec.name, period, late, texts)
    form = {"look_back": False}
    return [
        {"trigger_run_id": f"late__{run}__{in_run_name(text)}", "fields": {"period": text} | form} for text in texts
    ]


def gate(
    spec: UseCase, services: Services, period: Period, run: str, name: Gate, history: GateHistory | None = None
) -> GateResult:
    """Run one quality gate on what is staged; raises GateRefusedError after putting it in quarantine."""
    staging, quarantine = services.places.staging(spec, run), services.places.quarantine(spec)
    lake, validator = services.adapters.lake, services.adapters.validator
    return quality.gate(spec, name, period, staging, quarantine, validator, lake, history)


def build_features(spec: UseCase, services: Services, period: Period, run: str) -> dict[str, int]:
    staging, snapshots = services.places.staging(spec, run), services.records.snapshots(spec)
    return processing.build(spec, period, staging, services.adapters.lake, snapshots, services.settings.memory_limit)


def publish(spec: UseCase, services: Services, period: Period, run: str) -> SnapshotRef:
    """Commit the staged tables and, last, the snapshot's manifest."""
    return versioning.publish(
        spec, period, services.places.staging(spec, run), services.adapters.lake, services.records.snapshots(spec)
    )


def materialize(spec: UseCase, services: Services, period: Period, run: str, due_at: datetime | None = None) -> None:
    """Load the periods of the run into the online store and drop what was staged.

    Says in the log when a run that was ``due_at`` took longer than the freshness of its features counts on.
    """
    first = min([*services.records.snapshots(spec).catch_up(run).periods, period])
    versioning.materialize(spec, first, services.adapters.feature_store, last=period)
    shutil.rmtree(services.places.staging(spec, run), ignore_errors=True)
    if due_at and (took := (datetime.now(UTC) - due_at) / timedelta(hours=1)) > spec.periods.pipeline_hours:
        log.warning(
            "%s %s: its values are online %.2f hours after the run was due; periods.pipeline_hours says %g, and "
            "freshness_hours of the feature views counts on that. Where it is usual, declare it: freshness_hours that "
            "cannot be kept are then named", spec.name, period, took, spec.periods.pipeline_hours,
        )  # fmt: skip


def announce_all(spec: UseCase, services: Services, period: Period, run: str) -> list[Period]:
    """The periods of which the other DAGs are to hear from this run, oldest first.

    Beside its own these are what earlier runs published that failed before they could tell.
    """
    snapshots = services.records.snapshots(spec)
    caught_up = [*snapshots.untold(run), snapshots.catch_up(run)]
    mine = {period, *(one for done in caught_up for one in done.periods if snapshots.current(one))}
    told = [one for one in sorted(mine) if announce(spec, services, one, run)]
    for done in caught_up:
        if done.ranges:
            snapshots.keep_catch_up(done.model_copy(update={"told": True, "told_by": run}))
    return told


def announce(spec: UseCase, services: Services, period: Period, run: str) -> bool:
    """Whether the other DAGs are to hear of the period from this run; False when they know its current snapshot."""
    snapshots = services.records.snapshots(spec)
    snapshot = versioning.snapshot(period, snapshots)
    if told := snapshots.announce(snapshot, run):
        return told
    print(f"{spec.name} {period}: nothing changed, {snapshot.name} was announced before; no other DAG starts")
    return False
