"""Stores of online features, entity by entity: Feast can neither delete nor rename an entity."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

Edit = Callable[[bytes], bytes]
"""Gives back what it gets, or that text changed; it keeps the length."""


class OnlineKeys(Protocol):
    """The entities of one online store, by their serialized keys."""

    def texts(self) -> list[bytes]:
        """The distinct entity keys of all views."""

    def copy(self, edit: Edit) -> int:
        """Store what an edited key has under the edited key too; features that it has.

        What is under the edited key already was written there, so it is not older, and stays.
        """

    def delete(self, edit: Edit) -> int:
        """Delete the features whose key or value ``edit`` changes; features deleted."""


class StreamContents(Protocol):
    """What the event streams of a use case keep: events, dead letters, windows, pushed rows."""

    def documents(self) -> Iterator[Any]:
        """Everything that is JSON."""

    def erase(self, edit: Edit) -> dict[str, tuple[int, int]]:
        """Delete what ``edit`` changes; (before, after) by place."""

    def renew(self, edit: Edit) -> dict[str, tuple[int, int]]:
        """Replace what ``edit`` changes; (before, after) by place."""


class ServerContents(Protocol):
    """Everything that the server of online features and streams holds."""

    def runs(self) -> bool:
        """Whether there is one. Raises ServiceError when one that is needed does not answer."""

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """(kind of key, key and value in clear) for every key of every kind."""

    def compact(self) -> None:
        """Write the server's files anew, so that what was deleted is not in them either."""
