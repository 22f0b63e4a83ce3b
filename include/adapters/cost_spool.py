"""What tasks took, one JSON line each, in a file for every hour; when its hour is over it is taken to the lake."""

import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from include.contracts.costs import TaskCost

log = logging.getLogger(__name__)
HOUR = "%Y-%m-%dT%H"
SETTLED = timedelta(hours=2)
"""So long after its hour began nobody writes to a file any more."""


class CostSpool:
    """Of one use case; a line is written at once, so tasks of many processes may write."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def add(self, cost: TaskCost) -> None:
        """Write the line."""
        line = f"{cost.model_dump_json()}\n".encode()
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / f"{datetime.now(UTC).strftime(HOUR)}.jsonl"
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, line)
        finally:
            os.close(file)

    def read(self) -> list[TaskCost]:
        """What is not in the lake yet."""
        return [cost for file in self._files() for cost in costs(file)]

    def settled(self, now: datetime) -> Iterator[tuple[Path, list[TaskCost]]]:
        """The files that nobody writes to any more, oldest first; whoever has kept what is in one deletes it."""
        for file in self._files():
            if datetime.strptime(file.stem, HOUR).replace(tzinfo=UTC) + SETTLED < now:
                yield file, costs(file)

    def _files(self) -> list[Path]:
        return sorted(self.directory.glob("*.jsonl"))


def costs(file: Path) -> list[TaskCost]:
    """The lines of a file; one that was cut by a full disk or a kill is left out."""
    found = []
    for line in file.read_text(errors="replace").splitlines():
        try:
            found.append(TaskCost.model_validate_json(line))
        except ValidationError:
            log.warning("%s: a line is no cost of a task, and left out: %.80s", file, line)
    return found
