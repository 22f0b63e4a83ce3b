"""Which labels are due: not due is not missing.

A label is due ``event.label_delay`` after the event, seen from the moment of the look (UTC, as ``as_of`` of a
dataset). A label that is due and not there never came. One that came before its time is not counted yet: what comes
early is often one class, and its neighbours are still to come.
"""

from datetime import datetime

import numpy as np
import pandas as pd

from include.specification.usecase import UseCase

UNMATCHED_SHARE = 0.2  # of the labels that are due: as many may never come
MOST_IMMATURE = 0.5  # of a period's labels; beyond, what is left of it says little about it


def due(spec: UseCase, rows: pd.DataFrame, as_of: datetime, published: datetime | None = None) -> np.ndarray:
    """(n,) whether the label of each row was due at ``as_of``; all are without labels, and where no time is told.

    ``published`` is the end of the newest published period: the row that tells a truth comes up to ``event.lead`` after
    the event, and is not due before the period that has it is published.
    """
    if spec.event.label is None or spec.event.time not in rows:
        return np.ones(len(rows), dtype=bool)
    zone, times = spec.calendar.timezone, pd.to_datetime(rows[spec.event.time], utc=True, cache=False)
    passed = times <= pd.Timestamp(spec.event.label_delay.before(as_of, zone))
    if published is not None:
        passed &= times < pd.Timestamp(spec.event.lead.before(published, zone))
    return passed.to_numpy(dtype=bool)


def known(spec: UseCase, rows: pd.DataFrame, as_of: datetime) -> np.ndarray:
    """(n,) whether each row has a label that was known at ``as_of``, by its own time where it has one."""
    there = rows[str(spec.event.label)].notna().to_numpy()
    if spec.event.label_time not in rows:
        return there
    times = pd.to_datetime(rows[spec.event.label_time], utc=True, cache=False)
    return there & (times.isna() | (times <= pd.Timestamp(as_of))).to_numpy()
