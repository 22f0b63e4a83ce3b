"""Streams of events and of requests."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from include.contracts.period import Period
from include.contracts.streaming import DeadLetter, StreamChange, StreamEntry, StreamWindow, UnreadableRecord


class EventStream(Protocol):
    """The events of one feature view, in order of arrival, and what the speed layer remembers of them."""

    def open(self) -> None:
        """Make the stream and its group unless they are there."""

    def publish(self, events: Sequence[Mapping[str, Any]], patience: float = 60.0) -> None:
        """Append events; waits while the consumer is behind. Raises ServiceError when that lasts."""

    def backlog(self) -> int:
        """Events that are not done: waiting, or being worked on."""

    def take(self, consumer: str, count: int, wait_seconds: float) -> list[StreamEntry]:
        """New events, for this consumer alone; [] when none came."""

    def reclaim(self, consumer: str, count: int, idle_seconds: float) -> list[StreamEntry]:
        """Events whose consumer was silent for so long; fewer at once the more consumers died of them."""

    def hold(self, consumer: str, entries: Sequence[StreamEntry]) -> None:
        """Say that these are still being worked on."""

    def commit(
        self,
        entries: Sequence[StreamEntry],
        dead: Mapping[str, str],
        keys: Sequence[str],
        decide: Callable[[dict[str, StreamWindow], str], StreamChange],
        ids: Sequence[str] = (),
    ) -> StreamChange:
        """Finish these entries: what ``decide`` says of the keys' windows, in one step, or nothing.

        ``dead`` maps entries to the reason why they are put aside. ``decide`` gets the windows, also those of other
        keys that have events of these ``ids``, and the place of the oldest unfinished event; it is asked again when
        another consumer changed a window meanwhile.
        """

    def pushed(self, period: Period) -> list[str]:
        """JSON of every feature row that was pushed for this period."""

    def put_aside(self, period: Period, rows: Mapping[str, str]) -> int:
        """Move these pushed rows of the period (JSON → why) to the dead letters; how many."""

    def forget(self, before: Period) -> None:
        """Drop what was pushed for periods before this one."""

    def newest(self) -> datetime | None:
        """The newest event time that was processed."""

    def dead_letters(self) -> list[DeadLetter]: ...

    def replay(self) -> int:
        """Put every dead letter back onto the stream; how many."""

    def drop_dead(self) -> int:
        """Delete every dead letter; how many."""


class RequestStream(Protocol):
    """Requests that come as events, and the stream that their answers go to."""

    def answer(self, entries: Sequence[StreamEntry], dead: Mapping[str, str], results: Mapping[str, str]) -> None:
        """Finish these entries in one step: ``results`` (JSON by entry) written, ``dead`` (reasons) put aside."""

    def forget_results(self, before: datetime) -> int:
        """Delete the answers that were written before; how many."""


class Unreadable(Protocol):
    """What one reader could not read."""

    def keep(self, records: Sequence[UnreadableRecord]) -> int:
        """Keep and count those that are not kept yet; how many."""

    def forget(self, before: datetime) -> int:
        """Drop what was met before; how many."""
