"""Cleaning and features of aircraft_segment, as Ibis expressions.

A month is complete, and its figures may be used, at 06:00 UTC after the last local day: in New York it ends at 04:00
or 05:00 UTC.
"""

from pathlib import Path

import ibis

from include.contracts.period import Period
from include.specification.loader import load_usecase
from include.usecases import nycflights
from include.usecases.nycflights import UTC

FEWEST_FLIGHTS = 5
"""With fewer departures in a month, their mean says little."""
LONG_MILES = 1000
COMPLETE_AFTER_HOURS = 6
FIGURES = ("flights", "mean_distance", "long_share", "destinations", "departure_hour", "weekend_share")
SATURDAY = 5


def process(raw: dict[str, ibis.Table]) -> dict[str, ibis.Table]:
    """Raw tables of one period → ``events``, ``usage``, ``planes``, cleaned.

    ``usage`` has one row per plane with a known tail number, ``events`` those with ``FEWEST_FLIGHTS`` or more.
    """
    usage = _usage(raw["flights"])
    return {"events": _events(usage), "usage": usage, "planes": nycflights.planes(raw["planes"])}


def build(
    tables: dict[str, ibis.Table], period: Period, history: dict[str, ibis.Table] | None = None
) -> dict[str, ibis.Table]:
    """Cleaned tables → the feature views ``plane_usage`` (once the month is complete) and ``plane_registry``."""
    usage, planes = tables["usage"], tables["planes"]
    begin = load_usecase(Path(__file__).parent.name).calendar.start(period)
    return {
        "plane_usage": usage.select("tailnum", *FIGURES, event_timestamp=usage.complete_at),
        "plane_registry": planes.mutate(event_timestamp=ibis.literal(begin).cast(UTC)),
    }


def _events(usage: ibis.Table) -> ibis.Table:
    often = usage.filter(usage.flights >= FEWEST_FLIGHTS)
    return often.select("usage_id", "tailnum", "carrier", event_timestamp=often.complete_at)


def _usage(flights: ibis.Table) -> ibis.Table:
    known = _departures(flights.filter(flights.tailnum.notnull()))
    return known.group_by("tailnum").agg(
        usage_id=known.departure.min(),
        complete_at=known.complete_at.max(),
        carrier=known.carrier.argmin(known.departure),
        flights=known.count().cast("float64"),
        # means of whole numbers: the order of a sum must not show in a content hash
        mean_distance=known.distance.cast("int64").mean(),
        long_share=(known.distance > LONG_MILES).cast("int64").mean(),
        destinations=known.dest.nunique().cast("float64"),
        departure_hour=known.minute.mean() / 60,
        weekend_share=(known.weekday >= SATURDAY).cast("int64").mean(),
    )


def _departures(flights: ibis.Table) -> ibis.Table:
    date, clock = ibis.date(flights.year, flights.month, flights.day), flights.sched_dep_time
    after = ibis.date(flights.year, flights.month, ibis.literal(1)) + ibis.interval(months=1)
    return flights.select(
        "tailnum", "carrier", "dest", "distance",
        departure=date.strftime("%Y-%m-%d") + "_" + clock.cast("string").lpad(4, "0") + "_" + flights.carrier
        + flights.flight.cast("string") + "_" + flights.origin,
        complete_at=after.cast(UTC) + ibis.interval(hours=COMPLETE_AFTER_HOURS),
        minute=(clock // 100) * 60 + clock % 100,
        weekday=date.day_of_week.index(),
    )  # fmt: skip
