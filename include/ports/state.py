"""Small state and locks: what steps remember outside of tables, and how they keep out of each other's way."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

ABSENT = ""
"""The version of a key that has no value."""


@dataclass(frozen=True)
class Versioned:
    """A value and the version to name when it is replaced; versions are compared, never ordered."""

    text: str
    version: str


class StateStore(Protocol):
    """Small texts by key (``releases/flight_delay/rollout.json``). A change is one step: old or new, never half.

    What ``put`` returned from survives a power cut. ``str()`` names the store in messages.
    """

    def get(self, key: str) -> Versioned | None: ...

    def put(self, key: str, text: str, expected: str | None = None, *, private: bool = False) -> str:
        """Replace the value; returns its version.

        ``expected`` is the version that is replaced: ``ABSENT`` for a first value, None for any. ``private``: only
        the platform's own user may read the value. Raises ConflictError when the key has another version.
        """

    def delete(self, key: str) -> None:
        """Remove the value; a key without one stays as it is."""

    def stamp(self, key: str) -> str:
        """A text that is another one after each ``put`` of the key, told without reading the value; "" for none."""

    def stamps(self, room: str) -> dict[str, str]:
        """Key → stamp of what is directly in ``room`` (``snapshots/flight_delay``), by key; no value is read.

        The stamp is "" where nothing but the value itself says whether it changed.
        """

    def room_stamp(self, room: str) -> str:
        """A text that is another one after each ``put`` or ``delete`` directly in ``room``; no key is looked at.

        "" where the last change is so young that another one might have the same text.
        """

    def keys(self, prefix: str) -> list[str]:
        """Keys below ``prefix`` (``snapshots/flight_delay/named``) at any depth, sorted."""


class Locks(Protocol):
    """Locks by name, for any number of processes."""

    def hold(
        self, name: str, *, shared: bool = False, wait: float | None = None, lease: float = 60.0, refusal: str = ""
    ) -> AbstractContextManager[None]:
        """Held until the block ends; a shared lock keeps out exclusive ones only.

        ``wait`` is how many seconds to wait for it, None for as long as it takes. ``lease`` is how many seconds the
        lock may outlive a holder that died; a holder that lives keeps its lock, however long it works.
        Raises LockHeldError, with the words of ``refusal``, when it is not free in time.
        """
