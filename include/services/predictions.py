"""Logged predictions, and the labels that are known of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from include.contracts.period import Period
from include.contracts.tables import RowFilter
from include.families.registry import event_codes
from include.families.serving import logged_column
from include.formats.exact_frames import exact_frame
from include.formats.ties import latest_per_key
from include.operations.windows import maturity
from include.records.registry import PREDICTIONS
from include.services.adapters import Adapters
from include.services.records import Records
from include.services.truth import Truth
from include.specification.usecase import UseCase

if TYPE_CHECKING:  # the pages load no numerics
    from include.services.answers_in_files import AnswersInFiles

A_MONTH = timedelta(days=31)


class Predictions:
    """Reads the lake's ``predictions``."""

    def __init__(self, adapters: Adapters, records: Records) -> None:
        self._adapters, self._records = adapters, records

    def belonging(self, spec: UseCase, periods: Sequence[Period], truth: Truth) -> pd.DataFrame:
        """Every logged prediction that belongs to one of these periods, which follow one another (see ``Truth``)."""
        logged = self.about(spec, *_span(spec, periods, truth))
        return logged[_at_home(logged, periods, truth)].reset_index(drop=True)

    def in_files(self, spec: UseCase, periods: Sequence[Period], truth: Truth) -> "AnswersInFiles | None":
        """The same without their features, which stay in the files; None where there are few enough to hold."""
        from include.services.answers_in_files import MANY, AnswersInFiles

        lake, time, (begin, end) = self._adapters.lake, spec.event.time, _span(spec, periods, truth)
        if not lake.exists(spec.name, PREDICTIONS.name):
            return None
        months = Period.between(Period.recorded(begin), Period.recorded(end))
        wanted = RowFilter(periods=months, at_least={time: begin}, below={time: end})
        times = lake.batches(spec.name, PREDICTIONS.name, wanted.model_copy(update={"columns": [time]}))
        if sum(batch.num_rows for batch in times) <= MANY:
            return None
        answers = AnswersInFiles(spec, lake, wanted)
        at_home = _at_home(answers.rows, periods, truth)
        return answers.keep(at_home) if at_home.sum() > MANY else None

    def about(
        self, spec: UseCase, begin: datetime, end: datetime, columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Every logged prediction about an event from ``begin`` to before ``end``, as clients told its time."""
        lake, time = self._adapters.lake, spec.event.time
        if not lake.exists(spec.name, PREDICTIONS.name):
            return pd.DataFrame(columns=[spec.event.id, time])
        months, within = Period.between(Period.recorded(begin), Period.recorded(end)), {time: (begin, end)}
        return exact_frame(PREDICTIONS.rows(spec.name, lake, periods=months, within=within, columns=columns))

    def of(self, spec: UseCase, events: pd.DataFrame) -> pd.DataFrame:
        """Every logged prediction of these events, whose rows tell their times; a client may tell another month's."""
        if events.empty:
            return pd.DataFrame(columns=[spec.event.id])
        times, zone = events[spec.event.time], spec.calendar.timezone
        begin = spec.event.lead.before(times.min(), zone) - A_MONTH
        logged = self.about(spec, begin, spec.event.lead.after(times.max(), zone) + A_MONTH)
        return logged[logged[spec.event.id].isin(events[spec.event.id])].reset_index(drop=True)

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
        """The rows whose label is published, in whatever period, and was known by now, with its code.

        Raises DataError when such a label is none of the task.
        """
        as_of, (name, label) = datetime.now(UTC), (spec.event.id, str(spec.event.label))
        events = self.truth(spec).of(rows, as_of)
        events = events[maturity.known(spec, events, as_of)] if len(events) else events
        if events.empty:
            return rows.iloc[:0].assign(**{label: pd.Series(dtype=object)})
        known = events[[name]].assign(**{label: event_codes(spec, events)})
        return rows.merge(known, on=name, how="inner")

    def truth(self, spec: UseCase, only: Sequence[str] | None = None) -> Truth:
        """What is published of the events now, or ``only`` of those with these ids."""
        return Truth(spec, self._adapters.lake, self._records.snapshot_refs(spec), only)


def _span(spec: UseCase, periods: Sequence[Period], truth: Truth) -> tuple[datetime, datetime]:
    """From when to before when the events are about which answers may belong to the periods."""
    before = [period for period in truth.published if period < periods[0]][-1:]
    begin = spec.calendar.end(before[0]) if before else datetime.fromtimestamp(spec.times["first"], UTC)
    return begin, truth.known_until(periods[-1])


def _at_home(logged: pd.DataFrame, periods: Sequence[Period], truth: Truth) -> np.ndarray:
    """Which answers (n,) belong to one of the periods."""
    return np.asarray(truth.homes(logged, upto=periods[-1]).isin(periods).to_numpy())


def looked_up(logged: pd.DataFrame) -> pd.DataFrame:
    """The rows that were answered with what the online store has; a row that does not tell was."""
    return logged[~(logged["unavailable"].fillna(0) > 0)] if "unavailable" in logged else logged


def newest(spec: UseCase, logged: pd.DataFrame) -> pd.DataFrame:
    """The newest prediction of each event, in the order of their times."""
    order = ["logged_at", "request_id"]
    return latest_per_key(logged, [spec.event.id], order).sort_values([*order, spec.event.id], ignore_index=True)
