"""The rows that a window is compared with besides the release's test set: the window before, the same season last year.

They are what was asked, by the prediction log, whichever release answered: inputs do not depend on it. Of a season
that nobody answered yet, they are the published events with the features that the offline store has.
"""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from include.contracts.period import Every, Period, counted
from include.contracts.tables import PERIOD
from include.development.datasets.building import request_features
from include.families.serving import logged_in_order
from include.formats.ties import latest_per_key
from include.operations.drift.references import sampled
from include.operations.windows import windows
from include.operations.windows.window import Reference
from include.services.composition import Services
from include.services.predictions import looked_up, newest
from include.services.truth import Truth
from include.specification.usecase import UseCase

YEAR: dict[Every, int] = {"hour": 364 * 24, "day": 364, "week": 52, "month": 12}
"""Periods of a rhythm in a year; of 364 days, so that a Monday is compared with a Monday."""

References = tuple[Reference | None, Reference | None]


def references(spec: UseCase, services: Services, truth: Truth, end: Period) -> References:
    """Those of the window that ends with this period; None where nothing is known of one."""
    before = windows.pooled(spec, windows.ends(spec, end, 2)[0])
    season = windows.pooled(spec, end.shift(-YEAR[spec.calendar.every]))
    return (
        _logged(spec, services, truth, before),
        _logged(spec, services, truth, season) or _published(spec, services, truth, season),
    )


def labelled(spec: UseCase, truth: Truth, end: Period) -> pd.DataFrame | None:
    """When the events of the window that ends with this period, and of the one before, were, and when labels came."""
    event, last = spec.event, windows.ends(spec, end, 2)
    events = truth.rows([period for one in last for period in windows.pooled(spec, one)])
    columns = [event.id, event.time, event.label, event.label_time]
    if not {*columns} <= {*events}:
        return None
    return sampled(spec, _newest(spec, events)[columns])


def _newest(spec: UseCase, events: pd.DataFrame) -> pd.DataFrame:
    """One row of each event, of those in the tables of several periods the newest."""
    return latest_per_key(events, [spec.event.id], [PERIOD]).reset_index(drop=True)


def of_release(spec: UseCase, reference: Reference | None, name: str, names: Sequence[str]) -> Reference | None:
    """The reference with the answers of a release whose classes are ``names``."""
    if reference is None or "release" not in reference.rows:
        return reference
    rows = reference.rows[reference.rows["release"] == name].reset_index(drop=True)
    return replace(reference, answered=logged_in_order(spec, rows, name, names))


def _logged(spec: UseCase, services: Services, truth: Truth, periods: list[Period]) -> Reference | None:
    if not {*periods} & {*truth.published}:
        return None
    files = services.predictions.in_files(spec, periods, truth)
    rows = files.sample() if files else services.predictions.belonging(spec, periods, truth)
    rows = sampled(spec, newest(spec, looked_up(rows))) if len(rows) else rows
    return Reference(rows, f"{counted(periods)} by the prediction log") if len(rows) else None


def _published(spec: UseCase, services: Services, truth: Truth, periods: list[Period]) -> Reference | None:
    """Without the features that neither the events nor the offline store have."""
    events = truth.rows(periods)
    if events.empty:
        return None
    events = sampled(spec, _newest(spec, events).drop(columns=PERIOD))
    rows = events
    if spec.views:
        keys = list(dict.fromkeys([spec.event.id, spec.event.time, *(e.key for e in spec.entities.values())]))
        stored = services.adapters.feature_store.historical(spec.feature_service, events[keys])
        new = [name for name in stored if name not in events or name == spec.event.id]
        rows = events.merge(stored[new], on=spec.event.id, how="left")
    if {*spec.fields} <= {*rows}:
        computed: pd.DataFrame = request_features(spec, rows)
        rows = pd.concat([rows.drop(columns=computed.columns, errors="ignore"), computed], axis=1)
    known = [name for name in spec.feature_names if name in rows]
    if not known:
        return None
    source = f"{counted(periods)} by the published events and the offline store"
    return Reference(rows[[spec.event.id, spec.event.time, *known]].copy(), source)
