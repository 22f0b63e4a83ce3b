"""Columns of files counted in the bins of a baseline: a batch of rows of some columns at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from include.evaluation.counted import Counted
from include.formats.exact_frames import exact_frame
from include.operations.windows.column_facts import Facts

COLUMNS = 16
"""Columns that are read at a time: a reader holds a row group of each, 2 MB of 250,000 numbers."""


class Batch(NamedTuple):
    """Some rows of some columns: of which group of blocks each is, of which day (-1: of none), and its place of n."""

    rows: pa.RecordBatch
    groups: np.ndarray | None = None
    days: np.ndarray | None = None
    places: np.ndarray | None = None


Read = Callable[[Sequence[str]], Iterable[Batch]]
"""Gives the rows of some columns in batches."""


def counted(described: Mapping[str, Mapping[str, Any]], read: Read, groups: int = 0) -> dict[str, Counted]:
    """Every ``described`` column as the files have it, by group of blocks too where there are ``groups``."""
    counts = {name: Counted(of_column, groups) for name, of_column in described.items()}
    for name, values, batch in _columns([*counts], read):
        add(counts[name], values, batch.groups)
    return counts


def counted_with_facts(
    described: Mapping[str, Mapping[str, Any]], read: Read, groups: int, days: int, places: int
) -> tuple[dict[str, Counted], dict[str, Facts]]:
    """The same, and what the faults of the columns are judged on."""
    counts = {name: Counted(of_column, groups) for name, of_column in described.items()}
    facts = {name: Facts(of_column, days, places) for name, of_column in described.items()}
    for name, values, batch in _columns([*counts], read):
        add(counts[name], values, batch.groups)
        _add_facts(facts[name], values, batch)
    return counts, facts


def add(counts: Counted, values: pa.Array, groups: np.ndarray | None = None) -> None:
    """Count values (n,) of Arrow, of these ``groups`` (n,); categories and texts once with the number of their rows."""
    if counts.described["kind"] == "numeric" or types.is_nested(values.type):
        counts.add(_series(values), groups=groups)
    else:
        counts.add(*_distinct(values, groups))


def _columns(names: list[str], read: Read) -> Iterator[tuple[str, pa.Array, Batch]]:
    for some in (names[begin : begin + COLUMNS] for begin in range(0, len(names), COLUMNS)):
        for batch in read(some):
            for name in some:
                yield name, batch.rows.column(name), batch


def _add_facts(facts: Facts, values: pa.Array, batch: Batch) -> None:
    if facts.described["kind"] == "numeric" or types.is_nested(values.type):
        facts.add(_series(values))
    else:
        facts.add(*_distinct(values, None)[:2])
    absent = _series(values).isna().to_numpy()
    if batch.days is not None:
        facts.add_days(absent, batch.days)
    if batch.places is not None:
        facts.mark(batch.places[absent])


def _distinct(values: pa.Array, groups: np.ndarray | None) -> tuple[pd.Series, np.ndarray, np.ndarray | None]:
    """The different values (by group), in how many rows each is, and the group of each."""
    if groups is None:
        counted = pc.value_counts(values)
        return _series(counted.field("values")), counted.field("counts").to_numpy().astype(np.int64), None
    rows = pa.table({"values": values, "groups": groups})
    counted = rows.group_by(["values", "groups"]).aggregate([([], "count_all")])
    return (
        exact_frame(counted.select(["values"]))["values"],
        counted["count_all"].to_numpy(),
        counted["groups"].to_numpy(),
    )


def _series(values: pa.Array) -> pd.Series:
    return exact_frame(pa.table({"values": values}))["values"]
