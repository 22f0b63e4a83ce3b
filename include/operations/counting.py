"""Columns of files counted in the bins of a baseline: a batch of rows of some columns at a time."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from include.evaluation.counted import Counted
from include.formats.exact_frames import exact_frame

COLUMNS = 16
"""Columns that are read at a time: a reader holds a row group of each, 2 MB of 250,000 numbers."""


def counted(
    described: Mapping[str, Mapping[str, Any]], read: Callable[[Sequence[str]], Iterable[pa.RecordBatch]]
) -> dict[str, Counted]:
    """Every ``described`` column as the files have it; ``read`` gives the rows of some columns in batches."""
    counts = {name: Counted(of_column) for name, of_column in described.items()}
    every = [*counts]
    for names in (every[begin : begin + COLUMNS] for begin in range(0, len(every), COLUMNS)):
        for batch in read(names):
            for name in names:
                add(counts[name], batch.column(name))
    return counts


def add(counts: Counted, values: pa.Array) -> None:
    """Count values (n,) of Arrow, categories and texts once each with the number of their rows."""
    if counts.described["kind"] == "numeric" or types.is_nested(values.type):
        counts.add(_series(values))
    else:
        distinct = pc.value_counts(values)
        counts.add(_series(distinct.field("values")), distinct.field("counts").to_numpy().astype(np.int64))


def _series(values: pa.Array) -> pd.Series:
    return exact_frame(pa.table({"values": values}))["values"]
