"""The prediction log: one append per batch to a spool file; written records survive a kill -9 of the server."""

import os
import time
from pathlib import Path

import orjson


class PredictionLog:
    """JSON lines at ``<directory>/<day>-<pid>.jsonl``; ``O_APPEND`` makes each write whole."""

    def __init__(self, directory: str) -> None:
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._day, self._file, self._torn = "", -1, False

    def write(self, records: list) -> None:
        """One write for all records; a number that is not finite becomes null.

        Raises OSError when the disk takes less than all of it.
        """
        if not records:
            return
        lines = b"".join([orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records])
        file = self._descriptor()
        if self._torn:  # a full disk cut the last line: end it, so that only that one is lost
            lines = b"\n" + lines
        written = os.write(file, lines)
        self._torn = written < len(lines)
        if self._torn:
            raise OSError(f"{self.directory}: {written} of {len(lines)} bytes were written")

    def _descriptor(self) -> int:
        day = time.strftime("%Y%m%d", time.gmtime())
        if day != self._day:
            if self._file >= 0:
                os.close(self._file)
            path = self.directory / f"{day}-{os.getpid()}.jsonl"
            self._torn = _torn(path)
            self._file, self._day = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640), day
        return self._file


def _torn(path: Path) -> bool:
    """Whether a process that had this number before left a line that does not end."""
    try:
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:  # there is no such file, or nothing in it
        return False
