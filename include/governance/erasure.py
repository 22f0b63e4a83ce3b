"""Rewrites stored rows: deletes rows that name a subject, or renews tokens with the current key.

Every table is handled in all versions that a snapshot pins: its head first, so that each version pinned afterwards
is clean in all periods; then the pinned contents; then the manifests. Killed anywhere, a repetition finishes it.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.contracts.period import Period
from include.contracts.pseudonyms import TOKEN, KeyRing
from include.contracts.tables import PERIOD, SnapshotRef, TableRef
from include.formats import checksums
from include.governance.mentions import texts
from include.ports.lake import Lake
from include.ports.snapshots import SnapshotManifests

Change = Callable[[pa.Table], pa.Table]


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
        """Delete the files of every version and period that no manifest names.

        Only publications commit to what manifests name, and none is under way; others may append to the rest.
        """
        pinned = {(m.tables[table].version, m.period) for m in self.snapshots.manifests().values() if table in m.tables}
        if pinned:
            self.lake.prune(self.usecase, table, sorted(pinned))
        else:
            self.lake.vacuum(self.usecase, table)

    def _table(self, table: str) -> None:
        pinning = {place: m for place, m in self.snapshots.manifests().items() if table in m.tables}
        # the current snapshot's manifest first: a kill may have left an older content at the table's head
        heads = self._heads(table)
        contents = {(m.period, m.tables[table].version) for m in pinning.values()}
        head = self.lake.version(self.usecase, table)
        periods = self.lake.periods(self.usecase, table)
        changes = {p: self._changed(table, p, heads.get(p, head)) for p in periods}
        dirty = [at for at in contents if self._changed(table, *at)[1]]
        if not dirty and not any(changed for _, changed, _ in changes.values()):
            return
        self._publish(table, changes, {at for at in contents if heads.get(at[0]) != at[1]}, pinning)
        before, after = (sum(c[i] for c in changes.values()) for i in (0, 2))
        self.changed.append(Changed(f"lake/{table}", before, after))

    def _heads(self, table: str) -> dict[Period, int]:
        """Period → version of the table that the current snapshot pins."""
        return {m.period: m.tables[table].version for m in self.snapshots.published() if table in m.tables}

    def _changed(self, table: str, period: Period, version: int) -> tuple[int, bool, int]:
        """Rows before, whether the change does anything, rows after."""
        rows = self.lake.read(self.usecase, table, [period], version)
        after = self.change(rows)
        return rows.num_rows, not after.equals(rows), after.num_rows

    def _write(self, table: str, period: Period, version: int) -> TableRef:
        rows = self.change(self.lake.read(self.usecase, table, [period], version))
        return self.lake.publish(self.usecase, table, rows.drop_columns([PERIOD]), period)

    def _write_head(self, table: str, period: Period) -> None:
        """The newest rows; what others appended between reading and writing is taken up by writing again."""
        version = self.lake.version(self.usecase, table)
        while (written := self._write(table, period, version).version) > version + 1:
            version = written - 1

    def _publish(
        self,
        table: str,
        changes: dict[Period, tuple[int, bool, int]],
        others: set[tuple[Period, int]],
        pinning: dict[str, SnapshotRef],
    ) -> None:
        current = self._heads(table)
        for period, (_, changed, _) in changes.items():  # afterwards the head is clean in every period
            if period in current:
                self._write(table, period, current[period])
            elif changed:
                self._write_head(table, period)
        refs = {}
        for period, version in sorted(others):
            refs[period, version] = self._write(table, period, version)
            if period in current:
                self._write(table, period, current[period])
        for period, version in current.items():
            refs[period, version] = self._write(table, period, version)
        for place, manifest in pinning.items():
            self._repin(place, manifest, table, refs[manifest.period, manifest.tables[table].version])

    def _repin(self, place: str, manifest: SnapshotRef, table: str, ref: TableRef) -> None:
        rewrites = [*manifest.rewrites, *([] if self.mark in manifest.rewrites else [self.mark])]
        again = manifest.model_copy(update={"tables": {**manifest.tables, table: ref}, "rewrites": rewrites})
        self.snapshots.replace(place, again)


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
