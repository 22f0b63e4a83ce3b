"""What tasks took, one JSON line each, in a file for every hour; when its hour is over it is taken to the lake."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from include.contracts.costs import TaskCost
from include.contracts.streaming import UnreadableRecord
from include.ports.streaming import Unreadable

HOUR, HOURLY = "%Y-%m-%dT%H", "[0-9]" * 4 + "-[0-9][0-9]-[0-9][0-9]T[0-9][0-9].jsonl"
SETTLED = timedelta(hours=2)
"""So long after its hour began nobody writes to a file any more."""


class CostSpool:
    """Of one use case; a line is written at once, so tasks of many processes may write.

    No line stops the others: what cannot be read is kept and counted in ``unreadable`` when its hour is taken.
    """

    def __init__(self, directory: Path, unreadable: Unreadable) -> None:
        self.directory, self._unreadable = directory, unreadable

    def add(self, cost: TaskCost) -> None:
        """Write the line, with its line feed in front too: one that was cut off before costs nobody else."""
        line = f"\n{cost.model_dump_json()}\n".encode()
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / f"{datetime.now(UTC).strftime(HOUR)}.jsonl"
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, line)
        finally:
            os.close(file)

    def read(self, family: str = "") -> list[TaskCost]:
        """What is not in the lake yet, of this DAG family or of all."""
        return [cost for file in self._files() for cost in costs(file, family)[0] if family in ("", cost.family)]

    def written(self) -> Path | None:
        """The newest file of what is not in the lake yet."""
        return next(reversed(self._files()), None)

    def settled(self, now: datetime) -> Iterator[tuple[Path, list[TaskCost]]]:
        """The files that nobody writes to any more, oldest first; whoever has kept what is in one deletes it."""
        for file in self._files():
            if datetime.strptime(file.stem, HOUR).replace(tzinfo=UTC) + SETTLED < now:
                found, unreadable = costs(file)
                self._unreadable.keep(unreadable)
                yield file, found

    def _files(self) -> list[Path]:
        """Those of an hour: whatever else lies there is not ours."""
        return sorted(file for file in self.directory.glob(HOURLY) if _is_hour(file.stem))


def costs(file: Path, containing: str = "") -> tuple[list[TaskCost], list[UnreadableRecord]]:
    """The lines of a file, and those that are no cost of a task; of these only the ones with this text."""
    found, unreadable, at = [], [], 0
    for line in file.read_bytes().split(b"\n"):
        try:
            if line.strip() and containing.encode() in line:
                found.append(TaskCost.model_validate_json(line))
        except ValidationError as error:
            fields = sorted({".".join(map(str, fault["loc"])) or "the line" for fault in error.errors()})
            unreadable.append(UnreadableRecord.of(f"{file.name}:{at}", f"no cost of a task: {', '.join(fields)}", line))
        at += len(line) + 1
    return found, unreadable


def _is_hour(text: str) -> bool:
    try:
        return bool(datetime.strptime(text, HOUR))
    except ValueError:
        return False
