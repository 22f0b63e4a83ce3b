"""The log of who did what, as steps see it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from include.contracts.audit import AuditEvent


class AuditLog(Protocol):
    """An append-only log of this state root; events of one call stand together and in their order."""

    def append(self, events: Sequence[AuditEvent]) -> None:
        """Keep the events; they are on disk when this returns.

        Raises ServiceError when they cannot be kept: what may not happen unseen does not happen then.
        """

    def read(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[AuditEvent]:
        """The events of ``since`` ≤ time < ``until``, oldest first. Raises DamagedStateError."""
