"""Features computed from the request itself; numpy only, because this file is shipped with every release."""

import numpy as np

DAY_MINUTES = 24 * 60


def on_request(fields: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """``scheduled_speed`` in miles per hour; NaN when the scheduled duration is zero.

    The schedule is in local times, so the duration is modulo a day; what the time zones distort is the
    same for every flight of a route.
    """
    departure = np.asarray(fields["sched_dep_minute"], dtype=np.float64)
    arrival = np.asarray(fields["sched_arr_minute"], dtype=np.float64)
    hours = np.mod(arrival - departure, DAY_MINUTES) / 60
    hours = np.where(hours > 0, hours, np.nan)
    return {"scheduled_speed": np.asarray(fields["distance"], dtype=np.float64) / hours}
