"""Joins predictions with labels and writes figures per month and release."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa

from include.contracts.deployment import LostAnswers, ReleaseRef, RolloutEvent
from include.contracts.operations import Figure
from include.contracts.period import Period, filed
from include.data import versioning
from include.deployment import release, scoring
from include.families.class_names import maps
from include.families.serving import logged_in_order
from include.formats.exact_frames import exact_frame
from include.operations import monitoring, served
from include.operations.scope import Scope
from include.records.registry import FIGURES, LOST_ANSWERS, PREDICTIONS
from include.services.composition import Services
from include.specification.usecase import UseCase

HOUR = timedelta(hours=1)


def ship_predictions(spec: UseCase, services: Services) -> int:
    """Move what the model server logged into the lake's ``predictions``; rows shipped.

    A record that cannot be read is kept aside and counted; the others are shipped. What the log says that it lacks
    becomes a record of ``lost_answers``. Answers that are older than the retention are not shipped, and deleted where
    they were.
    """
    log, shipped, since = services.adapters.prediction_log(spec), 0, services.answers.kept_since(spec)
    for batch in log.unshipped():
        rows = _kept(spec, batch.rows, since)
        rows = rows.assign(period=filed(rows[spec.event.time]))
        if batch.again:  # committed, but killed before it was acknowledged
            rows = _not_in_lake(spec, services, rows)
        if len(rows):
            table = pa.Table.from_pandas(rows, preserve_index=False)
            PREDICTIONS.append(spec.name, services.adapters.lake, table)
        _keep_lost(spec, services, batch.lost)
        log.acknowledge(batch)
        for record in batch.unreadable:
            print(f"{spec.name}: not shipped, kept in unreadable/{spec.name}: {record.source}: {record.reason}")
        shipped += len(rows)
    services.answers.forget(spec)
    return shipped


def _kept(spec: UseCase, rows: pd.DataFrame, since: datetime | None) -> pd.DataFrame:
    """Without the rows whose retention is over."""
    if since is None:
        return rows
    kept = rows[rows[spec.event.time] >= since]
    if late := len(rows) - len(kept):
        print(f"{spec.name}: {late} answers about events before {since} are not shipped: they are not kept any more")
    return kept


def _keep_lost(spec: UseCase, services: Services, lost: Sequence[LostAnswers]) -> None:
    """Once, though a batch may come again."""
    lake = services.adapters.lake
    there = LOST_ANSWERS.read(spec.name, lake, source=sorted({gap.source for gap in lost})) if lost else []
    known = {gap.source for gap in there}
    new = [gap for gap in lost if gap.source not in known]
    LOST_ANSWERS.append(spec.name, lake, new)
    for gap in new:
        print(f"{spec.name}: {gap.rows} answers of {gap.release} for {gap.period} could not be logged: {gap.reason}")


def _not_in_lake(spec: UseCase, services: Services, rows: pd.DataFrame) -> pd.DataFrame:
    periods, lake = sorted(set(rows["period"])), services.adapters.lake
    there = PREDICTIONS.rows(spec.name, lake, periods=periods, columns=["request_id"])
    return rows[~rows["request_id"].isin(there["request_id"].to_pylist())]


def monitor(spec: UseCase, services: Services, period: Period) -> dict[str, float]:
    """Measure every release that answered in the month; the headline figures, by ``<release>.<name>``.

    A month that is measured again replaces its figures. Answers that could not be logged are a figure too.
    """
    snapshot = versioning.snapshot(period, services.records.snapshots(spec))
    events = exact_frame(versioning.read(snapshot, "events", services.adapters.lake))
    predictions, lost = services.predictions.of(spec, events, period), _lost(spec, services, events, period)
    if predictions.empty and not lost:
        return {}
    history, rollouts = services.records.figures(spec, name="breached"), services.records.rollout_events(spec)
    asked = events[events[spec.event.id].isin(predictions[spec.event.id])]
    offline = _offline(spec, services, asked) if spec.views and len(asked) else None
    measured = partial(_measure, spec, services, predictions, events, offline, period, history, rollouts)
    names = sorted({*predictions["release"]}) if len(predictions) else []
    figures = [figure for name in names for figure in measured(name)]
    figures += [Scope(spec, name, period).figure("unlogged", rows) for name, rows in sorted(lost.items())]
    FIGURES.replace(spec.name, services.adapters.lake, period, figures)
    return {f"{f.release}.{f.name}": f.value for f in figures if not f.subject}


def _lost(spec: UseCase, services: Services, events: pd.DataFrame, period: Period) -> dict[str, int]:
    """Release → its answers that are not in the log, of the hours from the month's first event to its last."""
    window = spec.calendar.window(period)
    first, last = window.start, window.end - HOUR
    if len(events) and spec.event.time in events:
        times = pd.to_datetime(events[spec.event.time], utc=True)
        first, last = times.min().floor("h"), times.max()
    lost: Counter[str] = Counter()
    months = Period.between(Period.recorded(first), Period.recorded(last))
    for gap in LOST_ANSWERS.read(spec.name, services.adapters.lake, periods=months):
        # a gap that names no hours counts in the first period of its month
        unnamed = {first.timestamp(): gap.rows} if period.shift(-1).month < period.month == gap.period else {}
        hours = gap.hours or unnamed
        lost[gap.release] += sum(rows for hour, rows in hours.items() if first.timestamp() <= hour <= last.timestamp())
    return {release: rows for release, rows in lost.items() if rows}


def _offline(spec: UseCase, services: Services, events: pd.DataFrame) -> pd.DataFrame:
    """What the offline store knows for the events, asked by id, time and entity keys alone."""
    keys = list(dict.fromkeys([spec.event.id, spec.event.time, *(e.key for e in spec.entities.values())]))
    return services.adapters.feature_store.historical(spec.feature_service, events[keys].reset_index(drop=True))


def _replaced(
    spec: UseCase, services: Services, rollouts: list[RolloutEvent], name: str, rows: pd.DataFrame
) -> list[ReleaseRef]:
    """The release that ``name`` replaced, whatever the order of their names; [] when it cannot answer the rows."""
    before = served.replaced(rollouts, name)
    return [r for r in services.adapters.releases.all(spec.name) if r.name == before and _can_answer(spec, r, rows)]


def _can_answer(spec: UseCase, earlier: ReleaseRef, rows: pd.DataFrame) -> bool:
    """Whether the rows have every feature of the release, and the spec its classes; both may have changed since."""
    directory = Path(earlier.path)
    entries, names = release.manifest(directory)["encoding"]["features"], release.class_names(directory)
    return maps(names, spec.event.classes) and all(entry["name"] in rows for entry in entries)


def _measure(
    spec: UseCase,
    services: Services,
    predictions: pd.DataFrame,
    events: pd.DataFrame,
    offline: pd.DataFrame | None,
    period: Period,
    history: list[Figure],
    rollouts: list[RolloutEvent],
    name: str,
) -> list[Figure]:
    directory = Path(services.adapters.releases.get(spec.name, name).path)
    names = release.class_names(directory)
    answered = predictions[predictions["release"] == name].reset_index(drop=True)
    predictions = logged_in_order(spec, answered, name, names)
    rescored = {
        r.name: scoring.scores(Path(r.path), predictions, spec.event.classes)
        for r in _replaced(spec, services, rollouts, name, predictions)
    }
    return monitoring.measure(
        spec, name, release.document(directory, "baseline.json"), predictions=predictions, events=events,
        period=period, rescored=rescored, history=history, offline=offline,
    )  # fmt: skip
