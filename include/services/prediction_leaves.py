"""Predictions as leaves of the audit log: a hash of the row, or an HMAC of it under the key of its person."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256

import pyarrow as pa
import pyarrow.compute as pc

from include.contracts.audit import PredictionBatch
from include.formats import merkle
from include.formats.row_bytes import kinds, row_bytes
from include.governance import privacy
from include.ports.audit import SubjectKeys
from include.specification.usecase import UseCase

AT_ONCE = 1 << 16
"""Predictions of one batch at most: a proof hashes all of its batch."""


INNER, OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))
Known = Mapping[str, Sequence[tuple[str, bytes]]]
"""Value → ids and keys, oldest first."""


class PredictionLeaves:
    """Makes leaves of rows as the lake has them, when they are written and whenever they are verified."""

    def __init__(self, spec: UseCase, keys: SubjectKeys) -> None:
        self._spec, self._keys = spec, keys
        self._subject = privacy.subject_column(spec) or ""
        self._tokens = [n for n, rule in spec.privacy.columns.items() if rule.treatment == "pseudonymise"]
        self._personal = bool(self._subject or privacy.personal_columns(spec))

    def batches(self, table: str, rows: pa.Table, run: str = "") -> list[tuple[PredictionBatch, bytes]]:
        """What the log keeps of the rows, in some batches where there are many, with their leaf hashes."""
        return [self.batch(table, rows.slice(at, AT_ONCE), run) for at in range(0, rows.num_rows, AT_ONCE)]

    def batch(self, table: str, rows: pa.Table, run: str = "") -> tuple[PredictionBatch, bytes]:
        """What the log keeps of these rows, and their leaf hashes."""
        there = set(rows.column_names)
        tokens = [name for name in self._tokens if name in there]
        subject = (self._subject if self._subject in there else "*") if self._personal else ""
        about = {"columns": kinds(rows.schema), "tokens": tokens, "subject": subject}
        form = PredictionBatch(usecase="", table="", size=1, root="", **about)
        leaves = b"".join(self.leaves(rows, form, give=True)[0])
        first, last = _span(rows, self._spec.event.time)
        batch = PredictionBatch(
            usecase=self._spec.name, table=table, run=run, size=rows.num_rows, root=merkle.root(leaves).hex(),
            first=first, last=last, **about,
        )  # fmt: skip
        return batch, leaves

    def leaves(self, rows: pa.Table, form: PredictionBatch, *, give: bool = False) -> list[list[bytes]]:
        """The leaf hashes of the rows in the form of a batch; more than one list where values have several keys.

        ``give``: a person without a key gets one; else there is no leaf (b"").
        """
        people = _texts(rows, form.subject) if form.subject else None
        secrets = self._of(people, give) if people is not None else {}
        there = [name for name in form.tokens if name in rows.column_names]
        keys = {name: secrets if name == form.subject else self._of(_texts(rows, name), give) for name in there}
        rounds = max((len(found) for known in (secrets, *keys.values()) for found in known.values()), default=1)
        return [self._round(rows, form, people, secrets, keys, at) for at in range(max(rounds, 1))]

    def treated(self, rows: pa.Table, form: PredictionBatch) -> pa.Table:
        """The rows as they are hashed: the id of its key stands for each pseudonym."""
        keys = {name: self._of(_texts(rows, name), False) for name in form.tokens if name in rows.column_names}
        return _treated(rows, keys, 0)

    def key(self, row: Mapping[str, object], form: PredictionBatch) -> bytes | None:
        """The key of the row's leaf; None where no person is concerned, or the key was deleted."""
        if not form.subject:
            return None
        value = str(row.get(form.subject) or "")
        found = self._keys.having(self._spec.name, [value]).get(value, [])
        return leaf_key(found[0][1]) if found else None

    def _of(self, values: pa.Array, give: bool) -> Known:
        distinct = pc.unique(values).to_pylist()
        if give:
            return {value: [key] for value, key in self._keys.give(self._spec.name, distinct).items()}
        return self._keys.having(self._spec.name, distinct)

    def _round(
        self, rows: pa.Table, form: PredictionBatch, people: pa.Array | None,
        secrets: Known, keys: Mapping[str, Known], at: int,
    ) -> list[bytes]:  # fmt: skip
        """The leaf hashes with the keys of number ``at`` of each value, or the last one there is."""
        contents = row_bytes(_treated(rows, keys, at), form.columns)
        if people is None:
            return [sha256(b"\0" + content).digest() for content in contents]
        own = {value: _pads(found[min(at, len(found) - 1)][1]) for value, found in secrets.items()}
        coded = people.dictionary_encode()
        of_code = [own.get(value) for value in coded.dictionary.to_pylist()]
        pads = map(of_code.__getitem__, coded.indices.to_numpy().tolist())
        return [
            sha256(b"\0" + sha256(key[1] + sha256(key[0] + content).digest()).digest()).digest() if key else b""
            for content, key in zip(contents, pads, strict=True)
        ]


def leaf_key(key: bytes) -> bytes:
    """The half of a person's key that leaves are HMACs under; the other half seals values."""
    return key[len(key) // 2 :]


def _pads(key: bytes) -> tuple[bytes, bytes]:
    """What HMAC-SHA256 (RFC 2104) puts before the content, and before its hash: a third faster than the library's."""
    block = leaf_key(key).ljust(64, b"\0")
    return block.translate(INNER), block.translate(OUTER)


def _treated(rows: pa.Table, keys: Mapping[str, Known], at: int) -> pa.Table:
    for name, known in keys.items():
        ids = {value: found[min(at, len(found) - 1)][0] for value, found in known.items()}
        rows = rows.set_column(rows.column_names.index(name), name, _mapped(_texts(rows, name), ids))
    return rows


def _texts(rows: pa.Table, name: str) -> pa.Array:
    """The column as texts, '' where nothing is known or there is no such column."""
    if name not in rows.column_names:
        return pa.array([""] * rows.num_rows, pa.large_string())
    column = rows[name].combine_chunks() if isinstance(rows[name], pa.ChunkedArray) else rows[name]
    return pc.fill_null(column.cast(pa.large_string()), "")


def _mapped(values: pa.Array, to: Mapping[str, str]) -> pa.Array:
    coded = values.dictionary_encode()
    return pa.array([to.get(value, "") for value in coded.dictionary.to_pylist()], pa.large_string()).take(
        coded.indices
    )


def _span(rows: pa.Table, time: str) -> tuple[datetime | None, datetime | None]:
    if time not in rows.column_names or not pa.types.is_timestamp(rows.schema.field(time).type):
        return None, None
    bounds = pc.min_max(rows[time].cast(pa.timestamp("us", "UTC"))).as_py()
    return bounds["min"], bounds["max"]


def forms(batches: Sequence[PredictionBatch]) -> Iterator[PredictionBatch]:
    """One batch of each form in which rows were turned into leaves."""
    seen = set()
    for batch in batches:
        form = (tuple(batch.columns.items()), tuple(batch.tokens), batch.subject)
        if form not in seen:
            seen.add(form)
            yield batch
