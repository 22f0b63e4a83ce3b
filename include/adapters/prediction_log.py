"""The model server's prediction log: a spool of JSON lines, read from where the last shipment ended."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from include.contracts import write_atomically

ACKNOWLEDGED = ".acknowledged.json"
PLAIN = ("request_id", "logged_at", "release", "probability", "prediction", "latency_ms")


@dataclass(frozen=True)
class Batch:
    """New rows of one spool file, and where in the file they end."""

    file: Path
    end: int
    rows: pd.DataFrame


class PredictionSpool:
    """Rows are shipped once: a batch is acknowledged after it was committed elsewhere.

    ``fields`` are the request fields, ``features`` the model's, ``time`` the event time among the fields.
    """

    def __init__(self, directory: Path, fields: Sequence[str], features: Sequence[str], time: str) -> None:
        self.directory, self.time = directory, time
        self.fields, self.features = list(fields), [f for f in features if f not in fields]

    def unshipped(self) -> Iterator[Batch]:
        """One batch per spool file that has whole new lines."""
        offsets = self._offsets()
        for file in sorted(self.directory.glob("*.jsonl")):
            begin = offsets.get(file.name, 0)
            with file.open("rb") as spool:
                spool.seek(begin)
                content = spool.read()
            whole = content[: content.rfind(b"\n") + 1]
            if whole:
                yield Batch(file, begin + len(whole), self._frame(whole))

    def acknowledge(self, batch: Batch) -> None:
        """The batch is safe elsewhere: the next shipment begins behind it."""
        offsets = self._offsets() | {batch.file.name: batch.end}
        write_atomically(self.directory / ACKNOWLEDGED, json.dumps(offsets))

    def _offsets(self) -> dict[str, int]:
        path = self.directory / ACKNOWLEDGED
        return json.loads(path.read_text()) if path.is_file() else {}

    def _frame(self, lines: bytes) -> pd.DataFrame:
        records = [json.loads(line) for line in lines.splitlines()]
        columns = {name: [r[name] for r in records] for name in PLAIN}
        columns |= {"missing": [len(r["missing"]) for r in records]}
        columns |= {name: [r["inputs"][name] for r in records] for name in self.fields}
        columns |= {name: [r["features"].get(name) for r in records] for name in self.features}
        frame = pd.DataFrame(columns)
        frame[self.time] = pd.to_datetime(frame[self.time], unit="s", utc=True).astype("datetime64[us, UTC]")
        frame["logged_at"] = pd.to_datetime(frame["logged_at"], unit="s", utc=True).astype("datetime64[us, UTC]")
        numeric = [f for f in self.features if frame[f].map(lambda v: v is None or isinstance(v, int | float)).all()]
        return frame.astype(dict.fromkeys(numeric, "float64"))
