"""The prediction log: one append per batch to a spool file; what was written survives a kill -9 of the server."""

import json
import os
import time


class PredictionLog:
    """JSON lines at ``<directory>/<day>-<pid>.jsonl``; ``O_APPEND`` makes each write whole."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self._day, self._file = "", -1

    def write(self, records: list) -> None:
        if records:
            lines = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)
            os.write(self._descriptor(), lines.encode())

    def _descriptor(self) -> int:
        day = time.strftime("%Y%m%d", time.gmtime())
        if day != self._day:
            if self._file >= 0:
                os.close(self._file)
            path = os.path.join(self.directory, f"{day}-{os.getpid()}.jsonl")
            self._file, self._day = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640), day
        return self._file
