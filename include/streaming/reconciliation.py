"""Compares the rows that were pushed from a stream with the rows of the batch."""

import logging
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.calendar import Calendar, Span
from include.contracts.period import Period
from include.contracts.streaming import Reconciliation, RecordedReconciliation
from include.formats.ties import latest_per_key
from include.ports.lake import Lake
from include.ports.streaming import EventStream
from include.records.registry import RECONCILIATION
from include.specification.usecase import UseCase
from include.streaming import pushed_rows
from include.streaming.pushed_rows import TIME

log = logging.getLogger(__name__)

TOLERANCE = 1e-9
KEPT = Span("2 months")
"""Pushed rows are kept for so long before the reconciled period, so that it can be repeated."""


def reconcile(spec: UseCase, view: str, period: Period, batch: pd.DataFrame, stream: EventStream) -> Reconciliation:
    """Compare what was pushed for a published period with its rows in the ``batch``.

    A pushed row that cannot be read goes to the dead letters, and counts as not pushed.
    """
    key = spec.entities[spec.feature_views[view].entity].key
    speed, unreadable = pushed_rows.read(stream.pushed(period), batch, key)
    if unreadable:
        count = stream.put_aside(period, unreadable)
        log.warning(
            "%s %s: %d pushed rows put aside: %s", view, period, count, "; ".join(sorted({*unreadable.values()}))
        )
    result = compare(view, period, speed, batch, key)
    log.info("%s", summary(result))
    return result


def oldest_kept(newest: Period, calendar: Calendar) -> Period:
    """The first period whose pushed rows are kept when the period ``newest`` is reconciled."""
    return calendar.of(KEPT.before(calendar.start(newest), calendar.timezone))


def expired(period: Period, newest: Period | None, calendar: Calendar) -> bool:
    """Whether rows that were pushed for ``period`` were forgotten when ``newest`` was reconciled."""
    return newest is not None and period < oldest_kept(newest, calendar)


def lost(result: Reconciliation, earlier: Reconciliation) -> bool:
    """Whether the stream has no row of the period left, and had some at the ``earlier`` comparison."""
    return pushed(earlier) > 0 and pushed(result) == 0


def pushed(result: Reconciliation) -> int:
    """Rows that the speed layer had of the period."""
    return result.equal + result.differing + result.only_speed


def record(spec: UseCase, period: Period, reconciliations: list[Reconciliation], lake: Lake) -> None:
    """Add the period's results to the lake's ``reconciliation``; earlier ones stay."""
    at = datetime.now(UTC)
    records = [RecordedReconciliation(period=period, view=one.view, at=at, record=one) for one in reconciliations]
    RECONCILIATION.append(spec.name, lake, records)


def compare(view: str, period: Period, speed: pd.DataFrame, batch: pd.DataFrame, key: str) -> Reconciliation:
    """Row by row and feature by feature; of rows with one key and time the first by ``ties.total_order`` counts."""
    at = [key, TIME]
    left, right = (latest_per_key(rows, at, []).set_index(at).sort_index() for rows in (speed, batch))
    both = left.index.intersection(right.index)
    differs, largest = {}, {}
    for name in right.columns:
        unequal, distance = _difference(left.loc[both, name], right.loc[both, name])
        if unequal.any():
            differs[name], largest[name] = unequal, distance
    rows = np.logical_or.reduce(list(differs.values())) if differs else np.zeros(len(both), bool)
    return Reconciliation(
        view=view,
        period=period,
        equal=int(len(both) - rows.sum()),
        differing=int(rows.sum()),
        only_speed=len(left) - len(both),
        only_batch=len(right) - len(both),
        features={name: int(unequal.sum()) for name, unequal in differs.items()},
        largest={name: distance for name, distance in largest.items() if distance is not None},
    )


def summary(result: Reconciliation) -> str:
    """One line for a log."""
    line = (
        f"{result.view} {result.period}: {result.equal} rows equal, {result.differing} differ, "
        f"{result.only_speed} only pushed, {result.only_batch} only in the batch"
    )
    distances = {name: f", by {distance:.4g} at most" for name, distance in result.largest.items()}
    by = [f"{name} in {rows} rows{distances.get(name, '')}" for name, rows in result.features.items()]
    return "; ".join([line, *by])


def _difference(speed: "pd.Series[float]", batch: "pd.Series[float]") -> tuple[np.ndarray, float | None]:
    """Which rows differ (null equals null), and the largest distance where both have a number."""
    if not pd.api.types.is_numeric_dtype(batch):
        same = (speed == batch) | (speed.isna() & batch.isna())
        return ~same.to_numpy(bool), None
    if pd.api.types.is_integer_dtype(batch):
        return _whole_difference(*(s.astype(object).where(s.notna(), None).tolist() for s in (speed, batch)))
    a, b = (pd.to_numeric(s).to_numpy(float) for s in (speed, batch))
    unequal = ~np.isclose(a, b, rtol=0, atol=TOLERANCE, equal_nan=True)
    distances = np.abs(a - b)[unequal]
    known = distances[~np.isnan(distances)]
    return unequal, float(known.max()) if len(known) else None


def _whole_difference(speed: list[Any], batch: list[Any]) -> tuple[np.ndarray, float | None]:
    """The same for whole numbers, which are compared as such: float64 has no room for large ones."""
    pairs = list(zip(speed, batch, strict=True))
    distances = [abs(a - b) for a, b in pairs if None not in (a, b) and a != b]
    return np.array([a != b for a, b in pairs], dtype=bool), float(max(distances)) if distances else None
