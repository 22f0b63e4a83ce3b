"""Features computed when a request arrives; numpy only, because it also runs inside the model server."""

import numpy as np

MINUTES_PER_DAY = 24 * 60


def on_request(fields: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The ``from: on_request`` features of n requests.

    ``fields`` holds arrays of shape (n,): ``distance`` in miles, ``sched_dep_minute`` and
    ``sched_arr_minute`` in minutes after local midnight. Returns ``scheduled_speed`` of shape (n,),
    float64, miles per hour by the two local clocks (time zones crossed are part of it); NaN where the
    scheduled duration is zero or an input is NaN.
    """
    departure = np.asarray(fields["sched_dep_minute"], dtype=np.float64)
    arrival = np.asarray(fields["sched_arr_minute"], dtype=np.float64)
    hours = np.mod(arrival - departure, MINUTES_PER_DAY) / 60.0
    known = np.where(hours > 0, hours, np.nan)
    return {"scheduled_speed": np.asarray(fields["distance"], dtype=np.float64) / known}
