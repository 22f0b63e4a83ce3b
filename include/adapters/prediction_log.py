"""The model server's prediction log: a spool of JSON lines, read from where the last shipment ended."""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from include.contracts.deployment import LostAnswers
from include.contracts.logged_records import LogSchema
from include.contracts.streaming import UnreadableRecord
from include.errors import DamagedStateError
from include.formats import spool_file, state_file
from include.formats.spool_file import Contents
from include.ports.state import Locks
from include.ports.streaming import Unreadable

log = logging.getLogger(__name__)

ACKNOWLEDGED, IN_FLIGHT = ".acknowledged.json", ".in_flight.json"
CONTENTS = ".contents.json"
"""What the shipped part of each file holds, so that it is not read again to know whether something is too old."""

PLAIN = ("request_id", "logged_at", "release", "probability", "prediction", "scores", "latency_ms")
NUMBERS = ("probability", "prediction", "latency_ms")
MOMENT = "datetime64[us, UTC]"
BATCH_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Batch:
    """New rows of one spool file, and where in the file they begin and end.

    ``again``: it was handed out before and not acknowledged, so its rows may be where they were shipped to
    already; it comes without new rows then, even when the spool has grown. ``unreadable`` is what is no row, ``lost``
    what the log says that it lacks.
    """

    file: Path
    begin: int
    end: int
    rows: pd.DataFrame
    again: bool = False
    unreadable: tuple[UnreadableRecord, ...] = ()
    lost: tuple[LostAnswers, ...] = ()


class PredictionSpool:
    """Rows are shipped once: a batch is acknowledged after it was committed elsewhere.

    No record stops the others: what cannot be read is kept and counted in ``unreadable``.
    """

    def __init__(self, directory: Path, locks: Locks, schema: LogSchema, unreadable: Unreadable) -> None:
        self.directory, self._locks, self._schema, self._unreadable = directory, locks, schema, unreadable
        asked = {column for columns in schema.inputs.values() for column in columns}
        self._features = [f for f in schema.features if f not in asked]
        self._numeric = [f for f in self._features if f not in schema.texts]
        floats = [name for name, kind in schema.kinds.items() if kind != "string" and name != schema.time]
        self._numeric += [column for name in floats for column in schema.inputs[name]]

    def unshipped(self) -> Iterator[Batch]:
        """Batches of whole new lines, 32 MiB at most, oldest file first.

        Raises
        ------
        LockHeldError
            another shipment is under way.
        """
        if not self.directory.is_dir():
            return
        with self._alone():
            self._repair_notes()
            self._require_lengths()
            for file in sorted(self.directory.glob("*.jsonl")):
                yield from self._batches(file)

    def acknowledge(self, batch: Batch) -> None:
        """The batch is safe elsewhere: the next shipment begins behind it."""
        self._unreadable.keep(batch.unreadable)
        self._note(ACKNOWLEDGED, batch.file.name, batch.end)

    def forget(self, before: datetime, met_before: datetime) -> int:
        """Blank the shipped records of events before a time, and delete files without any record; how many went.

        What has no event time goes when it was written, or met, before ``met_before``. Both are aware. What is not
        shipped stays. Raises LockHeldError as ``unshipped`` does.
        """
        if not self.directory.is_dir():
            return 0
        with self._alone():
            self._repair_notes()
            self._unreadable.forget(met_before)
            return sum(self._forget(file, before, met_before) for file in sorted(self.directory.glob("*.jsonl")))

    def _forget(self, file: Path, before: datetime, met_before: datetime) -> int:
        shipped, closed = self._noted(ACKNOWLEDGED).get(file.name, 0), spool_file.closed_at(file)
        contents = spool_file.scan(file, self._schema, self._contents().get(file.name, Contents()), shipped)
        gone = 0
        if contents.expired(before, unread=closed < met_before):
            gone = spool_file.expire(file, self._schema, shipped, before, unread=closed < met_before)
            contents = spool_file.scan(file, self._schema, Contents(), shipped)
        noted = self._contents() | {file.name: contents}
        _write(self.directory / CONTENTS, {name: kept.json_dict() for name, kept in noted.items()})
        if contents.empty and shipped == file.stat().st_size and closed < datetime.now(UTC) - spool_file.DAY:
            file.unlink()
            self._drop_notes(file.name)
        return gone

    def _contents(self) -> dict[str, Contents]:
        """By file; what is not known is read again."""
        try:
            noted = json.loads(state_file.read(self.directory / CONTENTS))
            return {name: Contents.model_validate(kept) for name, kept in noted.items()}
        except (FileNotFoundError, ValueError, AttributeError, DamagedStateError):
            return {}

    def _drop_notes(self, file: str) -> None:
        for path in (self.directory / note for note in (CONTENTS, IN_FLIGHT, ACKNOWLEDGED)):
            known = json.loads(state_file.read(path)) if state_file.exists(path) else {}
            _write(path, {name: kept for name, kept in known.items() if name != file})

    def _alone(self) -> AbstractContextManager[None]:
        refusal = f"another task already ships {self.directory}; try again later"
        return self._locks.hold(f"spool/{self.directory.name}/shipping", wait=0, refusal=refusal)

    def _batches(self, file: Path) -> Iterator[Batch]:
        """Ends when nothing is new, or when a batch was not acknowledged."""
        last = -1
        while (begin := self._noted(ACKNOWLEDGED).get(file.name, 0)) > last:
            handed_out = self._noted(IN_FLIGHT).get(file.name, 0)
            again = handed_out > begin
            whole = _whole_lines(file, begin, min(handed_out - begin, BATCH_BYTES) if again else BATCH_BYTES)
            if not whole:
                return
            end, last = begin + len(whole), begin
            self._note(IN_FLIGHT, file.name, max(end, handed_out))
            read = self._schema.read(whole, file.name, begin)
            yield Batch(file, begin, end, self._frame(read.records), again, tuple(read.unreadable), tuple(read.lost))

    def _repair_notes(self) -> None:
        """A note that a lost page damaged begins again: whatever it was about may be shipped, and comes ``again``."""
        damaged = [name for name in (ACKNOWLEDGED, IN_FLIGHT) if not _is_note(self.directory / name)]
        if damaged:
            sizes = {file.name: file.stat().st_size for file in self.directory.glob("*.jsonl")}
            for name in damaged:
                _write(self.directory / name, {})
            _write(self.directory / IN_FLIGHT, sizes)
            log.error("%s: damaged notes %s begin again: what they were about is compared", self.directory, damaged)

    def _require_lengths(self) -> None:
        """A file that was cut begins again: what is there may be shipped already, and comes ``again``."""
        for name, shipped in self._noted(ACKNOWLEDGED).items():
            size = file.stat().st_size if (file := self.directory / name).is_file() else shipped
            if size < shipped or (shipped and file.is_file() and not _ends_line(file, shipped)):
                handed_out = self._noted(IN_FLIGHT).get(name, 0)
                self._unreadable.keep([_cut(name, size, shipped, handed_out)])
                self._note(ACKNOWLEDGED, name, 0)
                self._note(IN_FLIGHT, name, size)

    def _note(self, name: str, file: str, position: int) -> None:
        _write(self.directory / name, self._noted(name) | {file: position})

    def _noted(self, name: str) -> dict[str, int]:
        path = self.directory / name
        return json.loads(state_file.read(path)) if state_file.exists(path) else {}

    def _frame(self, records: Sequence[dict[str, Any]]) -> pd.DataFrame:
        columns: dict[str, list[Any]] = {name: [r.get(name) for r in records] for name in PLAIN}
        columns |= {lacks: [len(r.get(lacks, ())) for r in records] for lacks in ("missing", "unavailable")}
        for name, parts in self._schema.inputs.items():
            values = [r["inputs"].get(name) for r in records]
            columns |= {name: values} if list(parts) == [name] else _apart(values, parts)
        columns |= {name: [r["features"].get(name) for r in records] for name in self._features}
        frame = pd.DataFrame(columns)
        for moment in (self._schema.time, "logged_at"):
            frame[moment] = pd.to_datetime(frame[moment].astype("float64"), unit="s", utc=True).astype(MOMENT)
        return frame.astype(dict.fromkeys([*NUMBERS, *self._numeric], "float64"))


def _write(path: Path, notes: dict[str, Any]) -> None:
    state_file.write(path, json.dumps(notes), durable=False)  # what a power cut takes is shipped again


def _is_note(path: Path) -> bool:
    try:
        note = json.loads(state_file.read(path))
    except FileNotFoundError:
        return True
    except (ValueError, DamagedStateError):
        return False
    return isinstance(note, dict) and all(isinstance(position, int) for position in note.values())


def _ends_line(file: Path, position: int) -> bool:
    """Whether a line ends at this position, as one did when it was shipped."""
    with file.open("rb") as spool:
        spool.seek(position - 1)
        return spool.read(1) == b"\n"


def _cut(name: str, size: int, shipped: int, handed_out: int) -> UnreadableRecord:
    lost = f", of which {handed_out - shipped} were not in the lake yet" if handed_out > shipped else ""
    reason = (
        f"the spool was cut: {max(handed_out, shipped)} bytes were read of it{lost}, and it has {size}; what is left "
        "is compared with the lake and shipped. Look after the disk, and compare with the answers of the model server"
    )
    log.error("%s: %s", name, reason)
    return UnreadableRecord.of(f"{name}:{shipped} cut to {size}", reason, b"")


def _apart(tensors: list[Any], parts: Sequence[str]) -> dict[str, list[Any]]:
    return {part: [numbers and numbers[i] for numbers in tensors] for i, part in enumerate(parts)}


def _whole_lines(file: Path, begin: int, limit: int) -> bytes:
    """Up to ``limit`` bytes, or the first line where that alone is longer."""
    with file.open("rb") as spool:
        spool.seek(begin)
        content = spool.read(limit)
        while len(content) >= limit and b"\n" not in content and (more := spool.read(limit)):
            content += more
    return content[: content.rfind(b"\n") + 1]
