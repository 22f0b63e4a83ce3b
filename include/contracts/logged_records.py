"""Lines of the model server's prediction log as records: what can be read, and why the rest cannot."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from pydantic_core import from_json
from typing_extensions import TypedDict

from include.contracts.deployment import LostAnswers
from include.contracts.period import Period
from include.contracts.request_rules import Times
from include.contracts.streaming import UnreadableRecord

BEGIN = b'{"request_id":'
"""Of every record: one that a cut line swallowed is found by it."""

GAP = b'{"gap":'
"""Of a line that says what is not in the log."""

LATEST = 253_402_300_799.0
"""The last second of the year 9999, UTC."""

AHEAD = 2 * 24 * 3600.0
"""Seconds by which the model server's clock may be ahead: a step by a day costs no record."""

Text = Annotated[str, Field(min_length=1)]
Moment = Annotated[float, Field(ge=0, le=LATEST)]
STRICT = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


HOUR = 3600
MOST_ROWS = 2**31
"""Answers of an hour that a log may say that it lacks."""


@with_config(STRICT)
class LostHour(TypedDict):
    """Answers of a release that are not in the log, by the hour of their events (epoch seconds)."""

    release: Text
    hour: Annotated[int, Field(ge=0, le=LATEST)]
    rows: Annotated[int, Field(ge=1, le=MOST_ROWS)]


@with_config(STRICT)
class Gap(TypedDict):
    """What the model server could not write, when, and why."""

    since: Moment
    until: Moment
    reason: str
    lost: list[LostHour]


@with_config(STRICT)
class GapLine(TypedDict):
    gap: Gap


GAP_LINE = TypeAdapter(GapLine)


class LogLines(NamedTuple):
    """What lines of the log hold: records in order, what is none, and what the log says that it lacks."""

    records: list[dict[str, Any]]
    unreadable: list[UnreadableRecord]
    lost: list[LostAnswers]


@dataclass(frozen=True)
class LogSchema:
    """What a record of a use case holds.

    ``inputs`` are the request fields and the columns that hold each (several for a tensor), ``kinds`` their kinds;
    ``features`` the model's, of which ``texts`` are no numbers; ``time`` the event time among the fields and ``times``
    its bounds. ``releases`` gives the names of the known ones.
    """

    inputs: Mapping[str, Sequence[str]]
    kinds: Mapping[str, str]
    features: Sequence[str]
    time: str
    times: Times
    texts: Collection[str] = ()
    releases: Callable[[], Collection[str]] | None = None
    _record: TypeAdapter[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_record", TypeAdapter(_record(self)))

    def read(self, lines: bytes, file: str, begin: int) -> LogLines:
        """``begin`` is where in the file the lines begin.

        A record of another version of the use case is read as far as it goes: what it lacks is missing, what it has
        besides is left out.
        """
        known = self.releases() if self.releases else None
        records: dict[str, dict[str, Any]] = {}
        unreadable, lost = [], list[LostAnswers]()
        for at, line in _lines(lines, begin):
            if line.startswith(GAP) and (gap := _gap(line, f"{file}:{at}", self.times)):
                lost += gap
                continue
            record, reason = self._of(line, known)
            if record and record["request_id"] in records:
                record, reason = None, "a record with the same request_id came before"
            if record:
                records[record["request_id"]] = record
            if reason:
                unreadable.append(UnreadableRecord.of(f"{file}:{at}", reason, line))
        return LogLines(list(records.values()), unreadable, lost)

    def moment(self, line: bytes) -> float | None:
        """Event time of the line's record, or of the one that a cut line swallowed; None where there is none.

        A number that is no time within the bounds (milliseconds, NaN) is none, or what it stands in is kept for ever.
        """
        for begin in (0, line.rfind(BEGIN)):
            try:
                moment = from_json(line[begin:])["inputs"][self.time]
            except (ValueError, KeyError, TypeError):
                continue
            known = isinstance(moment, int | float) and not isinstance(moment, bool)
            if known and self.times.first <= moment <= self.times.last():
                return float(moment)
        return None

    def _of(self, line: bytes, known: Collection[str] | None) -> tuple[dict[str, Any] | None, str]:
        """The line's record, and what is wrong with it or with what stands before it."""
        try:
            record = self._record.validate_json(line)
        except ValidationError as error:
            reason = "; ".join(sorted(map(_fault, error.errors()))[:5])
            after = line.rfind(BEGIN)
            return (self._of(line[after:], known)[0] if after > 0 else None), reason
        if known is not None and record["release"] not in known:
            return None, f"release {record['release'][:40]!r} is not known"
        if record["logged_at"] > time.time() + AHEAD:
            return None, "logged_at is in the future: the clock of the model server was wrong"
        if fault := self.times.fault(record["inputs"][self.time], record["logged_at"]):
            return None, f"inputs.{self.time}: {fault}"
        return record, ""


def _record(schema: LogSchema) -> Any:
    kinds: dict[str, Any] = {"string": str | None} | dict.fromkeys(("float", "double", "timestamp"), float | None)
    inputs: dict[str, Any] = {}
    for name, columns in schema.inputs.items():
        tensor = Annotated[list[float | None], Field(min_length=len(columns), max_length=len(columns))] | None
        inputs[name] = NotRequired[kinds[schema.kinds[name]] if list(columns) == [name] else tensor]
    inputs[schema.time] = float
    number = float | bool | None
    features = {name: NotRequired[str | None if name in schema.texts else number] for name in schema.features}
    fields = {
        "request_id": Text,
        "logged_at": Moment,
        "release": Text,
        "prediction": float,
        "scores": Annotated[list[float], Field(min_length=1)],
        "probability": NotRequired[float | None],
        "latency_ms": NotRequired[float | None],
        "missing": NotRequired[list[str]],
        "unavailable": NotRequired[list[str]],
        "inputs": _closed("Inputs", inputs),
        "features": _closed("Features", features),
    }
    return _closed("LoggedRecord", fields)


def _closed(name: str, fields: Mapping[str, Any]) -> Any:
    return with_config(STRICT)(TypedDict(name, dict(fields)))  # type: ignore[operator]


def _lines(lines: bytes, begin: int) -> Iterator[tuple[int, bytes]]:
    """Each line and its place in the file; not those that were blanked, because whose they were is erased."""
    at = begin
    for line in lines.split(b"\n"):
        if content := line.strip(b"\0 \r\t"):  # a machine that lost power leaves zeros
            yield at, content
        at += len(line) + 1


def _gap(line: bytes, source: str, times: Times) -> list[LostAnswers]:
    """What the line says is lost; nothing when it cannot be read, or is of an hour that no request can be of."""
    try:
        gap = GAP_LINE.validate_json(line)["gap"]
    except ValidationError:
        return []
    if any(times.fault(of["hour"] + HOUR, gap["until"] + HOUR) for of in gap["lost"]):
        return []
    since, until = (datetime.fromtimestamp(moment, UTC) for moment in (gap["since"], gap["until"]))
    about = {"since": since, "until": until, "reason": gap["reason"], "source": source}
    rows = defaultdict[tuple[str, Period], Counter[int]](Counter)
    for of in gap["lost"]:
        month = Period.recorded(datetime.fromtimestamp(of["hour"], UTC))
        rows[of["release"], month][of["hour"]] += of["rows"]
    return [
        LostAnswers(**about, release=release, period=month, rows=hours.total(), hours=dict(hours))
        for (release, month), hours in rows.items()
    ]


def _fault(error: Any) -> str:
    """Field and kind of fault, without the value."""
    return f"{'.'.join(map(str, error['loc'])) or 'the line'}: {error['type']}"
