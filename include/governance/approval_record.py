"""The record of approvals as a chain: every entry is signed and names the one before."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from include.contracts.approval import ApprovalEntry, RecordedApproval
from include.errors import DeploymentError
from include.ports.signatures import Signature, Signatures, Verifier

EPOCH = datetime.fromtimestamp(0, UTC)


def entries(
    rows: Sequence[RecordedApproval], usecase: str, environment: str, verifies: Verifier
) -> list[ApprovalEntry]:
    """The verified entries, oldest first.

    Raises DeploymentError at the first one that this state root did not sign, that is of another use case or
    environment, or that does not follow the one before it.
    """
    read: list[ApprovalEntry] = []
    previous = ""
    for number, row in enumerate(rows, start=1):
        entry = signed(row, number, usecase, environment, verifies)
        if (entry.sequence, entry.previous) != (number, previous):
            raise _altered(usecase, number, "it does not follow the entry before it")
        read.append(entry)
        previous = row.content_hash
    return read


def signed(row: RecordedApproval, number: int, usecase: str, environment: str, verifies: Verifier) -> ApprovalEntry:
    """The entry of one row, whatever stands before it.

    Raises DeploymentError when this state root did not sign it for this use case and environment.
    """
    if not verifies(row.content, Signature(row.signature, row.key)):
        raise _altered(usecase, number, f"no key of this state root signed it (it names the key {row.key!r})")
    entry = ApprovalEntry.model_validate_json(row.content)
    if (entry.usecase, entry.environment) != (usecase, environment):
        raise _altered(usecase, number, f"it was signed for {entry.usecase} in {entry.environment}")
    return entry


def following(rows: Sequence[RecordedApproval], signatures: Signatures, **fields: Any) -> RecordedApproval:
    """The next row, signed now; ``fields`` are the entry's, without its number, predecessor and time.

    It is not older than the entry before, whatever the clock says.
    """
    previous, at = (rows[-1].content_hash, rows[-1].at) if rows else ("", EPOCH)
    chained = {"sequence": len(rows) + 1, "previous": previous, "at": max(datetime.now(UTC), at)}
    entry = ApprovalEntry.model_validate({**fields, **chained})
    value, key = signatures.sign(entry.content)
    shown = {name: getattr(entry, name) for name in ("sequence", "at", "event", "version", "by", "reason")}
    return RecordedApproval(**shown, content=entry.content, signature=value, key=key)


def _altered(usecase: str, number: int, what: str) -> DeploymentError:
    return DeploymentError(
        f"alarm: entry {number} of the record of approvals of {usecase} was altered or forged: {what}. Nothing is "
        "deployed until the lake table `approvals` and keys/approval.pub are restored from a backup"
    )
