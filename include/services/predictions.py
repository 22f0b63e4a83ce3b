"""Logged predictions, and the labels that are known of them."""

from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa

from include.contracts.period import Period
from include.contracts.tables import PERIOD
from include.data import versioning
from include.families.registry import label_codes
from include.families.serving import logged_column
from include.formats.exact_frames import exact_frame
from include.formats.ties import latest_per_key
from include.operations import maturity
from include.records.registry import PREDICTIONS
from include.services.adapters import Adapters
from include.services.records import Records
from include.specification.usecase import UseCase


class Predictions:
    """Reads the lake's ``predictions``."""

    def __init__(self, adapters: Adapters, records: Records) -> None:
        self._adapters, self._records = adapters, records

    def of(self, spec: UseCase, events: pd.DataFrame, period: Period) -> pd.DataFrame:
        """Every logged prediction of these events of a period, which are logged by the month of UTC."""
        window = spec.calendar.window(period)
        months = Period.between(Period.recorded(window.start).shift(-1), Period.recorded(window.end).shift(1))
        logged = PREDICTIONS.rows(spec.name, self._adapters.lake, periods=months)
        if events.empty or not logged.num_rows:
            return pd.DataFrame(columns=[spec.event.id])
        asked = exact_frame(logged.select([spec.event.id]))[spec.event.id].isin(events[spec.event.id])
        return exact_frame(logged.filter(pa.array(asked)))

    def since(self, spec: UseCase, seconds: float, releases: list[str]) -> pd.DataFrame:
        """The newest answer to each event that these releases gave since an epoch second, with their scores.

        Without the answers for which the online store could not be asked: they compare no releases.
        """
        columns = ["logged_at", "request_id", "release", logged_column(spec), spec.event.id, spec.event.time]
        begun, lake = datetime.fromtimestamp(seconds, UTC), self._adapters.lake
        there = lake.schema(spec.name, PREDICTIONS.name).names if lake.exists(spec.name, PREDICTIONS.name) else []
        wanted = [*columns, *filter(None, [spec.rollout.sticky_by]), *({"unavailable"} & {*there})]
        columns = list(dict.fromkeys(wanted))
        rows = exact_frame(PREDICTIONS.rows(spec.name, lake, since=begun, release=releases, columns=columns))
        rows = looked_up(rows)
        return newest(spec, rows) if len(rows) else pd.DataFrame(columns=columns)

    def labelled(self, spec: UseCase, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows whose label is published and was known by now, with its code.

        Raises DataError when such a label is none of the task.
        """
        wanted = self._asked(spec, rows)
        parts = [self._truth(spec, period, rows) for period in self._records.published(spec) if period in wanted]
        nothing = pd.DataFrame(columns=[spec.event.id, spec.event.label, PERIOD])
        known = pd.concat(parts, ignore_index=True) if parts else nothing
        last = latest_per_key(known, [spec.event.id], [PERIOD]).drop(columns=PERIOD)
        return rows.merge(last, on=spec.event.id, how="inner")

    def _asked(self, spec: UseCase, rows: pd.DataFrame) -> set[Period]:
        """The periods that the events are of, and their neighbours."""
        if not len(rows):
            return set()
        times, calendar = rows[spec.event.time], spec.calendar
        return {*Period.between(calendar.of(times.min()).shift(-1), calendar.of(times.max()).shift(1))}

    def _truth(self, spec: UseCase, period: Period, rows: pd.DataFrame) -> pd.DataFrame:
        snapshot = versioning.snapshot(period, self._records.snapshots(spec))
        events = exact_frame(versioning.read(snapshot, "events", self._adapters.lake))
        asked = events[spec.event.id].isin(rows[spec.event.id]) & maturity.known(spec, events, datetime.now(UTC))
        known = events.loc[asked, [spec.event.id, spec.event.label]]
        coded = label_codes(spec, known[spec.event.label], f"events of {period}")
        return known.assign(**{str(spec.event.label): coded, PERIOD: str(period)})


def looked_up(logged: pd.DataFrame) -> pd.DataFrame:
    """The rows that were answered with what the online store has; a row that does not tell was."""
    return logged[~(logged["unavailable"].fillna(0) > 0)] if "unavailable" in logged else logged


def newest(spec: UseCase, logged: pd.DataFrame) -> pd.DataFrame:
    """The newest prediction of each event, in the order of their times."""
    order = ["logged_at", "request_id"]
    return latest_per_key(logged, [spec.event.id], order).sort_values([*order, spec.event.id], ignore_index=True)
