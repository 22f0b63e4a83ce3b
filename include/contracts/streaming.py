"""Events on a stream, windows of events, what cannot be read, and the reconciliation with the batch."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import Field

from include.contracts.period import Period
from include.contracts.record import Moment, Record

KEPT_BYTES = 4096
"""Of a record that cannot be read."""

Seconds = Annotated[float, Field(ge=-62_135_596_800, lt=253_402_300_800)]
"""Since 1970-01-01 UTC, within the years 1 to 9999."""
Place = Annotated[str, Field(pattern=r"^\d{1,20}-\d{1,20}$")]
"""Of an entry on its stream: ``<ms>-<n>``, rising."""


class StreamEntry(Record):
    """One event on a stream: its place there (``<ms>-<n>``, rising), its JSON, how often it was handed out."""

    id: str
    text: str
    deliveries: int = 1


class KeptEvent(Record):
    """An event that a window keeps: where it was on the stream, its time (epoch seconds) and its fields."""

    entry: Place
    time: Seconds
    event: dict[str, Any]


class StreamWindow(Record):
    """The events of one key that its features look at, by event id.

    Times are epoch seconds: ``since`` the first ever seen, ``newest`` the last, ``settled`` the last among the events
    that were published before the oldest unfinished one: what is late is told by the order of publication alone.
    """

    since: Seconds
    newest: Seconds
    settled: Seconds | None = None
    events: dict[str, KeptEvent]


class StreamChange(Record):
    """What a batch of events changes: windows by key, and pushed feature rows as JSON, by period and row id.

    A row is of the period in which the batch has its event.

    ``late`` counts events that came too late for the speed layer. ``broken`` are the keys whose stored window
    computes no features any more, and why: it is put aside, and the key starts again.

    ``homes``: event id → key of the window that has it now; ``left`` are ids that no window has any more. ``gone``: row
    ids by period of pushed rows whose event was corrected to another time or key.
    """

    windows: dict[str, StreamWindow] = {}
    rows: dict[Period, dict[str, str]] = {}
    late: int = 0
    broken: dict[str, str] = {}
    homes: dict[str, str] = {}
    left: list[str] = []
    gone: dict[Period, list[str]] = {}

    @property
    def pushed(self) -> int:
        return sum(map(len, self.rows.values()))


def place(entry: str) -> tuple[int, int]:
    """Where on its stream an entry is, to compare: its milliseconds since 1970, and its number in them."""
    milliseconds, _, number = entry.partition("-")
    return int(milliseconds), int(number)


class DeadLetter(Record):
    """An event that was put aside: why, its JSON, and its place on the dead-letter stream."""

    id: str
    reason: str
    text: str


class Reconciliation(Record):
    """What the speed layer pushed of one feature view in one period, against the batch layer's rows.

    ``differing`` counts rows in which any feature differs; per feature, ``features`` has the rows that differ and
    ``largest`` the largest difference (of those where both layers have a number).
    """

    view: str
    period: Period
    equal: int
    differing: int
    only_speed: int
    only_batch: int
    features: dict[str, int] = {}
    largest: dict[str, float] = {}


class RecordedReconciliation(Record):
    """Differences between streamed and batch features."""

    period: Period
    view: str = Field(description="feature view")
    at: Moment | None = Field(default=None, description="when it was compared, UTC")
    record: Reconciliation = Field(description="counts and differences per feature, JSON")


class UnreadableCount(Record):
    """How many records of a use case a reader could not read since there is a state root."""

    usecase: str
    reader: str
    count: int


class UnreadableRecord(Record):
    """A record that a reader could not read: where it was, when it was met, why, and how it begins (as text)."""

    source: str
    at: Moment
    reason: str
    text: str

    @classmethod
    def of(cls, source: str, reason: str, content: bytes) -> Self:
        """Met now; bytes that are no UTF-8 are written as ``\\xff``."""
        text = content[:KEPT_BYTES].decode(errors="backslashreplace")
        return cls(source=source, at=datetime.now(UTC), reason=reason, text=text)
