"""Records that a reader could not read: counted, and the newest kept in a file to look at."""

import errno
import json
import logging
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from include.contracts.streaming import UnreadableRecord
from include.errors import DamagedStateError
from include.formats import state_file
from include.formats.atomic_file import write_atomically

log = logging.getLogger(__name__)

KEPT_RECORDS = 1000
"""Of those that are met at once."""

KEPT_BYTES = 4 * 1024 * 1024
"""Of the file; when it is full it becomes the earlier one, and the one before that goes."""


class UnreadableRecords:
    """Of one reader: ``<directory>/<reader>.records`` and ``.records.earlier`` (JSON lines), ``<reader>.count``.

    One writer at a time.
    """

    def __init__(self, directory: Path, reader: str) -> None:
        self._file, self._count = directory / f"{reader}.records", directory / f"{reader}.count"

    def keep(self, records: Sequence[UnreadableRecord]) -> int:
        """Keep and count those that are not kept yet; how many. A repetition adds nothing."""
        there = {record.source for record in self.newest()}
        new = [record for record in records if record.source not in there]
        if new:
            size = self._append("".join(record.model_dump_json() + "\n" for record in new[-KEPT_RECORDS:]).encode())
            try:
                state_file.write(self._count, json.dumps(self.count() + len(new)))
            except OSError:  # what is kept and not counted would never be counted
                os.truncate(self._file, size)
                raise
        return len(new)

    def newest(self) -> list[UnreadableRecord]:
        """What is kept, oldest first."""
        files = [file for file in (self._earlier, self._file) if file.is_file()]
        lines = [line for file in files for line in file.read_bytes().splitlines() if line.strip()]
        return [record for line in lines if (record := _record(line))]

    def count(self) -> int:
        """How many there ever were; how many are kept, where the count is damaged."""
        try:
            return int(state_file.read(self._count))
        except FileNotFoundError:
            return 0
        except (DamagedStateError, ValueError) as error:
            log.error("%s; what is kept is counted instead", error)
            return len(self.newest())

    def forget(self, before: datetime) -> int:
        """Drop what was met before (aware), and what cannot be dated; how many. The count stays."""
        dropped = 0
        for file in (file for file in (self._earlier, self._file) if file.is_file()):
            lines = file.read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if (record := _record(line)) and record.at >= before]
            if len(kept) < len(lines):
                write_atomically(file, b"".join(kept).decode(), private=True, durable=True)
                dropped += len(lines) - len(kept)
        return dropped

    @property
    def _earlier(self) -> Path:
        return self._file.with_suffix(".records.earlier")

    def _append(self, lines: bytes) -> int:
        """All or nothing; the size of the file before."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        if self._file.is_file() and self._file.stat().st_size + len(lines) > KEPT_BYTES:
            self._file.replace(self._earlier)
        file = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(file).st_size
            if os.write(file, lines) < len(lines):  # the disk took a part only: half a record is none
                os.ftruncate(file, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._file))
            os.fsync(file)
            return size
        finally:
            os.close(file)


def _record(line: bytes) -> UnreadableRecord | None:
    try:
        return UnreadableRecord.model_validate_json(line)
    except ValidationError:  # the line was cut: it is about one that cannot be read in any case
        return None
