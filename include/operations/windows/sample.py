"""A sample of events that is the same each time, whatever the order of the rows and whatever other rows there are."""

import numpy as np
import pandas as pd


def drawn(ids: pd.Series, most: int) -> np.ndarray:
    """Which rows (n,) are in the sample of about ``most``: all of an event or none; of fewer rows all are."""
    if len(ids) <= most:
        return np.ones(len(ids), bool)
    hashes = pd.util.hash_array(ids.astype(str).to_numpy(dtype=object))
    return np.asarray(hashes < np.uint64(most / len(ids) * 2**64))
