"""The labelled rows of an A/B test: answers of both arms from the log, joined with the labels that are known."""

import time
from datetime import UTC, datetime

import pandas as pd

from include.contracts.deployment import ReadOut, RolloutState
from include.contracts.period import Period
from include.data import versioning
from include.deployment import ab_readout
from include.families.registry import family
from include.families.serving import logged_column, logged_scores
from include.records.registry import PREDICTIONS
from include.services.composition import Services
from include.specification.usecase import UseCase


def read_out(spec: UseCase, services: Services, state: RolloutState, challenger: str) -> ReadOut:
    """Where the test stands: labelled rows that were answered since the split began, each arm's latest per event."""
    since = state.since or time.time()
    rows = _labelled(spec, services, _answered(spec, services, since, [state.champion, challenger]))
    scored = rows[["release"]].assign(entity=rows[state.sticky_by or spec.event.id], loss=0.0)
    if len(rows):
        scored["loss"] = ab_readout.losses(spec, logged_scores(spec, rows), family(spec).truth(spec, rows))
    return ab_readout.read_out(spec, state.champion, challenger, scored, (time.time() - since) / 3600)


def _answered(spec: UseCase, services: Services, since: float, releases: list[str]) -> pd.DataFrame:
    sticky = spec.rollout.sticky_by
    told = ["logged_at", "request_id", "release", logged_column(spec), spec.event.id, spec.event.time]
    columns = list(dict.fromkeys([*told, *([sticky] if sticky else [])]))
    lake, begun = services.adapters.lake, datetime.fromtimestamp(since, UTC)
    rows = PREDICTIONS.rows(spec.name, lake, since=begun, release=releases, columns=columns).to_pandas()
    if rows.empty:
        return pd.DataFrame(columns=columns)
    ordered = rows.sort_values(["logged_at", "request_id"], kind="stable")
    return ordered.drop_duplicates(spec.event.id, keep="last").reset_index(drop=True)


def _labelled(spec: UseCase, services: Services, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows whose label is published, with its code."""
    asked = (
        {Period(month) for month in rows[spec.event.time].dt.strftime(Period.FORMAT).unique()} if len(rows) else set()
    )
    # a local month reaches into the next UTC month
    months = {one.shift(back) for one in asked for back in (0, -1)}
    parts = [_truth(spec, services, month, rows) for month in services.records.published(spec) if month in months]
    known = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[spec.event.id, spec.event.label])
    known = known.dropna().drop_duplicates(spec.event.id, keep="last")
    coded = known.assign(**{str(spec.event.label): family(spec).label_codes(spec, known[spec.event.label])})
    return rows.merge(coded, on=spec.event.id, how="inner")


def _truth(spec: UseCase, services: Services, period: Period, rows: pd.DataFrame) -> pd.DataFrame:
    snapshot = versioning.snapshot(period, services.records.snapshots(spec))
    events = versioning.read(snapshot, "events", services.adapters.lake).to_pandas()
    return events.loc[events[spec.event.id].isin(rows[spec.event.id]), [spec.event.id, spec.event.label]]
