"""Compares the rows that were pushed from a stream with the rows of the batch."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.period import Period
from include.contracts.streaming import Reconciliation, RecordedReconciliation
from include.ports.lake import Lake
from include.ports.streaming import EventStream
from include.records.registry import RECONCILIATION
from include.specification.usecase import UseCase

log = logging.getLogger(__name__)

TIME = "event_timestamp"
TOLERANCE = 1e-9
KEEP_MONTHS = 2
"""Pushed rows are kept for so many months before the reconciled one, so that it can be repeated."""


def reconcile(
    spec: UseCase, view: str, period: Period, batch: pd.DataFrame, before: pd.DataFrame | None, stream: EventStream
) -> Reconciliation:
    """Compare what was pushed for a published month with its rows in the ``batch``.

    The month's rows are those after the last row of the month ``before`` (None: not published), up to its own last.
    """
    begin, end = _bounds(batch, before)
    months = sorted({Period.of(begin), period, Period.of(end)})
    speed = _speed(stream.pushed(months), batch.columns.to_list())
    speed = speed[(speed[TIME] > begin) & (speed[TIME] <= end)]
    key = spec.entities[spec.feature_views[view].entity].key
    result = compare(view, period, speed, batch, key)
    log.info("%s", summary(result))
    return result


def expired(batch: pd.DataFrame, newest: Period | None) -> bool:
    """Whether rows that were pushed for the month of ``batch`` were forgotten when month ``newest`` was reconciled."""
    return newest is not None and Period.of(batch[TIME].min()) < newest.shift(-KEEP_MONTHS)


def lost(result: Reconciliation, earlier: Reconciliation) -> bool:
    """Whether the stream has no row of the month left, and had some at the ``earlier`` comparison."""
    return pushed(earlier) > 0 and pushed(result) == 0


def pushed(result: Reconciliation) -> int:
    """Rows that the speed layer had of the month."""
    return result.equal + result.differing + result.only_speed


def record(spec: UseCase, period: Period, reconciliations: list[Reconciliation], lake: Lake) -> None:
    """Add the month's results to the lake's ``reconciliation``; earlier ones stay."""
    at = datetime.now(UTC)
    records = [RecordedReconciliation(period=period, view=one.view, at=at, record=one) for one in reconciliations]
    RECONCILIATION.append(spec.name, lake, records)


def compare(view: str, period: Period, speed: pd.DataFrame, batch: pd.DataFrame, key: str) -> Reconciliation:
    """Row by row and feature by feature; of rows with the same key and time the last counts."""
    at = [key, TIME]
    left, right = (rows.drop_duplicates(at, keep="last").set_index(at).sort_index() for rows in (speed, batch))
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
    a, b = (pd.to_numeric(s).to_numpy(float) for s in (speed, batch))
    unequal = ~np.isclose(a, b, rtol=0, atol=TOLERANCE, equal_nan=True)
    distances = np.abs(a - b)[unequal]
    known = distances[~np.isnan(distances)]
    return unequal, float(known.max()) if len(known) else None


def _bounds(batch: pd.DataFrame, before: pd.DataFrame | None) -> tuple[pd.Timestamp, pd.Timestamp]:
    """After the first, up to the second: a local month is not the month in UTC."""
    begin = batch[TIME].min() - pd.Timedelta(seconds=1) if before is None else before[TIME].max()
    return begin, batch[TIME].max()


def _speed(rows: list[str], columns: list[str]) -> pd.DataFrame:
    records = [record for row in rows if (record := _record(row))]
    if unreadable := len(rows) - len(records):
        log.warning("%d of %d pushed rows cannot be read and count as not pushed", unreadable, len(rows))
    frame = pd.DataFrame(records, columns=columns)
    return frame.assign(**{TIME: pd.to_datetime(frame[TIME], utc=True, format="ISO8601")})


def _record(row: str) -> dict[str, Any] | None:
    try:
        record = json.loads(row)
        moment = datetime.fromisoformat(record[TIME])
    except (ValueError, TypeError, KeyError):
        return None
    return record if moment.tzinfo else None
