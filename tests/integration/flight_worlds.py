"""Variations of the flights of 2013: other orders of the months, changed concepts, a fault, no drift at all.

Each takes and gives rows with the column ``period``; they stand in the order of time within each month.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

Rows = pd.DataFrame
A_MONTH = 12_000
WARM_FREEZING, KMH_PER_MPH = 32.0, 1.609344
HPA_PER_ATMOSPHERE = 1013.25


def fewer(rows: Rows, count: int = A_MONTH) -> Rows:
    """So many rows of every month."""
    return rows.groupby("period").sample(count, random_state=0).sort_index()


def reordered(rows: Rows, seed: int) -> Rows:
    """The months in another order: each is moved in time as a whole."""
    periods = sorted(rows["period"].unique())
    moved = dict(zip(np.random.default_rng(seed).permutation(periods), periods, strict=True))
    starts = {period: pd.Timestamp(f"{period}-01", tz="UTC") for period in periods}
    shift = {period: starts[new] - starts[period] for period, new in moved.items()}
    times = rows["event_timestamp"] + rows["period"].map(shift)
    return rows.assign(event_timestamp=times, period=rows["period"].map(moved))


def flipped_by_hour(rows: Rows, since: str = "2013-06") -> Rows:
    """Within each day and airport the flights get their labels in the opposite order of the clock."""
    late = rows.loc[rows["period"] >= since].sort_values(["sched_dep_minute", "flight_id"])
    day = late["event_timestamp"].dt.tz_convert("America/New_York").dt.date
    turned = late.groupby([day, late["origin"]])["late"].transform(lambda labels: labels.to_numpy()[::-1])
    return rows.assign(late=turned.reindex(rows.index).fillna(rows["late"]).astype(rows["late"].dtype))


def flipped_by_carrier(rows: Rows, since: str = "2013-07") -> Rows:
    """The most punctual carrier changes its name with the least punctual one, and so on."""
    order = list(rows.loc[rows["period"] < since].groupby("carrier")["late"].mean().sort_values().index)
    names = dict(zip(order, order[::-1], strict=True))
    changed = rows["period"] >= since
    return rows.assign(carrier=rows["carrier"].where(~changed, rows["carrier"].map(names).fillna(rows["carrier"])))


def wrong_units(rows: Rows, period: str = "2013-09") -> Rows:
    """The weather of a month in °C, km/h and atmospheres."""
    faulty = rows["period"] == period
    changed = {name: (rows[name] - WARM_FREEZING) / 1.8 for name in ("temp", "dewp")}
    changed |= {"wind_speed": rows["wind_speed"] * KMH_PER_MPH, "pressure": rows["pressure"] / HPA_PER_ATMOSPHERE}
    return rows.assign(**{name: rows[name].where(~faulty, values) for name, values in changed.items()})


def without_drift(rows: Rows) -> Rows:
    """Every flight at a random time of the year: features and label stay together."""
    places = ["flight_id", "event_timestamp", "period"]
    shuffled = rows.sample(frac=1, random_state=0).reset_index(drop=True)
    return shuffled.assign(**{name: rows[name].to_numpy() for name in places})


WORLDS: dict[str, Callable[[Rows], Rows]] = {
    "rows": lambda rows: rows,
    "order_0": lambda rows: reordered(rows, 0),
    "order_1": lambda rows: reordered(rows, 1),
    "order_2": lambda rows: reordered(rows, 2),
    "flip_by_hour": flipped_by_hour,
    "flip_by_carrier": flipped_by_carrier,
    "wrong_units": wrong_units,
    "no_drift_wrong_units": lambda rows: wrong_units(without_drift(rows)),
}
"""By name; the bench takes ``A_MONTH`` rows of every month."""
