"""Of several rows with one key the one that counts: chosen by the data alone, never by the order of the rows."""

from collections.abc import Collection, Iterable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from include.contracts.names import OURS
from include.formats.content import is_nan, quoted
from include.formats.database import in_utc

POSITION, SAME = "position", "same"
KNOWN = f"{OURS}known"


def total_order(columns: Iterable[str], floats: Collection[str] = ()) -> str:
    """SQL after ORDER BY: column by column in the order of their names, the greatest value first, null last.

    ``floats``: the columns of floating numbers; NaN, which pandas has in place of null, is as missing as null. Rows
    that it leaves equal have equal values in all of these columns.
    """
    values = [
        f"CASE WHEN NOT {is_nan(quoted(name))} THEN {quoted(name)} END" if name in floats else quoted(name)
        for name in sorted(columns)
    ]
    return ", ".join(f"{value} DESC NULLS LAST" for value in values) or "1"


def latest_per_key(rows: pd.DataFrame, keys: Sequence[str], order: Sequence[str]) -> pd.DataFrame:
    """One row per key: the last by the columns of ``order``, of equal ones the first by ``total_order`` of the rest.

    The rows keep their order, index and types; null is a key like any other, and the least of an ``order``.
    """
    repeated = rows.duplicated(list(keys), keep=False).to_numpy()
    if not repeated.any():
        return rows
    positions = _latest(rows[repeated].reset_index(drop=True), keys, order)
    chosen = ~repeated
    chosen[repeated.nonzero()[0][positions]] = True
    return rows[chosen]


def latest_known(rows: pd.DataFrame, key: str, known: np.ndarray, order: Sequence[str]) -> pd.DataFrame:
    """One row per key: the last of those that are ``known`` (n,), where there is one, else the last of all."""
    return latest_per_key(rows.assign(**{KNOWN: known}), [key], [KNOWN, *order])[[*rows.columns]]


def _latest(rows: pd.DataFrame, keys: Sequence[str], order: Sequence[str]) -> list[int]:
    names = {name: f"c{number}" for number, name in enumerate(rows.columns)}  # no name meets another one
    table = pa.table([_sortable(values) for _, values in rows.items()], names=[*names.values()])
    table = table.append_column(POSITION, pa.array(range(len(rows))))
    table = table.append_column(SAME, pa.array(rows.groupby(list(keys), sort=False, dropna=False).ngroup()))
    first = [f"{names[name]} DESC NULLS LAST" for name in order]
    rest = [f"{names[name]} DESC NULLS LAST" for name in sorted({*names} - {*keys, *order}, key=str)]
    with in_utc() as connection:
        connection.register("given", table)
        window = f"PARTITION BY {SAME} ORDER BY {', '.join([*first, *rest, POSITION])}"
        query = f"SELECT {POSITION} FROM given QUALIFY row_number() OVER ({window}) = 1"  # noqa: S608 - our own names
        return [position for (position,) in connection.execute(query).fetchall()]


def _sortable(values: pd.Series) -> pa.Array | pa.ChunkedArray:
    """The values, or a text of each where they are of several types: these too have one order."""
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, OverflowError):
        present = zip(values.tolist(), values.isna().tolist(), strict=True)
        return pa.array([None if lacks else f"{type(value).__name__} {value!r}" for value, lacks in present])
