"""Whether the predictions of the lake are those of the audit log: each row against the leaves of its batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pyarrow as pa

from include.contracts.audit import AuditEntry
from include.contracts.tables import RowFilter
from include.formats import merkle
from include.ports.audit import AuditLog
from include.ports.lake import Lake
from include.services.prediction_leaves import PredictionLeaves, forms

WORD = np.dtype(">u8")
NAMED = 20
"""Rows that are named one by one."""


@dataclass
class LoggedRows:
    """How many ``rows`` were compared, and what was found."""

    usecase: str
    table: str
    rows: int = 0
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class KnownLeaves:
    """Leaves of batches, to look up by their first eight bytes; how often each was found is counted."""

    def __init__(self, log: AuditLog, entries: Sequence[AuditEntry]) -> None:
        self.entries = [entry for entry in entries if entry.batch]
        contents = [log.leaves(entry.day, entry.batch) for entry in self.entries if entry.batch]
        self._ends = np.cumsum([len(content) // merkle.SIZE for content in contents], dtype=np.int64)
        self._leaves = np.frombuffer(b"".join(contents), dtype="V32")
        words = self._leaves.view(WORD).reshape(-1, 4)[:, 0].astype(np.uint64)
        self._order = np.argsort(words, kind="stable")
        self._words = words[self._order]
        self.found = np.zeros(len(self._leaves), np.int32)

    def look_up(self, leaves: Sequence[bytes]) -> np.ndarray:
        """Place of each leaf (n,), -1 where there is none; of equal leaves the first that was not found yet."""
        asked = np.frombuffer(b"".join(leaf or bytes(merkle.SIZE) for leaf in leaves), dtype="V32")
        words = asked.view(WORD).reshape(-1, 4)[:, 0].astype(np.uint64)
        begins = np.searchsorted(self._words, words)
        places = np.full(len(asked), -1, np.int64)
        if len(self._order):
            at = self._order[np.minimum(begins, len(self._order) - 1)]
            same = self._leaves[at] == asked
            places[same] = at[same]
        np.add.at(self.found, places[places >= 0], 1)
        return places

    def missing(self) -> list[tuple[AuditEntry, int, int]]:
        """Batch, how many of its leaves have no row, and the position of the first."""
        lacking, begin = list[tuple[AuditEntry, int, int]](), 0
        for entry, end in zip(self.entries, self._ends, strict=True):
            gone = np.flatnonzero(self.found[begin:end] == 0)
            lacking += [(entry, len(gone), int(gone[0]))] if len(gone) else []
            begin = int(end)
        return lacking

    @property
    def repeated(self) -> int:
        return int(np.maximum(self.found - 1, 0).sum())


def compare(
    lake: Lake, log: AuditLog, leaves: PredictionLeaves, entries: Sequence[AuditEntry], about: LoggedRows,
    name: Callable[[dict[str, object]], str], kept_since: datetime | None, erased: int,
) -> LoggedRows:  # fmt: skip
    """Find each row's leaf. A row without one was changed or added; a leaf without a row lost its row.

    Rows go by retention, and by erasure: so many ``erased`` ones are accounted for, and batches whose first event was
    before ``kept_since``.
    """
    known = KnownLeaves(log, entries)
    shapes = list(forms([entry.batch for entry in known.entries if entry.batch]))
    there = lake.exists(about.usecase, about.table)
    for batch in lake.batches(about.usecase, about.table, RowFilter()) if there and known.entries else ():
        rows = pa.Table.from_batches([batch])
        about.rows += rows.num_rows
        unknown = np.ones(rows.num_rows, bool)
        for shape in shapes:
            for made in leaves.leaves(rows, shape) if unknown.any() else ():
                asked = [leaf if odd else b"" for leaf, odd in zip(made, unknown, strict=True)]
                unknown &= known.look_up(asked) < 0
        for row in rows.filter(pa.array(unknown)).to_pylist() if unknown.any() else ():
            about.faults.append(f"{about.usecase}.{about.table}: {name(row)} was changed or added: no leaf is of it")
    if known.repeated:
        about.faults.append(f"{about.usecase}.{about.table}: {known.repeated} rows are there twice")
    _tell_missing(known, about, kept_since, erased)
    return about


def _tell_missing(known: KnownLeaves, about: LoggedRows, kept_since: datetime | None, erased: int) -> None:
    lacking = known.missing()
    expired = [one for one in lacking if _is_expired(one[0], kept_since)]
    rest = [one for one in lacking if one not in expired]
    gone = sum(count for _, count, _ in rest)
    if expired:
        count = sum(count for _, count, _ in expired)
        about.notes.append(f"{about.usecase}.{about.table}: {count} predictions are gone with their retention")
    if gone and gone <= erased:
        about.notes.append(f"{about.usecase}.{about.table}: {gone} predictions were erased with their subject")
    elif gone:
        told = f", and erasures account for {erased}" if erased else ""
        about.faults.append(f"{about.usecase}.{about.table}: {gone} predictions of the log have no row{told}")
        about.faults += [
            f"{about.usecase}.{about.table}: {count} of the batch of entry {entry.number} of {entry.day} were removed, "
            f"the first at position {first}"
            for entry, count, first in rest[:NAMED]
        ]


def _is_expired(entry: AuditEntry, kept_since: datetime | None) -> bool:
    first = entry.batch.first if entry.batch else None
    return kept_since is not None and first is not None and first < kept_since
