"""Answers of releases whose retention is over go: from the lake, from the spool, and what could not be read of it."""

from datetime import UTC, datetime

from include.contracts.calendar import Calendar
from include.contracts.period import Period
from include.formats.content import quoted
from include.records.registry import BATCH_PREDICTIONS, PREDICTIONS
from include.records.table import RecordTable
from include.services.adapters import Adapters
from include.services.records import Records
from include.specification.usecase import UseCase

UTC_MONTHS = Calendar(every="month")
"""By which logged answers are filed."""


class Answers:
    """Keeps ``retention.predictions``, counted back from the end of the newest published period."""

    def __init__(self, adapters: Adapters, records: Records) -> None:
        self._adapters, self._records = adapters, records

    def oldest_kept(self, spec: UseCase, *scored: Period) -> Period | None:
        """The first period whose answers are kept, ``scored`` ones count too; None when nothing is published."""
        newest = max([*scored, *self._records.published(spec)], default=None)
        return None if newest is None else spec.calendar.first_of_last(spec.retention.predictions, Period(newest))

    def kept_since(self, spec: UseCase) -> datetime | None:
        """Answers about events before are not kept, UTC; the period begins by the calendar."""
        oldest = self.oldest_kept(spec)
        return None if oldest is None else spec.calendar.start(oldest)

    def forget(self, spec: UseCase) -> dict[str, int]:
        """Delete every answer that is older, files and all; how many by place.

        May be repeated: a run that was killed is finished. Raises LockHeldError while the prediction log is shipped.
        """
        oldest, since = self.oldest_kept(spec), self.kept_since(spec)
        if oldest is None or since is None:
            return {}
        gone = {
            BATCH_PREDICTIONS.name: self.forget_scored(spec, oldest),
            PREDICTIONS.name: self._forget_logged(spec, since),
            "spool": self._adapters.prediction_log(spec).forget(since, _met_before(spec)),
        }
        for place, count in gone.items():
            if count:
                print(f"{spec.name}: {count} answers in {place} about events before {oldest} were deleted")
        return gone

    def forget_streamed(self, spec: UseCase) -> dict[str, int]:
        """Delete the answers on the stream of results that are older by the clock; how many.

        Raises ServiceError when Redis is away.
        """
        if spec.scoring is None:
            return {}
        stream = self._adapters.scoring_stream(spec)
        try:
            return {"results": stream.forget_results(_met_before(spec))}
        finally:
            stream.close()

    def forget_scored(self, spec: UseCase, oldest: Period) -> int:
        """Delete the batch answers of the periods before; how many."""
        return self._delete(spec, BATCH_PREDICTIONS, f"period < '{oldest}'")

    def _forget_logged(self, spec: UseCase, since: datetime) -> int:
        """They are filed by the month of UTC, in which the first kept period may begin."""
        month, time, lake = Period.recorded(since), spec.event.time, self._adapters.lake
        gone = self._delete(spec, PREDICTIONS, f"period < '{month}'")
        if since == UTC_MONTHS.start(month) or month not in PREDICTIONS.periods(spec.name, lake):
            return gone
        moments = PREDICTIONS.rows(spec.name, lake, periods=[month], columns=[time])[time].drop_null().to_pylist()
        if min(moments, default=since) < since:
            older = f"period = '{month}' AND {quoted(time)} < TIMESTAMPTZ '{since.isoformat()}'"
            gone += self._delete(spec, PREDICTIONS, older)
        return gone

    def _delete(self, spec: UseCase, table: RecordTable, predicate: str) -> int:
        lake = self._adapters.lake
        if not lake.exists(spec.name, table.name):
            return 0
        gone = lake.delete(spec.name, table.name, predicate)
        lake.vacuum(spec.name, table.name)  # also of a run that was killed before
        return gone


def _met_before(spec: UseCase) -> datetime:
    """What has no event time goes by the clock: it is not kept when it was met before."""
    begun = spec.calendar.start(spec.calendar.of(datetime.now(UTC)))
    return spec.retention.predictions.before(begun, spec.calendar.timezone)
