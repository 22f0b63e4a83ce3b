"""Rows and keys for the online store: each value as the definitions declare it, taken exactly or refused."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from include.errors import DataError
from include.formats.exact_floats import whole_up_to
from include.formats.exact_frames import NULLABLE, is_bytes, is_number, is_text
from include.formats.ties import latest_per_key

if TYPE_CHECKING:
    import feast

KEYS = ("String", "Int64", "Int32", "UnixTimestamp", "Bytes")
"""The types of keys that Feast's online stores can hold."""
BLANK: dict[str, Any] = {"String": "", "Bytes": b"\0", "UnixTimestamp": datetime.fromtimestamp(0, UTC)}
"""What is asked for in the place of a key that lacks; for numbers 0."""

DECLARED: dict[str, tuple[pa.DataType, Callable[[pa.DataType], bool]]] = {
    "String": (pa.string(), is_text),
    "Int32": (pa.int32(), is_number),
    "Int64": (pa.int64(), is_number),
    "Float32": (pa.float64(), is_number),
    "Float64": (pa.float64(), is_number),
    "Bool": (pa.bool_(), types.is_boolean),
    "Bytes": (pa.binary(), is_bytes),
    "UnixTimestamp": (pa.timestamp("s", tz="UTC"), types.is_timestamp),
}
"""Feast's type → how it is held until Feast writes it, and the types of values that may become it."""
LIST = re.compile(r"Array\((\w+)\)")
LISTS = (types.is_list, types.is_large_list, types.is_fixed_size_list)

Written = tuple[Any, dict[str, Any], datetime, datetime | None]
"""Entity key, values, event time, created time."""

MAPPED = {**NULLABLE, pa.bool_(): pd.BooleanDtype()}


def declared_rows(view: "feast.FeatureView", rows: pd.DataFrame) -> pd.DataFrame:
    """The view's columns in their declared types, the newest row of each key.

    Of rows with one key and time the one that was created last counts, of those the first by ``ties.total_order``.

    Raises
    ------
    DataError
        a column lacks, a value is not of its declared type or would change in it, a key or a time is missing, or the
        view's keys are of a type that no online store holds.
    """
    _require_keys(view)
    source = view.batch_source
    times = [source.timestamp_field, *([source.created_timestamp_column] if source.created_timestamp_column else [])]
    kinds = {column.name: str(column.dtype) for column in [*view.entity_columns, *view.features]}
    kinds = {name: kinds[name] for name in [*view.join_keys, *(field.name for field in view.features)]}
    what = f"rows for feature view {view.name!r}"
    if missing := [name for name in [*kinds, *times] if name not in rows.columns]:
        raise DataError(f"{what} lack {missing}; they have {sorted(map(str, rows.columns))}")
    if twice := sorted({*kinds, *times} & {*rows.columns[rows.columns.duplicated()]}):
        raise DataError(f"{what} have the columns {twice} twice; drop or rename one of each")
    columns = {name: declared(rows[name], kind, f"{what}: column {name!r}") for name, kind in kinds.items()}
    typed = pd.DataFrame(columns | {name: _times(rows[name], what, name) for name in times})
    for name in [*view.join_keys, times[0]]:
        _require_complete(typed[name], f"{what}: column {name!r}")
    return latest_per_key(typed, view.join_keys, times)


def _require_keys(view: "feast.FeatureView") -> None:
    for column in view.entity_columns:
        if column.name in view.join_keys and str(column.dtype) not in KEYS:
            raise DataError(
                f"feature view {view.name!r}: its keys {column.name!r} are {column.dtype}, which no online store "
                f"holds; declare one of {', '.join(KEYS)} in feature_repo/, and publish the keys as such"
            )


def written_values(view: "feast.FeatureView", rows: pd.DataFrame) -> list[Written]:
    """What an online store takes, of ``declared_rows``: Feast's own way there makes float64 of integers with gaps."""
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.type_map import python_values_to_proto_values

    source, features = view.batch_source, [field.name for field in view.features]
    kinds = {column.name: column.dtype.to_value_type() for column in [*view.entity_columns, *view.features]}
    values: dict[str, Any] = {}
    for name in [*view.join_keys, *features]:
        try:
            values[name] = python_values_to_proto_values(_objects(rows[name]), kinds[name])
        except (TypeError, ValueError, AssertionError, OverflowError):  # its words hold the value
            what = f"rows for feature view {view.name!r}: column {name!r} must be {kinds[name].name}"
            raise _of_other_types(what, rows[name]) from None
    times = _objects(rows[source.timestamp_field])
    created = source.created_timestamp_column
    made = _objects(rows[created]) if created else [None] * len(rows)
    return [
        (
            EntityKey(join_keys=view.join_keys, entity_values=[values[key][row] for key in view.join_keys]),
            {name: values[name][row] for name in features},
            times[row],
            made[row],
        )
        for row in range(len(rows))
    ]


def _objects(values: pd.Series) -> list[Any]:
    """Python's values, None where they lack."""
    return [None if lacks else value for value, lacks in zip(values.tolist(), values.isna().tolist(), strict=True)]


def declared(values: pd.Series, kind: str, what: str) -> pd.Series:
    """The values in Feast's type ``kind``, nullable; raises DataError when one of them would change."""
    if kind == "Float64" and values.dtype == "float64":
        return values
    if listed := LIST.fullmatch(kind):
        return _lists(values, listed[1], what)
    if kind not in DECLARED:
        return values
    target, fits = DECLARED[kind]
    stored = _stored(values, f"{what} must be {kind}")
    if stored.null_count < len(stored) and not fits(stored.type):
        raise DataError(f"{what} must be {kind} and is {stored.type}; cast it where it is made")
    if stored.null_count == len(stored):
        stored = pa.nulls(len(stored), target)
    exact = _cast(stored, target, f"{what} must be {kind}")
    if kind == "Bytes":
        _refuse(
            pc.equal(pc.binary_length(exact), 0), f"{what} must be Bytes and is empty, which Feast takes for missing"
        )
    if kind == "Float32":
        changed = _changed_by_float32(exact, floats=types.is_floating(stored.type))
        _refuse(changed, f"{what} must be Float32, which cannot hold them exactly")
    frame = exact.to_pandas(types_mapper=MAPPED.get) if target in MAPPED else exact.to_pandas()
    plain = target in (pa.string(), pa.binary())
    return pd.Series(frame.to_numpy(dtype=object) if plain else frame.array, index=values.index)


def _stored(values: pd.Series, what: str) -> pa.Array:
    try:
        stored = pa.Array.from_pandas(values)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        raise _of_other_types(what, values) from None
    return stored.dictionary_decode() if types.is_dictionary(stored.type) else stored


def _of_other_types(what: str, values: pd.Series) -> DataError:
    kinds = ", ".join(sorted({type(value).__name__ for value in values[values.notna()]}))
    return DataError(f"{what} and holds {kinds}; give all values that type")


def _lists(values: pd.Series, kind: str, what: str) -> pd.Series:
    """Lists of values of this type; in a list none may lack, because Feast would store zeros or empty texts."""
    stored = _stored(values, f"{what} must be lists of {kind}")
    if stored.null_count == len(stored):
        return pd.Series([None] * len(stored), dtype=object, index=values.index)
    if not any(is_list(stored.type) for is_list in LISTS):
        raise DataError(f"{what} must be lists of {kind} and is {stored.type}; make a list of each value")
    lacking = [None if one is None else None in one for one in stored.to_pylist()]
    _refuse(pa.array(lacking, pa.bool_()), f"{what} must be lists of {kind}, of which no element may lack")
    elements = declared(stored.flatten().to_pandas(types_mapper=MAPPED.get), kind, f"{what}, list by list,")
    ends = np.cumsum(pc.fill_null(pc.list_value_length(stored), 0).to_numpy())
    parts = np.split(np.asarray(elements, dtype=object), ends[:-1])
    found = [None if lacks else part.tolist() for part, lacks in zip(parts, stored.is_null().to_pylist(), strict=True)]
    return pd.Series(found, dtype=object, index=values.index)


def _cast(stored: pa.Array, target: pa.DataType, what: str) -> pa.Array:
    if types.is_floating(stored.type) and types.is_integer(target):
        held = stored.type.to_pandas_dtype()
        large = pc.greater_equal(pc.abs(stored.cast(pa.float64())), float(whole_up_to(held)))
        _refuse(large, f"{what}, and {held.__name__} cannot hold so large ones exactly")
    try:
        return stored.cast(target)
    except pa.ArrowInvalid:  # its words hold the value
        exact = [_becomes(stored.slice(row, 1), target) for row in range(len(stored))]
        _refuse(pa.array([not one for one in exact]), f"{what}, which cannot hold them exactly")
        raise


def _changed_by_float32(numbers: pa.Array, floats: bool) -> pa.Array:
    """Whether float32 makes infinity or zero of a number, or another integer; of ``floats`` only digits are cut."""
    single = numbers.cast(pa.float32(), safe=False).cast(pa.float64())
    lost = pc.or_(pc.is_inf(single), pc.equal(single, 0.0))
    rounded = pc.equal(pc.trunc(numbers), numbers)
    return pc.and_(pc.not_equal(single, numbers), lost if floats else pc.or_(lost, rounded))


def _becomes(value: pa.Array, target: pa.DataType) -> bool:
    try:
        value.cast(target)
    except pa.ArrowInvalid:
        return False
    return True


def _refuse(wrong: pa.Array, what: str) -> None:
    rows = pc.indices_nonzero(pc.fill_null(wrong, False))
    if len(rows):
        raise DataError(f"{what}: {len(rows)} of {len(wrong)} values, the first in row {rows[0].as_py() + 1}")


def _times(values: pd.Series, what: str, name: str) -> pd.Series:
    is_time = pd.api.types.is_datetime64_any_dtype(values.dtype)
    if not is_time and not all(hasattr(value, "tzinfo") for value in values[values.notna()]):
        raise DataError(
            f"{what}: column {name!r} is {values.dtype} and must hold times; convert it, with its time zone"
        )
    try:
        return pd.to_datetime(values, utc=True).dt.as_unit("ns")
    except pd.errors.OutOfBoundsDatetime:  # its words hold the value
        raise DataError(f"{what}: column {name!r} has a time that is not from 1678 to 2261; correct it") from None


def _require_complete(values: pd.Series, what: str) -> None:
    if values.isna().any():
        rows = values.isna().to_numpy().nonzero()[0]
        raise DataError(f"{what} lacks {len(rows)} of {len(values)} values, the first in row {rows[0] + 1}")


class Keys:
    """The keys of a lookup, by the names that the caller uses; a view whose key a row lacks has nothing for the row."""

    def __init__(self, views: Sequence[tuple[Any, "feast.FeatureView"]], rows: Sequence[Mapping[str, Any]]) -> None:
        self._of_view: dict[str, list[str]] = {}
        kinds: dict[str, str] = {}
        for projection, view in views:
            _require_keys(view)
            renamed = projection.join_key_map or {}
            names = {renamed.get(c.name, c.name): str(c.dtype) for c in view.entity_columns if c.name in view.join_keys}
            self._of_view[projection.name_to_use()] = list(names)
            kinds |= names
        if missing := sorted(name for name in kinds if all(name not in row for row in rows)):
            raise DataError(f"the keys lack {missing}; they have {sorted({name for row in rows for name in row})}")
        self._missing: dict[str, list[bool]] = {}
        self.columns: dict[str, list[Any]] = {}
        for name, kind in kinds.items():
            values = pd.Series([row.get(name) for row in rows], dtype=object)
            exact = declared(values, kind, f"key {name!r}")
            self._missing[name] = exact.isna().tolist()
            self.columns[name] = [BLANK.get(kind, 0) if value is None else value for value in _objects(exact)]

    def lacks(self, projection: Any, row: int) -> bool:
        return any(self._missing[name][row] for name in self._of_view[projection.name_to_use()])
