"""The model server's prediction log: a spool of JSON lines, read from where the last shipment ended."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from include.contracts.atomic_file import write_atomically
from include.ports.state import Locks

ACKNOWLEDGED, IN_FLIGHT = ".acknowledged.json", ".in_flight.json"
PLAIN = ("request_id", "logged_at", "release", "probability", "prediction", "scores", "latency_ms")
NUMBERS = ("probability", "prediction")
BATCH_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Batch:
    """New rows of one spool file, and where in the file they begin and end.

    ``again``: it was handed out before and not acknowledged, so its rows may be where they were shipped to
    already; it comes with the same rows then, even when the spool has grown. ``broken`` counts lines that a
    full disk cut.
    """

    file: Path
    begin: int
    end: int
    rows: pd.DataFrame
    again: bool = False
    broken: int = 0


class PredictionSpool:
    """Rows are shipped once: a batch is acknowledged after it was committed elsewhere.

    ``inputs`` are the request fields and the columns that hold each (several for a tensor), ``features`` the
    model's, ``time`` the event time among the fields; ``texts`` names the features that are no numbers.
    """

    def __init__(
        self,
        directory: Path,
        locks: Locks,
        inputs: Mapping[str, Sequence[str]],
        features: Sequence[str],
        time: str,
        texts: Collection[str] = (),
    ) -> None:
        self.directory, self._locks, self.time = directory, locks, time
        self.inputs = {name: list(columns) for name, columns in inputs.items()}
        asked = {column for columns in inputs.values() for column in columns}
        self.features = [f for f in features if f not in asked]
        self.numeric = [f for f in self.features if f not in texts]

    def unshipped(self) -> Iterator[Batch]:
        """Batches of whole new lines, 32 MiB at most, oldest file first.

        Raises
        ------
        LockHeldError
            another shipment is under way.
        """
        if not self.directory.is_dir():
            return
        refusal = f"another task already ships {self.directory}; try again later"
        with self._locks.hold(f"spool/{self.directory.name}/shipping", wait=0, refusal=refusal):
            for file in sorted(self.directory.glob("*.jsonl")):
                yield from self._batches(file)

    def acknowledge(self, batch: Batch) -> None:
        """The batch is safe elsewhere: the next shipment begins behind it."""
        self._note(ACKNOWLEDGED, batch.file.name, batch.end)

    def _batches(self, file: Path) -> Iterator[Batch]:
        """Ends when nothing is new, or when a batch was not acknowledged."""
        last = -1
        while (begin := self._noted(ACKNOWLEDGED).get(file.name, 0)) > last:
            handed_out = self._noted(IN_FLIGHT).get(file.name, 0)
            again = handed_out > begin
            whole = _whole_lines(file, begin, handed_out - begin if again else BATCH_BYTES)
            if not whole:
                return
            end, last = begin + len(whole), begin
            self._note(IN_FLIGHT, file.name, end)
            rows, broken = self._frame(whole)
            yield Batch(file, begin, end, rows, again, broken)

    def _note(self, name: str, file: str, position: int) -> None:
        write_atomically(self.directory / name, json.dumps(self._noted(name) | {file: position}))

    def _noted(self, name: str) -> dict[str, int]:
        path = self.directory / name
        return json.loads(path.read_text()) if path.is_file() else {}

    def _frame(self, lines: bytes) -> tuple[pd.DataFrame, int]:
        records, broken = _records(lines)
        columns = {name: [r[name] for r in records] for name in PLAIN}
        columns |= {"missing": [len(r["missing"]) for r in records]}
        for name, parts in self.inputs.items():
            values = [r["inputs"][name] for r in records]
            columns |= {name: values} if parts == [name] else _apart(values, parts)
        columns |= {name: [r["features"].get(name) for r in records] for name in self.features}
        frame = pd.DataFrame(columns)
        for moment in (self.time, "logged_at"):
            frame[moment] = pd.to_datetime(frame[moment], unit="s", utc=True).astype("datetime64[us, UTC]")
        return frame.astype(dict.fromkeys([*NUMBERS, *self.numeric], "float64")), broken


def _apart(tensors: list[list[float]], parts: list[str]) -> dict[str, list[float]]:
    return {part: [numbers[i] for numbers in tensors] for i, part in enumerate(parts)}


def _whole_lines(file: Path, begin: int, limit: int) -> bytes:
    with file.open("rb") as spool:
        spool.seek(begin)
        content = spool.read(limit)
    return content[: content.rfind(b"\n") + 1]


def _records(lines: bytes) -> tuple[list[dict], int]:
    """What can be read, and how many lines cannot: one line that the disk cut must not stop the others."""
    records, broken = [], 0
    for line in lines.splitlines():
        if not line.strip():  # blanked: whose it was is erased
            continue
        try:
            records.append(json.loads(line))
        except ValueError:
            broken += 1
    return records, broken
