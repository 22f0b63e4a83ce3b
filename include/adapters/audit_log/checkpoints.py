"""Signed checkpoints of the log: a line each in ``checkpoints.jsonl``, of which a copy is outside the state root."""

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from include.contracts.audit import Checkpoint, SignedCheckpoint
from include.errors import DamagedStateError, ServiceError
from include.formats import merkle
from include.ports.signatures import Signatures

NAME = "checkpoints.jsonl"
Span = tuple[datetime, datetime] | None


class CheckpointFiles:
    def __init__(self, directory: Path, outside: Path) -> None:
        self._file, self._outside = directory / NAME, outside

    def read(self) -> list[SignedCheckpoint]:
        if not self._file.is_file():
            return []
        return [SignedCheckpoint.read_back(line, self._file) for line in self._file.read_text().splitlines()]

    def bounds(self) -> dict[tuple[str, int], tuple[datetime | None, datetime | None]]:
        """Day and size → the earliest and the latest time of its events."""
        signed = (one.checkpoint for one in self.read())
        return {(one.day, one.size): (one.first, one.last) for one in signed}

    def newest(self) -> dict[str, Checkpoint]:
        """Day → its last checkpoint."""
        return {one.day: one for one in (signed.checkpoint for signed in self.read())}

    def sign(
        self, signatures: Signatures, span: Callable[[str], Span], last: Checkpoint | None, *, log: str,
        heads: Mapping[str, str], day: str, tree: bytes,
    ) -> None:  # fmt: skip
        """A checkpoint of the day, if it has grown since its ``last`` one."""
        self._repair()
        size = len(tree) // merkle.SIZE
        if last:
            _require_beginning(last, tree)
        if not size or (last and last.size == size):
            return
        before = self.read()
        first, latest = span(day) or (None, None)
        checkpoint = Checkpoint(
            log=log, number=len(before) + 1, previous=before[-1].digest_of_content if before else "",
            at=datetime.now(UTC), day=day, size=size, root=merkle.root(tree).hex(), first=first, last=latest,
            heads=dict(heads),
        )  # fmt: skip
        value, key = signatures.sign(checkpoint.content)
        signed = SignedCheckpoint(content=checkpoint.content, signature=value, key=key)
        _append(self._file, json.dumps(signed.json_dict(), sort_keys=True, ensure_ascii=False) + "\n")

    def copy(self, trees: Mapping[str, Path]) -> None:
        """Add what the outside file lacks, and the days' leaf hashes, with which a changed entry can be named.

        Raises DamagedStateError when the outside file says something else, ServiceError when it cannot be written.
        """
        ours, file = self._file.read_text(), self._outside / NAME
        try:
            self._outside.mkdir(parents=True, exist_ok=True)
            theirs = file.read_text() if file.is_file() else ""
            theirs = theirs[: theirs.rfind("\n") + 1]
            if not ours.startswith(theirs):
                raise DamagedStateError(
                    f"alarm: {self._file} does not continue the checkpoints in {file}: the log was changed or made "
                    "again. Keep both, and run `moebius audit verify`, which names the first difference"
                )
            if file.is_file():
                os.truncate(file, len(theirs.encode()))
            _append(file, ours[len(theirs) :])
            for day, tree in trees.items():
                _copy_tree(self._outside / f"{day}.tree", tree)
        except OSError as error:
            raise ServiceError(
                f"checkpoints of the audit log cannot be copied to {self._outside}: {error}; make the directory of "
                "MOEBIUS_AUDIT_CHECKPOINTS writable, then run `moebius audit checkpoint`"
            ) from error

    def _repair(self) -> None:
        """A last line that was cut short was never a checkpoint."""
        if self._file.is_file() and not (content := self._file.read_bytes()).endswith(b"\n"):
            os.truncate(self._file, content.rfind(b"\n") + 1)


def _require_beginning(last: Checkpoint, tree: bytes) -> None:
    if merkle.root(tree[: last.size * merkle.SIZE]).hex() != last.root:
        raise DamagedStateError(
            f"alarm: the entries of {last.day} are not those that checkpoint {last.number} signed: run `moebius audit "
            "verify`, which names what was changed, and restore the file from a backup"
        )


def _copy_tree(copy: Path, tree: Path) -> None:
    """Add the leaf hashes that the copy lacks."""
    there, size = (file.stat().st_size if file.is_file() else 0 for file in (copy, tree))
    if there < size:
        with tree.open("rb") as content, copy.open("ab") as copied:
            content.seek(there)
            copied.write(content.read())


def _append(file: Path, text: str) -> None:
    if text:
        with file.open("a") as appended:
            appended.write(text)
            appended.flush()
            os.fsync(appended.fileno())
