"""Rewrites stored rows: deletes rows that name a subject, or renews tokens with the current key.

Every table is handled in all versions that a snapshot pins: its head first, so that each version pinned afterwards
is clean in all periods; then the pinned contents; then the manifests. Killed anywhere, a repetition finishes it.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.contracts.period import Period
from include.contracts.pseudonyms import TOKEN, KeyRing
from include.contracts.tables import PERIOD, SnapshotRef, TableRef
from include.formats import checksums, proved_parquet
from include.governance.mentions import texts
from include.ports.lake import Lake
from include.ports.snapshots import SnapshotManifests

Change = Callable[[pa.Table], pa.Table]
Pins = AbstractSet[tuple[Period, TableRef]]
"""What manifests pin of a table."""


@dataclass(frozen=True)
class Changed:
    """Rows (or keys, or lines) of one place, before and after."""

    place: str
    before: int
    after: int


def renewed(keys: KeyRing) -> Change:
    """Gives every token, also within longer texts, the current key."""

    def change(rows: pa.Table) -> pa.Table:
        for name in texts(rows):
            texts_of = rows[name].cast(pa.large_string())
            coded = pa.concat_arrays(texts_of.chunks or [pa.array([], texts_of.type)]).dictionary_encode()
            before = coded.dictionary.to_pylist()
            after = [renew_text(text, keys) for text in before]
            if after != before:
                values = pa.array(after, coded.dictionary.type).take(coded.indices).cast(rows[name].type)
                rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), values)
        return rows

    return change


def renew_text(text: str, keys: KeyRing) -> str:
    """The text with each token renewed; a token of a key that is not in the ring raises ValueError."""
    return re.sub(TOKEN, lambda match: keys.renew(match[0]), text)


@dataclass
class LakeRewrite:
    """One change of every table of a use case; ``mark`` is noted in each manifest that it touches."""

    usecase: str
    lake: Lake
    snapshots: SnapshotManifests
    change: Change
    mark: str
    changed: list[Changed] = field(default_factory=list)

    def run(self, leave: Collection[str] = ()) -> list[Changed]:
        """Rewrite all tables but ``leave``, then let go of every version that nothing pins any more."""
        tables = [t for t in self.lake.tables(self.usecase) if t not in leave]
        with self.snapshots.nobody_publishing():
            for table in tables:
                self._table(table)
            for table in tables:
                self._let_go(table)
        return self.changed

    def _let_go(self, table: str) -> None:
        """Delete the files of all that no manifest pins.

        Only publications commit to what manifests name, and none is under way; others may append to the rest.
        """
        if pinned := self._pinned(table):
            self.lake.prune(self.usecase, table, pinned)
        else:
            self.lake.vacuum(self.usecase, table)

    def _pinned(self, table: str) -> Pins:
        return {(m.period, m.tables[table]) for m in self.snapshots.manifests().values() if table in m.tables}

    def _table(self, table: str) -> None:
        pinned = self._pinned(table)
        if not self._is_touched(table, pinned):
            return
        # the current snapshot's manifest first: a kill may have left an older content at the table's head
        current = {m.period: m.tables[table] for m in self.snapshots.published() if table in m.tables}
        counts = [
            self._write_head(table, periods, current) for periods in _by_month(self.lake.periods(self.usecase, table))
        ]
        refs = {}  # afterwards the head is clean in every period
        for period, ref in sorted(pinned - set(current.items()), key=str):
            refs[period, ref] = self._write(table, {period: ref})[1][period]
            if period in current:
                self._write(table, {period: current[period]})
        for periods in _by_month(current):
            written = self._write(table, {period: current[period] for period in periods})[1]
            refs |= {(period, current[period]): written[period] for period in periods}
        for place, manifest in self.snapshots.manifests().items():
            if table in manifest.tables:
                self._repin(place, manifest, table, refs[manifest.period, manifest.tables[table]])
        self.changed.append(Changed(f"lake/{table}", sum(b for b, _ in counts), sum(a for _, a in counts)))

    def _is_touched(self, table: str, pinned: Pins) -> bool:
        """Whether a file that is needed has a row that changes, also one that nothing pins beside others."""
        for file in self.lake.stored(self.usecase, table, pinned):
            proved_parquet.prove(file)
            rows = pq.read_table(file, partitioning=None)
            if not self.change(rows).equals(rows):
                return True
        return False

    def _write_head(self, table: str, periods: Sequence[Period], current: Mapping[Period, TableRef]) -> tuple[int, int]:
        """Rewrite the newest rows of these periods; rows before and after."""
        before, written = self._write(table, {period: current[period] for period in periods if period in current})
        loose_before, loose_after = self._write_loose(table, [period for period in periods if period not in current])
        return before + loose_before, sum(ref.rows for ref in written.values()) + loose_after

    def _write(self, table: str, refs: Mapping[Period, TableRef]) -> tuple[int, dict[Period, TableRef]]:
        """Publish what is pinned, changed; rows before, and what is there now."""
        if not refs:
            return 0, {}
        rows = self.lake.read_pinned(self.usecase, table, refs)
        return rows.num_rows, self.lake.publish_all(self.usecase, table, self._changed(rows, refs))

    def _write_loose(self, table: str, periods: Sequence[Period]) -> tuple[int, int]:
        """Publish what nothing pins, changed; what others appended meanwhile is taken up by writing again."""
        version, after = self.lake.version(self.usecase, table), 0
        while periods:
            rows = self.lake.read(self.usecase, table, periods, version)
            changed = self._changed(rows, periods)
            after = sum(one.num_rows for one in changed.values())
            touched = {p: one for p, one in changed.items() if not one.equals(_of(rows, p))}
            refs = self.lake.publish_all(self.usecase, table, touched) if touched else {}
            newest = max((ref.version for ref in refs.values()), default=version)
            if newest <= version + 1:
                return rows.num_rows, after
            version = newest - 1
        return 0, after

    def _changed(self, rows: pa.Table, periods: Iterable[Period]) -> dict[Period, pa.Table]:
        return {period: self.change(_of(rows, period)) for period in periods}

    def _repin(self, place: str, manifest: SnapshotRef, table: str, ref: TableRef) -> None:
        rewrites = [*manifest.rewrites, *([] if self.mark in manifest.rewrites else [self.mark])]
        again = manifest.model_copy(update={"tables": {**manifest.tables, table: ref}, "rewrites": rewrites})
        self.snapshots.replace(place, again)


def _of(rows: pa.Table, period: Period) -> pa.Table:
    return rows.filter(pc.equal(rows[PERIOD], str(period))).drop_columns([PERIOD])


def _by_month(periods: Iterable[Period]) -> list[list[Period]]:
    """What is held in memory at once."""
    months: defaultdict[Period, list[Period]] = defaultdict(list)
    for period in sorted(periods):
        months[period.month].append(period)
    return list(months.values())


def parquet_values(files: Collection[Path], column: str) -> set[str]:
    """The distinct values of the column in those files that have it."""
    values: set[str] = set()
    for file in files:
        try:
            schema = pq.read_schema(file)
            rows = pq.read_table(file, columns=[column], partitioning=None) if column in schema.names else None
        except (FileNotFoundError, pa.ArrowInvalid):  # gone meanwhile, or no Parquet: a search tells
            continue
        if rows is not None:
            values.update(str(value) for value in rows[column].unique().to_pylist() if value)
    return values


def rewrite_parquet(files: Collection[Path], root: Path, change: Change) -> Iterator[Changed]:
    """Replace each file whose rows change, in one step; the place is its path below ``root``.

    Raises DamagedFileError for a file that is not what was written: rewritten, it would pass for sound.
    """
    for file in files:
        try:
            checksums.prove(file, "rows to rewrite", "rebuild or delete it, then run this again")
            rows = pq.read_table(file, partitioning=None)
        except (FileNotFoundError, pa.ArrowInvalid):  # gone meanwhile, or no Parquet: a search tells
            continue
        after = change(rows)
        if not after.equals(rows):
            aside = file.with_name(f".{file.name}.aside")
            pq.write_table(after, aside, compression="zstd")
            checksums.replace(file, aside)
            yield Changed(str(file.relative_to(root)), rows.num_rows, after.num_rows)


def renew_line(keys: KeyRing) -> Callable[[bytes], bytes]:
    pattern = re.compile(TOKEN.encode())
    return lambda line: pattern.sub(lambda match: keys.renew(match[0].decode()).encode(), line)
