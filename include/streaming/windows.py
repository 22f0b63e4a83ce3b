"""Windows of events: what is in them, what an event changes, what they can forget."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping

from include.contracts.streaming import KeptEvent, StreamWindow, place
from include.streaming.events import Event


def homes(windows: Mapping[str, StreamWindow]) -> dict[str, str]:
    """Event id → key of the window that has it."""
    return {name: key for key, window in windows.items() for name in window.events}


def merge(
    windows: Mapping[str, StreamWindow], events: Iterable[Event], late_seconds: float
) -> tuple[dict[str, StreamWindow], dict[str, list[float]], int]:
    """Windows with the events in, the touched times per key, and how many events came too late for them.

    A correction of an event's key takes it out of the window that had it, and touches its time there.

    Late is what is so much older than an event that was published, and settled, before it.
    Of two events with one id the one from the later place on the stream stays, whatever came first; a correction of
    its time touches both times.
    """
    changed: dict[str, StreamWindow] = {}
    touched: dict[str, list[float]] = {}
    late, known = 0, homes(windows)
    for event in events:
        window = changed.get(event.key) or windows.get(event.key)
        if window and window.settled is not None and event.time < window.settled - late_seconds:
            late += 1
            continue
        if (home := known.get(event.id, event.key)) != event.key:
            former = changed.get(home) or windows[home]
            moved = former.events[event.id]
            if place(moved.entry) >= place(event.entry):
                continue
            rest = {name: kept for name, kept in former.events.items() if name != event.id}
            changed[home] = former.model_copy(update={"events": rest})
            touched.setdefault(home, []).append(moved.time)
        known[event.id] = event.key
        changed[event.key] = _with(window, event)
        there = window.events.get(event.id) if window else None
        touched.setdefault(event.key, []).extend({event.time, there.time if there else event.time})
    return changed, touched, late


def left_times(before: StreamWindow, window: StreamWindow) -> set[float]:
    """Times at which the window had events and has none any more."""
    return {event.time for event in before.events.values()} - {event.time for event in window.events.values()}


def trimmed(window: StreamWindow, oldest: str, horizon: float) -> StreamWindow:
    """Without what no event that can still come looks at; ``oldest`` is the place of the oldest unfinished one."""
    before = [event.time for event in window.events.values() if place(event.entry) < place(oldest)]
    settled = max([*before, *([] if window.settled is None else [window.settled])], default=None)
    kept = {i: event for i, event in window.events.items() if settled is None or event.time >= settled - horizon}
    return window.model_copy(update={"events": kept, "settled": settled})


def _with(window: StreamWindow | None, event: Event) -> StreamWindow:
    kept = KeptEvent(entry=event.entry, time=event.time, event=event.fields)
    if window is None:
        return StreamWindow(since=event.time, newest=event.time, events={event.id: kept})
    there = window.events.get(event.id)
    if there and place(there.entry) >= place(event.entry):
        kept = there
    return StreamWindow(
        since=min(window.since, event.time),
        newest=max(window.newest, event.time),
        settled=window.settled,
        events=window.events | {event.id: kept},
    )


def due(before: StreamWindow | None, window: StreamWindow, touched: Collection[float], reach: float) -> set[float]:
    """Times whose features change: those that look back to a touched time, or whose window has become full."""
    begun = sorted(touched)
    return {
        t
        for t in full(window, reach)
        if bisect_left(begun, t - reach) < bisect_right(begun, t) or (before and t - reach < before.since)
    }


def full(window: StreamWindow, reach: float) -> set[float]:
    """Times of the events whose features look back on nothing but known time."""
    return {event.time for event in window.events.values() if event.time - reach >= window.since}


def needed(
    windows: Mapping[str, StreamWindow], due: Mapping[str, set[float]], reach: float
) -> tuple[list[KeptEvent], list[KeptEvent]]:
    """The events of the due times, and the earlier ones that their features look back to."""
    wanted, earlier = list[KeptEvent](), list[KeptEvent]()
    for key, window in windows.items():
        first, last = min(due[key], default=0.0) - reach, max(due[key], default=-1.0)
        for event in window.events.values():
            if event.time in due[key]:
                wanted.append(event)
            elif first <= event.time <= last:
                earlier.append(event)
    return wanted, earlier
