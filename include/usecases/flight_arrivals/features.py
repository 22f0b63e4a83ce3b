"""Cleaning and features of flight_arrivals, as Ibis expressions.

A flight's delay is known when it has left, and the delay of its arrival when it has landed: a feature's
``event_timestamp`` is the minute of the newest message that is in it. A flight is asked about an hour before its
scheduled departure, and none leaves so early: no message about it can be among its own features.
"""

import ibis

from include.contracts.period import Period
from include.usecases.nycflights import UTC

LATE_MINUTES = 15
HOUR, RECENT = 60, 180
"""Minutes that the features look back."""

Tables = dict[str, ibis.Table]


def process(raw: Tables) -> Tables:
    """Raw tables of one period → ``events``, ``departures`` and ``arrivals``, cleaned.

    ``events`` has one row per flight that is asked about: ``late`` is 1 when it arrives more than 15 minutes late, and
    NULL when it is cancelled or diverted, or has not landed yet.
    """
    return {
        "events": _events(raw["flights"]),
        "departures": _messages(raw["departures"], "departed_at", "dep_delay"),
        "arrivals": _messages(raw["arrivals"], "landed_at", "arr_delay"),
    }


def build(tables: Tables, period: Period, history: Tables | None = None) -> Tables:
    """Messages → the feature views: how punctual the flights of the last hours were, at every minute with a message.

    Windows look back into ``history`` (cleaned, earlier periods); rows come out for the messages of ``tables`` only.
    """
    earlier = history or {}
    left = _seen(tables["departures"], earlier.get("departures"), "departed_at", "dep_delay")
    landed = _seen(tables["arrivals"], earlier.get("arrivals"), "landed_at", "arr_delay")
    airline = left.mutate(**computed("airline_departures", left))
    return {
        "airport_departures": _punctuality(left, "origin", {"departures_1h": HOUR, "departures_3h": RECENT}),
        "airline_departures": _punctuality(airline, "airline_at", {"airline_3h": RECENT}),
        "airport_arrivals": _punctuality(landed, "dest", {"arrivals_3h": RECENT}),
    }


def computed(view: str, rows: ibis.Table) -> dict[str, ibis.Value]:
    """The key of ``airline_departures`` that a message, as a flight, does not have itself: ``EWR_UA``."""
    return {"airline_at": rows.origin + "_" + rows.carrier}


def _events(flights: ibis.Table) -> ibis.Table:
    scheduled = flights.scheduled_at.cast(UTC)
    number = flights.carrier + flights.flight.cast("string")
    return flights.select(
        flight_id=number + "_" + flights.origin + "_" + scheduled.strftime("%Y-%m-%dT%H:%M"),
        event_timestamp=flights.asked_at.cast(UTC),
        carrier=flights.carrier,
        origin=flights.origin,
        dest=flights.dest,
        **computed("airline_departures", flights),
        minute=flights.minute.cast("float64"),
        weekday=flights.weekday.cast("float64"),
        distance=flights.distance.cast("float64"),
        late=(flights.arr_delay > LATE_MINUTES).cast("int32"),
        label_timestamp=flights.settled_at.cast(UTC),
    )


def _messages(raw: ibis.Table, time: str, delay: str) -> ibis.Table:
    columns = {name: raw[name] for name in ("carrier", "flight", "origin", "dest")}
    times = {name: raw[name].cast(UTC) for name in ("scheduled_at", time)}
    return raw.select(**columns, **times, **{delay: raw[delay].cast("float64")})


def _seen(messages: ibis.Table, earlier: ibis.Table | None, time: str, delay: str) -> ibis.Table:
    """The ``wanted`` messages and the earlier ones that windows look back into, with the number of their ``minute``."""
    rows = messages.mutate(wanted=True)
    if earlier is not None:
        rows = rows.union(earlier.select(*messages.columns).mutate(wanted=False))
    return rows.mutate(event_timestamp=rows[time], delay=rows[delay], minute=rows[time].epoch_seconds() // 60)


def _punctuality(seen: ibis.Table, key: str, spans: dict[str, int]) -> ibis.Table:
    """Per key and minute with a message: flights, mean delay and share of late ones in the minutes up to it."""
    columns: dict[str, ibis.Value] = {}
    for name, minutes in spans.items():
        window = ibis.range_window(group_by=key, order_by="minute", preceding=minutes - 1, following=0)
        columns[f"{name}_count"] = seen.count().over(window).cast("float64")
        columns[f"{name}_delay"] = seen.delay.mean().over(window)
        columns[f"{name}_late"] = (seen.delay > LATE_MINUTES).cast("float64").mean().over(window)
    rows = seen.select(key, "event_timestamp", "wanted", **columns)
    return rows.filter(rows.wanted).drop("wanted").distinct()
