"""The data of a use case: periods, events, sources, tables, streams, features, privacy, retention."""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from math import prod
from typing import Annotated, Any, Literal

from pydantic import Field

from include.contracts.calendar import Calendar, Span
from include.contracts.names import column_faults
from include.contracts.period import Every, Period
from include.specification.connectors import connector_faults
from include.specification.part import HOURS_MOST, ClassName, Columns, Fault, Length, Name, Part, SomeLength, Zone
from include.specification.schedule import Cron

LATER, CANNOT_TELL = NO_LABEL = "(later)", "(cannot tell)"
"""What people answer who give no label."""
NONE, LONGEST_LEAD = Span("0 hours"), Span("3650 days")
YEARS = range(1000, 3000)
"""Of periods: all lengths of time can be counted from them by any clock."""
ColumnType = Literal["string", "integer", "number", "boolean", "timestamp"]


class Periods(Part):
    """The rhythm of the data: ``every`` hour, day, ISO week or month from ``first`` to ``last`` (left out: no end).

    Days, weeks and months are those of the clock in ``timezone``; hours are those of UTC. ``schedule`` says when the
    pipeline starts (cron, by the same clock), ``pipeline_hours`` how long a run takes until its values are online.
    Without ``every`` the rhythm is that of ``first``.
    """

    every: Every | None = None
    first: Period
    last: Period | None = None
    schedule: Cron
    timezone: Zone | None = None
    pipeline_hours: float = Field(default=0.5, ge=0, le=HOURS_MOST)

    def faults(self) -> Iterator[Fault]:
        if self.every not in (None, self.first.every):
            yield Fault("first", f"{self.first} is a {self.first.every}, but every = {self.every}: {self._written}")
        elif unknown := [f"{key}: {one}" for key, one in self._bounds if one.nominal.year not in YEARS]:
            allowed = f"the years are {YEARS.start} to {YEARS[-1]}; leave last out where no end is known"
            yield Fault("", f"{' and '.join(unknown)}: {allowed}")
        elif self.last is not None and self.last.every != self.first.every:
            yield Fault("last", f"{self.last} is a {self.last.every}, but first = {self.first} is a {self.first.every}")
        elif self.last is not None and self.last < self.first:
            yield Fault("last", f"{self.last} is before first = {self.first}")
        if self.first.every == "hour" and self.timezone not in (None, "UTC"):
            yield Fault("timezone", f"{self.timezone}: hours are those of UTC, so that none comes twice; leave it out")

    @property
    def _bounds(self) -> list[tuple[str, Period]]:
        return [("first", self.first), *([("last", self.last)] if self.last else [])]

    @property
    def _written(self) -> str:
        return f"write it like {Calendar(every=self.every or 'month').example}"

    @property
    def calendar(self) -> Calendar:
        return Calendar(every=self.first.every, timezone=self.timezone or "UTC")

    def has(self, period: Period) -> bool:
        """Whether the source covers it, or may some day."""
        return self.first <= period and (self.last is None or period <= self.last)

    def newest(self, now: datetime) -> Period:
        """The newest period that is over at an aware moment, and not after the last."""
        return self.calendar.complete(now, self.last)

    def so_far(self, now: datetime) -> list[Period]:
        """Every period that is over at an aware moment, oldest first."""
        return Period.between(self.first, self.newest(now))


class Event(Part):
    """Columns of the event table: one row is one prediction to make.

    ``label`` and ``label_time`` are left out for clustering. ``classes`` are the label's values of a multiclass
    task, in the order of their codes. ``label_delay``: how long after its time its label is known. ``lead``: how long
    before its time an event is asked for at most, or before the row that tells its truth.
    """

    id: Name
    time: Name
    label: Name | None = None
    label_time: Name | None = None
    label_delay: Length = NONE
    lead: Length = NONE
    classes: list[ClassName] = []

    def faults(self) -> Iterator[Fault]:
        if (self.label is None) != (self.label_time is None):
            yield Fault("label", "give both label and label_time, or neither")
        if len(set(self.classes)) != len(self.classes):
            yield Fault("classes", f"{self.classes} must differ")
        if taken := [name for name in self.classes if name in NO_LABEL]:
            yield Fault("classes", f"{taken} are answers of the labelling form that are no label; name them otherwise")
        if any(not name.strip() for name in self.classes):
            yield Fault("classes", f"{self.classes} has an empty name, which reads as a missing label")
        if self.lead.hours > LONGEST_LEAD.hours:
            yield Fault("lead", f"{self.lead} is above {LONGEST_LEAD}, the most that there can be")

    @property
    def columns(self) -> dict[str, str]:
        """What a column says of the event → its name."""
        named = {part: getattr(self, part) for part in ("id", "time", "label", "label_time")}
        return {part: name for part, name in named.items() if name is not None}


class Source(Part):
    """One raw table: where it comes from, the contract its columns must keep, and how its rows are cut by time.

    ``connector`` names an entry of the connector registry, ``options`` are its own. Without ``time`` the table
    is read whole (a reference table). Rows that arrive up to ``late`` after their period are still looked for.
    A period without rows is refused, unless it ``may_be_empty``: then it is published without.
    ``history`` is how far its features look back before their period. ``without_zone`` says whether a timestamp
    without an offset is refused, read as UTC, or as local in ``timezone`` (left out: that of the periods).
    """

    connector: str
    options: dict[str, Any] = {}
    columns: dict[str, ColumnType] = Field(min_length=1)
    key: Columns = Field(min_length=1)
    time: str | None = None
    timezone: Zone = "UTC"
    without_zone: Literal["refuse", "utc", "local"] = "refuse"
    late: Length = NONE
    history: Length = NONE
    may_be_empty: bool = False
    owner: str | None = None
    description: str = ""

    def faults(self) -> Iterator[Fault]:
        for name, why in column_faults(self.columns):
            yield Fault("columns", f"{name!r} {why}; have the source deliver it under another name, or leave it out")
        for key, named in (("key", self.key), ("time", [self.time] if self.time else [])):
            if missing := [c for c in named if c not in self.columns]:
                yield Fault(key, f"{missing} are not columns of the source; allowed: {', '.join(sorted(self.columns))}")
        yield from connector_faults(self.connector, self.options)

    @property
    def required(self) -> list[str]:
        """The columns that must be there, in order; what else a source delivers is left behind."""
        return list(self.columns)

    @property
    def never_empty(self) -> list[str]:
        """The columns that have a value in every row: the key and the event time."""
        return [*self.key, *([self.time] if self.time else [])]


class TableSpec(Part):
    """What a published table is: its meaning and its columns', for the catalog.

    ``key`` makes a row unique; needed where neither the event id nor the key of the source of that name does.
    """

    description: str
    columns: dict[str, str] = {}
    key: Columns = []


class StreamSpec(Part):
    """Events that keep a feature view current between two batch runs.

    An event is one raw row of ``source``; ``id`` are the columns that make it unique, ``key`` the columns whose
    events must be seen together, for ``window_hours`` back. An event that is more than ``late_hours`` older than
    the newest of its key is left to the batch. It is published ``published_after_hours`` after its time;
    ``pause_hours`` is the longest usual time between two events of a key (0: not known).
    ``computed`` are columns (name: type) that ``computed`` in ``features.py`` makes of one raw row: ``id``, ``key``
    and ``time`` may name them too. ``time`` is the event's time, left out that of the source.
    """

    source: Name
    id: Columns = Field(min_length=1)
    key: Columns = Field(min_length=1)
    time: Name | None = None
    computed: dict[Name, ColumnType] = {}
    window_hours: int = Field(ge=0, le=HOURS_MOST)
    late_hours: int = Field(default=24, ge=0, le=HOURS_MOST)
    published_after_hours: float = Field(default=0, ge=0, le=HOURS_MOST)
    pause_hours: float = Field(default=0, ge=0, le=HOURS_MOST)


class ScoringSpec(Part):
    """Requests that come as events of a stream: each is asked of the stable name, its answer goes to a stream.

    ``batch`` events are asked at once; about ``keep_results`` answers stay on the stream of results.
    """

    stream: Name
    batch: int = Field(default=64, ge=1, le=64)
    keep_results: int = Field(default=100_000, ge=1)


class EntitySpec(Part):
    key: Name
    description: str


class ViewSpec(Part):
    """A feature view: whose features it has, and after how many hours a value is stale (0: never).

    ``when_missing``: what a request gets whose features of this view are missing or stale: the model's own treatment
    of missing values (``default``), an error (``reject``), or the release's constant scores (``fall_back``).
    """

    entity: Name
    freshness_hours: float = Field(ge=0, le=HOURS_MOST)
    when_missing: Literal["default", "reject", "fall_back"] = "default"


class Feature(Part):
    """One model input. ``from`` is ``request``, ``on_request`` or the name of a feature view.

    ``description`` is the meaning of an ``on_request`` feature; the others have theirs where they are defined.
    A numeric feature with a ``shape`` (an image: rows and columns; a series: steps) is that many columns,
    ``<name>_00``, ``<name>_01`` …, row by row; the loaded spec lists them one by one, each with its ``tensor``.
    A text feature becomes the codes of its first ``length`` words. ``tells_label``: it may predict the label almost
    perfectly by itself; of any other feature that is taken for a leak. ``clock``: it is a function of the time alone,
    like the day of the week: that a day has one value of it, or a season others, is no fault of the data.
    """

    name: Name
    kind: Literal["numeric", "categorical", "text"]
    origin: Name = Field(alias="from")
    bins: list[float] | None = None
    description: str = ""
    shape: list[Annotated[int, Field(ge=1)]] = []
    length: int | None = Field(default=None, ge=1)
    tells_label: bool = False
    clock: bool = False
    tensor: str = Field(default="", exclude=True)

    def faults(self) -> Iterator[Fault]:
        if self.shape and self.kind != "numeric":
            yield Fault("shape", f"only a numeric feature has a shape; {self.name} is {self.kind}")
        if self.bins is not None and self.kind != "numeric":
            yield Fault("bins", f"only a numeric feature has bins; {self.name} is {self.kind}")
        elif self.bins is not None and (not self.bins or any(a >= b for a, b in pairwise(self.bins))):
            yield Fault("bins", f"{self.bins}: give one or more numbers that rise, or leave them out")
        if (self.kind == "text") != (self.length is not None):
            yield Fault("length", f"a text feature needs 'length', others have none; {self.name} is {self.kind}")

    @property
    def columns(self) -> list[str]:
        """Names of the columns that hold it."""
        count = prod(self.shape)
        digits = max(2, len(str(count - 1)))
        return [f"{self.name}_{i:0{digits}d}" for i in range(count)] if self.shape else [self.name]


def one_by_one(features: list[Feature]) -> list[Feature]:
    """The features with one column each: a tensor is taken apart."""
    flat = []
    for one in features:
        parts = [{"name": name, "tensor": one.name} for name in one.columns] if one.shape and not one.tensor else [{}]
        flat += [one.model_copy(update=part) for part in parts]
    return flat


class Retention(Part):
    """How long things are kept; what is pinned or a registered model was trained on is never expired."""

    predictions: SomeLength
    snapshots: SomeLength = Span("365 days")


class ColumnPrivacy(Part):
    """The privacy class of a column name, the same in every table, and what ingestion does to its values.

    ``keep_last``: characters that ``mask`` leaves; ``step``: what ``generalise`` rounds down to (a number above zero,
    or ``month``/``year`` for a time, in the time zone of its source).
    """

    level: Literal["public", "internal", "personal"] = Field(alias="class")
    treatment: Literal["keep", "pseudonymise", "mask", "generalise", "drop"] = "keep"
    keep_last: int = Field(default=0, ge=0)
    step: float | Literal["month", "year"] | None = None

    def type_fault(self, kind: str) -> str | None:
        """Why values of this type cannot be treated so, or stay in clear; None when they can."""
        if self.treatment in ("pseudonymise", "mask") and kind != "string":
            return f"{self.treatment} needs a column of type string"
        if self.treatment != "generalise":
            return None
        if isinstance(self.step, str):
            return None if kind == "timestamp" else f"step {self.step} needs a column of type timestamp"
        if kind not in ("integer", "number"):
            return f"step {self.step:g} needs a column of type integer or number"
        if kind == "integer" and self.step is not None and (self.step < 2 or self.step % 1):
            return f"step {self.step:g} leaves integers in clear; give a whole number of 2 or more"
        return None

    def faults(self) -> Iterator[Fault]:
        if self.level == "personal" and self.treatment == "keep":
            yield Fault("treatment", "a personal column needs a treatment: pseudonymise, mask, generalise or drop")
        if (self.treatment == "generalise") != (self.step is not None):
            yield Fault("step", "'step' belongs to the treatment generalise, which needs it")
        elif isinstance(self.step, float) and self.step <= 0:
            yield Fault("step", f"{self.step:g} generalises nothing; give a step above zero")
        if self.keep_last and self.treatment != "mask":
            yield Fault("keep_last", f"belongs to the treatment mask; this one is {self.treatment}")


class Privacy(Part):
    """Privacy classes by column name; ``default`` is the class of every other column.

    ``subject`` is the entity whose data can be deleted on demand; its key is pseudonymised, so that what is stored of
    it is not mistaken for a word in other people's texts.
    """

    default: Literal["public", "internal"] = "internal"
    columns: dict[str, ColumnPrivacy] = {}
    subject: Name | None = None

    @property
    def treatments(self) -> dict[str, str]:
        """Column → what ingestion does to its values, of the columns that do not stay as they are."""
        return {name: rule.treatment for name, rule in self.columns.items() if rule.treatment != "keep"}


class HandOver(Part):
    """What may leave the prod environment for dev: nothing, unless allowed.

    ``sample`` names the sources of which only a ``share`` goes, and the columns whose values decide which rows:
    equal values go together, so related rows of two sources do too. Other sources go whole.
    """

    allowed: bool = False
    share: Annotated[float, Field(gt=0, le=1)] = 0.1
    sample: dict[Name, Annotated[list[str], Field(min_length=1)]] = {}

    def faults(self) -> Iterator[Fault]:
        if self.allowed and self.share < 1 and not self.sample:
            yield Fault("sample", f"share {self.share} needs sample, which names sources and columns")
