"""Feature rows that were pushed, read back from their JSON by the columns of the batch; and those that cannot be."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from include.formats.iso_time import IsoTime
from include.streaming.events import INT64

TIME = "event_timestamp"
FIRST, LAST = (limit.ceil("us").tz_localize("UTC") for limit in (pd.Timestamp.min, pd.Timestamp.max.floor("us")))
"""What pandas holds."""


class PushedRows(NamedTuple):
    """Rows with the columns of the batch, and for the text of every other one why it is none."""

    rows: pd.DataFrame
    unreadable: dict[str, str]


def read(texts: Iterable[str], batch: pd.DataFrame, key: str) -> PushedRows:
    """The rows, and why others are none; ``key`` is the column of the entity."""
    contract = _contract(batch, key)
    names, records, unreadable = batch.columns.to_list(), list[dict[str, Any]](), dict[str, str]()
    for text in texts:
        try:
            record = contract.model_validate_json(text).model_dump(by_alias=True)
        except ValidationError as error:
            unreadable[text] = _reason(error)
            continue
        if FIRST < record[TIME] < LAST:
            records.append(record)
        else:
            unreadable[text] = f"a pushed row that cannot be read: {TIME}: outside of what is computed with"
    frame = pd.DataFrame(records, columns=names, dtype=object)  # whole numbers with gaps stay what they are
    return PushedRows(frame.assign(**{TIME: pd.to_datetime(frame[TIME], utc=True)}), unreadable)


def _contract(batch: pd.DataFrame, key: str) -> type[BaseModel]:
    """One row: every column of the batch has its type or is null; a column that is left out is null."""
    fields: dict[str, Any] = {}
    for number, name in enumerate(batch.columns):  # pydantic keeps names for itself
        kind = _kind(batch[name])
        required = name in (key, TIME)
        optional: Any = kind if required else kind | None
        fields[f"c{number}"] = (optional, Field(... if required else None, alias=name))
    return create_model("PushedRow", __config__=ConfigDict(strict=True, extra="ignore", allow_inf_nan=False), **fields)


def _kind(column: "pd.Series[Any]") -> Any:
    if pd.api.types.is_bool_dtype(column):
        return bool
    if pd.api.types.is_numeric_dtype(column):
        return INT64 | float
    if pd.api.types.is_datetime64_any_dtype(column):
        return IsoTime
    return str | bool | int | float


def _reason(error: ValidationError) -> str:
    """Field and kind of fault, without a value."""
    faults = sorted({f"{fault['loc'][0] if fault['loc'] else 'the row'}: {fault['type']}" for fault in error.errors()})
    return "a pushed row that cannot be read: " + "; ".join(faults)
