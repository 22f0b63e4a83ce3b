"""The audit log as a whole: batches of predictions, checkpoints, proofs, and what the lake has beside them."""

import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from include.contracts.audit import AuditEntry, SignedCheckpoint
from include.errors import DataError, NotFoundError
from include.formats import merkle
from include.formats.file_proof import sha256
from include.formats.row_bytes import readable
from include.records.registry import ANSWERS, APPROVALS, PREDICTIONS, PRIVACY_RECORDS, RECORD_TABLES
from include.services.adapters import Adapters
from include.services.answers import Answers
from include.specification.loader import specifications
from include.specification.usecase import UseCase

if TYPE_CHECKING:  # the pages load no numerics
    from include.services.logged_rows import LoggedRows
    from include.services.prediction_leaves import PredictionLeaves


OF_LOG, OF_RELEASES = ("*.jsonl", "*.leaves", "*.tree"), ("*/r[0-9]*/**/*",)
"""The files that are signed, below the directory of the log and below that of all releases."""
CLOCKS = timedelta(days=1)
"""How far the clock of the model server may be ahead of the one that writes the log."""


class Verified(NamedTuple):
    """What was altered, what else is to be known, and how much was verified."""

    faults: list[str]
    notes: list[str]
    counts: dict[str, int]


class Audit:
    """Signs the log of this state root, and proves what is in it."""

    def __init__(self, adapters: Adapters, answers: Answers) -> None:
        self._adapters, self._answers = adapters, answers

    @contextmanager
    def logging(self, spec: UseCase, table: str, rows: pa.Table, *, again: bool = False) -> Iterator[None]:
        """Append a batch of predictions once the block has written them; their leaves are made meanwhile.

        ``again``: a killed process may have logged some of them, which are left out.
        """
        leaves = self._leaves(spec)
        with ThreadPoolExecutor(1, "leaves") as beside:
            made = beside.submit(lambda: leaves.batches(table, self._unlogged(spec, table, rows) if again else rows))
            yield
        for batch in made.result():
            self._adapters.audit.append_batch(*batch)

    def log_scored(self, spec: UseCase, table: str, file: Path, of: str) -> None:
        """Append the answers of a Parquet file, which replace those that were computed of the same before."""
        leaves, run = self._leaves(spec), f"{of}/{secrets.token_hex(4)}"
        with pq.ParquetFile(file) as answers:
            for rows in answers.iter_batches(1 << 16):
                for batch in leaves.batches(table, pa.Table.from_batches([rows]), run):
                    self._adapters.audit.append_batch(*batch)

    def checkpoint(self) -> SignedCheckpoint | None:
        """Sign what there is, with the newest approvals and the manifests of releases; errors as the port says."""
        return self._adapters.audit.checkpoint(self.heads())

    def heads(self) -> dict[str, str]:
        """Of each use case the newest entry of the record of approvals, and each release's manifest."""
        heads: dict[str, str] = {}
        for name in sorted(specifications().good):
            if rows := APPROVALS.read(name, self._adapters.lake):
                heads[f"approvals/{name}"] = f"{rows[-1].sequence}:{rows[-1].content_hash}"
        for file in sorted(self._adapters.settings.releases.glob("*/[!.]*/release.json")):
            heads[f"releases/{file.parent.parent.name}/{file.parent.name}"] = sha256(file)
        return heads

    def batches(self, spec: UseCase, table: str) -> list[AuditEntry]:
        """The batches of a table that count: of answers that were computed again the last ones."""
        mine = list(self._adapters.audit.batches(spec.name, table))
        newest = {_of(entry): entry.batch.run for entry in mine if entry.batch}
        return [entry for entry in mine if entry.batch and newest[_of(entry)] == entry.batch.run]

    def verify(self, usecases: Sequence[UseCase], *, rows: bool = True) -> "Verified":
        """Verify the log, its checkpoints and their copy, approvals, releases and, with ``rows``, predictions."""
        from include.adapters.audit_log import verify_audit

        settings = self._adapters.settings
        with tempfile.TemporaryDirectory() as approvals:
            self._export_approvals(Path(approvals))
            keys = verify_audit.Keys([file for file in [settings.approval_public_keys] if file.is_file()])
            faults, notes, counts = verify_audit.verify(
                settings.audit, keys, settings.audit_checkpoints, Path(approvals), settings.releases
            )
        compared = [self._compared(spec, table) for spec in usecases for table in ANSWERS] if rows else []
        return Verified(
            faults + [fault for one in compared for fault in one.faults],
            notes + [note for one in compared for note in one.notes],
            {**counts, **({"rows of predictions": sum(one.rows for one in compared)} if rows else {})},
        )

    def export(self, directory: Path, *, releases: bool = True) -> Path:
        """Copy what an auditor verifies elsewhere: log, approvals, releases, public keys and the verifier itself.

        No key of a person is among it: values of people stay sealed. Raises DataError when the directory has files,
        NotFoundError when nothing was signed yet.
        """
        from include.adapters.audit_log import verify_audit

        settings = self._adapters.settings
        if not self._adapters.audit.checkpoints():
            raise NotFoundError("the audit log has no checkpoint to verify it by: run `moebius audit checkpoint` first")
        if directory.exists() and any(directory.iterdir()):
            raise DataError(f"{directory} is not empty: name a new directory for the export of the audit log")
        _copy(settings.audit, directory / "log", OF_LOG)
        (directory / "approvals").mkdir()
        self._export_approvals(directory / "approvals")
        if releases:
            _copy(settings.releases, directory / "releases", OF_RELEASES)
        shutil.copyfile(settings.approval_public_keys, directory / "approval.pub")
        shutil.copyfile(str(verify_audit.__file__), directory / "verify_audit.py")
        return directory

    def _export_approvals(self, directory: Path) -> None:
        """The signed record of each use case, a JSON line for each entry."""
        for name in sorted(specifications().good):
            if rows := APPROVALS.read(name, self._adapters.lake):
                lines = "".join(json.dumps(row.json_dict(), sort_keys=True) + "\n" for row in rows)
                (directory / f"{name}.jsonl").write_text(lines)

    def _compared(self, spec: UseCase, table: str) -> "LoggedRows":
        """With what retention and erasures deleted."""
        changes = PRIVACY_RECORDS.read(spec.name, self._adapters.lake, kind="erasure", place=f"lake/{table}")
        erased = sum(change.before - change.after for change in changes)
        return self.compare_rows(spec, table, self._answers.kept_since(spec), erased)

    def compare_rows(
        self, spec: UseCase, table: str, kept_since: datetime | None = None, erased: int = 0
    ) -> "LoggedRows":
        """Whether the rows of the lake are those that were logged; so many ``erased`` ones may be gone."""
        from include.services import logged_rows

        def name(row: dict[str, object]) -> str:
            return f"request {row['request_id']}" if "request_id" in row else f"a row of period {row.get('period')}"

        entries, leaves = self.batches(spec, table), self._leaves(spec)
        about = logged_rows.LoggedRows(spec.name, table)
        log, lake = self._adapters.audit, self._adapters.lake
        return logged_rows.compare(lake, log, leaves, entries, about, name, kept_since, erased)

    def prove(self, spec: UseCase, request: str, table: str = PREDICTIONS.name) -> dict[str, Any]:
        """Everything that shows that a prediction was logged, for ``verify_audit.py --proof``.

        Raises NotFoundError when there is no such prediction, when the log has another one, or when nobody has signed
        its day yet.
        """
        rows = RECORD_TABLES[table].rows(spec.name, self._adapters.lake, request_id=request)
        if not rows.num_rows:
            raise NotFoundError(f"{spec.name} has no prediction {request!r} in the lake: see `moebius read`")
        leaves = self._leaves(spec)
        for entry, position in self._places(spec, table, rows):
            if entry.batch is None or (signed := self._signed(entry)) is None:
                continue
            treated = leaves.treated(rows, entry.batch).to_pylist()[0]
            key = leaves.key(rows.to_pylist()[0], entry.batch)
            path = merkle.inclusion(self._adapters.audit.leaves(entry.day, entry.batch), position)
            return {
                "place": {"day": entry.day, "entry": entry.number, "position": position},
                "row": readable(treated, entry.batch.columns),
                "key": key.hex() if key else None,
                "batch_path": [one.hex() for one in path],
                **self._day_proof(entry, signed),
            }
        raise NotFoundError(
            f"the audit log has no signed entry of the prediction {request!r} as the lake has it: run `moebius audit "
            "checkpoint` when it is new, else `moebius audit verify`"
        )

    def prove_entry(self, day: str, number: int) -> dict[str, Any]:
        """The same for an event of the log."""
        for entry in self._adapters.audit.entries():
            if (entry.day, entry.number) == (day, number) and (proof := self.proof_of(entry)):
                return proof
        raise NotFoundError(f"the audit log has no signed entry {number} of {day}: see `moebius audit checkpoint`")

    def proof_of(self, entry: AuditEntry) -> dict[str, Any] | None:
        """The same for an entry at hand; None while nobody has signed it."""
        if (signed := self._signed(entry)) is None:
            return None
        return {"place": {"day": entry.day, "entry": entry.number}, **self._day_proof(entry, signed)}

    def _day_proof(self, entry: AuditEntry, signed: SignedCheckpoint) -> dict[str, Any]:
        tree = self._adapters.audit.tree(entry.day)[: signed.checkpoint.size * merkle.SIZE]
        return {
            "entry": self._adapters.audit.line(entry.day, entry.number),
            "day_path": [one.hex() for one in merkle.inclusion(tree, entry.number)],
            "checkpoint": signed.json_dict(),
        }

    def _signed(self, entry: AuditEntry) -> SignedCheckpoint | None:
        """The newest checkpoint that an entry is under."""
        for signed in reversed(self._adapters.audit.checkpoints()):
            if signed.checkpoint.day == entry.day and signed.checkpoint.size > entry.number:
                return signed
        return None

    def _places(self, spec: UseCase, table: str, rows: pa.Table) -> Iterator[tuple[AuditEntry, int]]:
        """Where the log has the first of the rows, batch and position."""
        time = rows[spec.event.time].to_pylist()[0]
        leaves = self._leaves(spec)
        written = rows["logged_at"].to_pylist()[0] if "logged_at" in rows.column_names else None
        for entry in self._adapters.audit.batches(spec.name, table, written and written - CLOCKS):
            if (batch := entry.batch) and _may_hold(batch.first, batch.last, time):
                content = self._adapters.audit.leaves(entry.day, batch)
                for made in leaves.leaves(rows.slice(0, 1), batch):
                    if made[0] and (position := _position(content, made[0])) is not None:
                        yield entry, position

    def _unlogged(self, spec: UseCase, table: str, rows: pa.Table) -> pa.Table:
        """The rows whose leaf is in no batch of the log."""
        from include.services.prediction_leaves import forms

        entries, leaves = self.batches(spec, table), self._leaves(spec)
        known = {
            content[at : at + merkle.SIZE]
            for entry in entries
            if entry.batch and _overlap(entry.batch.first, entry.batch.last, rows[spec.event.time].to_pylist())
            for content in [self._adapters.audit.leaves(entry.day, entry.batch)]
            for at in range(0, len(content), merkle.SIZE)
        }
        logged = [False] * rows.num_rows
        for form in forms([entry.batch for entry in entries if entry.batch]):
            for made in leaves.leaves(rows, form):
                logged = [before or leaf in known for before, leaf in zip(logged, made, strict=True)]
        return rows.filter(pa.array([not one for one in logged]))

    def _leaves(self, spec: UseCase) -> "PredictionLeaves":
        from include.services.prediction_leaves import PredictionLeaves

        return PredictionLeaves(spec, self._adapters.audit_keys)


def _copy(source: Path, target: Path, patterns: Sequence[str]) -> None:
    """What is signed, and nothing else: no lock, no other state, nothing that a killed writer left."""
    for file in sorted({file for pattern in patterns for file in source.glob(pattern)}):
        inside = file.relative_to(source)
        if file.is_file():
            (target / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target / inside)


def _of(entry: AuditEntry) -> str:
    """What a batch is the answers of; batches that nothing replaces are each of their own."""
    run = entry.batch.run if entry.batch else ""
    return run.rpartition("/")[0] or f"{entry.day}#{entry.number}"


def _may_hold(first: Any, last: Any, time: Any) -> bool:
    return first is None or time is None or first <= time <= last


def _overlap(first: Any, last: Any, times: Sequence[Any]) -> bool:
    known = [time for time in times if time]
    return not known or first is None or (first <= max(known) and min(known) <= last)


def _position(leaves: bytes, leaf: bytes) -> int | None:
    at = leaves.find(leaf)
    while at >= 0 and at % merkle.SIZE:
        at = leaves.find(leaf, at + 1)
    return at // merkle.SIZE if at >= 0 else None
