"""Cleaning of digit_image: one event per scan. There are no feature views: a request carries the whole picture."""

import ibis

from include.contracts.period import Period
from include.usecases.digit_image.source import PIXELS


def process(raw: dict[str, ibis.Table]) -> dict[str, ibis.Table]:
    """Raw scans → ``events``: ``scan``, ``event_timestamp`` (UTC), ``pixels_00`` … ``pixels_63``, label and its time.

    The label is known a day after the scan came in; without one (nobody has read it yet) its time is missing too.
    """
    scans = raw["scans"]
    known = scans.received_at + ibis.interval(hours=24)
    return {
        "events": scans.select(
            scan=scans.scan,
            event_timestamp=scans.received_at,
            **{f"pixels_{n:02d}": scans[f"pixel_{n:02d}"].cast("float64") for n in range(PIXELS)},
            digit=scans.digit.cast("int32"),
            label_timestamp=scans.digit.notnull().ifelse(known, ibis.null(known.type())),
        )
    }


def build(
    tables: dict[str, ibis.Table], period: Period, history: dict[str, ibis.Table] | None = None
) -> dict[str, ibis.Table]:
    """No feature views."""
    return {}
