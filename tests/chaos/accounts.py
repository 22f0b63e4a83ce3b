"""What was answered against what was logged: each answer is in the prediction log, once."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.chaos.driver import Asked


class Rows(NamedTuple):
    """Of answers: not in the log, in the log more than once, and how many the log itself says it lacks."""

    lost: int
    doubled: int
    admitted: int


class Spool:
    """Counts the records of a spool directory by request id; reads on from where it was."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._read, self._counts = directory, dict[str, int](), Counter[str]()
        self._admitted = self._admitted_before = 0

    def read(self) -> None:
        for file in self._directory.glob("*.jsonl"):
            with file.open("rb") as spool:
                spool.seek(self._read.get(file.name, 0))
                content = spool.read()
            whole = content[: content.rfind(b"\n") + 1]
            self._read[file.name] = self._read.get(file.name, 0) + len(whole)
            for line in whole.splitlines():
                self._count(line)

    def _count(self, line: bytes) -> None:
        try:
            record = json.loads(line)
        except ValueError:  # cut off by a full disk: what it was about is not in the log, and is counted so
            return
        if gap := record.get("gap"):
            self._admitted += sum(of["rows"] for of in gap["lost"])
        else:
            self._counts[record["request_id"]] += 1

    def of(self, asked: Iterable[Asked]) -> Rows:
        """Of the requests that were answered; ``admitted`` is what is new since the last call."""
        self.read()
        counts = [self._counts[one.request_id] for one in asked if one.request_id]
        admitted, self._admitted_before = self._admitted - self._admitted_before, self._admitted
        return Rows(counts.count(0), sum(count > 1 for count in counts), admitted)
