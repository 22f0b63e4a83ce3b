"""The spool file of a prediction log: whole lines or none, and a count of what the disk did not take."""

import json
import os
import threading
import time
from collections import Counter, namedtuple
from pathlib import Path

NEWLINE = b"\n"
HOUR = 3600
Lost = namedtuple("Lost", "rows reason")
NOTHING = Lost(0, "")


class Spool:
    """JSON lines at ``<directory>/<day>-<pid>.jsonl``; ``O_APPEND`` makes each write whole.

    An answer depends on none of it: what cannot be written is counted, and the next write that succeeds begins with a
    line ``{"gap": …}`` that says how many records are lost, of which release and hour (of ``event_time``), and why.
    """

    def __init__(self, directory: str, event_time: str) -> None:
        self.directory, self._event_time = Path(directory), event_time
        self._day, self._file, self._torn = "", -1, False
        self._lost: Counter = Counter()  # (release, hour) → records
        self._since, self._reason = 0.0, ""
        self._turn = threading.Lock()

    def append(self, lines: list, records: list) -> Lost:
        """One write for all lines, which are those of the records; says what is not in the file."""
        with self._turn:
            return self._append(lines, records)

    def look_after(self) -> None:
        """Five times a second: say what is lost though nobody asks any more, as soon as there is room; make a file anew
        that somebody deleted."""
        if self._file >= 0 and not os.fstat(self._file).st_nlink:
            with self._turn:
                self._day = ""
        if self._lost:
            with self._turn:
                self._append([], [])

    def lose(self, records: list, reason: str) -> Lost:
        """Records that have no lines."""
        with self._turn:
            return self._lose(records, reason)

    def _append(self, lines: list, records: list) -> Lost:
        try:
            file, gap = self._descriptor(), self._gap()
            content = b"".join([gap, *lines])
            written = os.write(file, content)
        except OSError as error:
            return self._lose(records, str(error))
        if written >= len(gap):
            self._lost.clear()
        if written == len(content):
            self._torn = False
            return NOTHING
        whole = content.rfind(NEWLINE, 0, written) + 1
        self._cut(written - whole)
        return self._lose(records[content.count(NEWLINE, len(gap), whole) :], "the disk took a part only")

    def _lose(self, records: list, reason: str) -> Lost:
        if not self._lost:
            self._since = time.time()
        self._reason = f"{self.directory}: {reason}"
        self._lost.update((record["release"], self._hour(record)) for record in records)
        return Lost(len(records), self._reason)

    def _hour(self, record: dict) -> int:
        """The epoch second at which the hour of its event begins."""
        return int(record["inputs"][self._event_time] // HOUR * HOUR)

    def _gap(self) -> bytes:
        """What comes before the next records: the end of a line that was cut, and what is lost."""
        begin = NEWLINE if self._torn else b""
        if not self._lost:
            return begin
        rows = [{"release": release, "hour": hour, "rows": n} for (release, hour), n in self._lost.items()]
        gap = {"gap": {"since": self._since, "until": time.time(), "reason": self._reason, "lost": rows}}
        return begin + json.dumps(gap).encode() + NEWLINE

    def _cut(self, extra: int) -> None:
        """Take back the part of a line; where that fails, the next write ends the line, and only that one is lost."""
        try:
            os.ftruncate(self._file, os.fstat(self._file).st_size - extra)
            self._torn = False
        except OSError:
            self._torn = extra > 0

    def _descriptor(self) -> int:
        """Today's file; while it cannot be made, yesterday's is written on."""
        day = time.strftime("%Y%m%d", time.gmtime())
        if day == self._day:
            return self._file
        path = self.directory / f"{day}-{os.getpid()}.jsonl"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            torn, file = _torn(path), os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        except OSError:
            if self._file < 0:
                raise
            return self._file
        if self._file >= 0:
            os.close(self._file)
        self._torn, self._file, self._day = torn, file, day
        return file


def _torn(path: Path) -> bool:
    """Whether a process that had this number before left a line that does not end."""
    try:
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != NEWLINE
    except OSError:  # there is no such file, or nothing in it
        return False
