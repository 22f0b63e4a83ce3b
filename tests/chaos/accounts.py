"""What was answered against what was logged: each answer is in the prediction log, once."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.chaos.driver import Asked


class Spool:
    """Counts the records of a spool directory by request id; reads on from where it was."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._read, self._counts = directory, dict[str, int](), Counter[str]()

    def read(self) -> None:
        for file in self._directory.glob("*.jsonl"):
            with file.open("rb") as spool:
                spool.seek(self._read.get(file.name, 0))
                content = spool.read()
            whole = content[: content.rfind(b"\n") + 1]
            self._read[file.name] = self._read.get(file.name, 0) + len(whole)
            self._counts.update(_ids(whole))

    def lost_and_doubled(self, asked: Iterable[Asked]) -> tuple[int, int]:
        """Of the requests that were answered: how many are not in the log, and how many more than once."""
        self.read()
        counts = [self._counts[one.request_id] for one in asked if one.request_id]
        return counts.count(0), sum(count > 1 for count in counts)


def _ids(lines: bytes) -> Iterable[str]:
    for line in lines.splitlines():
        try:
            yield json.loads(line)["request_id"]
        except ValueError:  # cut off by a full disk: what it was about is lost, and is counted so
            continue
