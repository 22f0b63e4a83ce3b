"""The log of who did what, as steps see it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from include.contracts.audit import AuditEntry, AuditEvent, PredictionBatch, SignedCheckpoint


class AuditLog(Protocol):
    """An append-only log of this state root; events of one call stand together and in their order."""

    def append(self, events: Sequence[AuditEvent]) -> None:
        """Keep the events; they are on disk when this returns.

        Raises ServiceError when they cannot be kept: what may not happen unseen does not happen then.
        """

    def append_batch(self, batch: PredictionBatch, leaves: bytes) -> None:
        """Keep a batch of predictions, as the hashes of their leaves; as ``append``."""

    def read(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[AuditEvent]:
        """The events of ``since`` ≤ time < ``until``, oldest first. Raises DamagedStateError."""

    def entries(
        self, since: datetime | None = None, until: datetime | None = None, having: Mapping[str, str] | None = None
    ) -> Iterator[AuditEntry]:
        """Every entry of the days that hold events of these times, with its place; batches too.

        A day's file is opened only if the day may hold such an event. ``having``: field of an event → its value, as a
        whole; entries that cannot be of such an event may be left out.
        """

    def newest(self, since: date) -> Iterator[AuditEntry]:
        """The entries of that day and later ones, those that were written last first; a day is read when it is met."""

    def tally(self, since: date) -> Mapping[tuple[str, str], int]:
        """(UTC day, kind) → number of events, from that day on, in order; a batch is one of kind ``use``."""

    def forgotten(self, since: date) -> int:
        """How many entries of that day and later ones are only hashes: their retention is over."""

    def answers_after(self, usecase: str, at: datetime) -> int:
        """How many predictions of a use case were logged later than that."""

    def size(self) -> int:
        """How many entries the log has."""

    def batches(self, usecase: str, table: str, since: datetime | None = None) -> Iterator[AuditEntry]:
        """The batches of a table that were written from the day of ``since`` on; no event is opened."""

    def leaves(self, day: str, batch: PredictionBatch) -> bytes:
        """The leaf hashes of a batch of the day. Raises DamagedStateError when they are not there."""

    def tree(self, day: str) -> bytes:
        """The leaf hashes of the day's entries."""

    def line(self, day: str, number: int) -> str:
        """An entry as it was hashed. Raises NotFoundError."""

    def prune(self, before: datetime, kept: Callable[[AuditEvent], bool]) -> dict[str, int]:
        """Reduce the events of earlier days, but those to be ``kept``, to their hashes; how many, by day.

        The trees stay as they are: who held an event can still prove it.
        """

    def checkpoint(self, heads: Mapping[str, str]) -> SignedCheckpoint | None:
        """Sign every day that has grown since its last checkpoint, and copy what is signed outside the state root.

        Returns the newest checkpoint, None of an empty log. Raises SettingsError in a process without the key,
        DamagedStateError when what was signed is not the beginning of what is there, ServiceError when there is no
        place to copy to.
        """

    def checkpoints(self) -> list[SignedCheckpoint]:
        """Those of the state root, oldest first."""


class SubjectKeys(Protocol):
    """Random keys, one for each person: who deletes a key makes unreadable what was sealed under it."""

    def give(self, usecase: str, values: Sequence[str]) -> dict[str, tuple[str, bytes]]:
        """Value → id and key, made where there is none."""

    def having(self, usecase: str, values: Sequence[str]) -> dict[str, list[tuple[str, bytes]]]:
        """Value → the ids and keys that there are, oldest first."""

    def values(self, usecase: str) -> set[str]:
        """Every value that has a key."""

    def erase(self, usecase: str, values: Sequence[str]) -> int:
        """Delete the keys of the values; how many. Nothing of them is left in the store."""

    def renew(self, usecase: str, change: Callable[[str], str]) -> int:
        """Give the keys of each value that changes to the changed value; how many."""
