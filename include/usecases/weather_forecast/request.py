"""Features computed when a request arrives; numpy only, because it also runs inside the model server."""

import numpy as np

AHEAD_SECONDS = 23 * 3600
DAY_SECONDS = 24 * 3600
YEAR_SECONDS = 365.25 * DAY_SECONDS
NEW_YEAR_2013 = 1356998400  # seconds since 1970-01-01 UTC


def on_request(fields: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The ``from: on_request`` features of n requests: where in the day and in the year the forecast hour lies.

    ``fields["event_timestamp"]`` (n,) is when the forecast is made, in seconds since 1970-01-01 UTC. Returns four
    arrays of shape (n,), float64 in [-1, 1]: a circle has no jump at midnight or at new year.
    """
    target = np.asarray(fields["event_timestamp"], dtype=np.float64) + AHEAD_SECONDS
    day, year = 2 * np.pi * target / DAY_SECONDS, 2 * np.pi * (target - NEW_YEAR_2013) / YEAR_SECONDS
    return {"hour_sin": np.sin(day), "hour_cos": np.cos(day), "year_sin": np.sin(year), "year_cos": np.cos(year)}
