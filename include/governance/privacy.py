"""Treatment of personal columns before anything is written: pseudonymise, mask, generalise, drop."""

import math
from collections.abc import Callable, Collection
from decimal import Context, Decimal, localcontext

import pyarrow as pa
import pyarrow.compute as pc

from include.contracts.pseudonyms import KeyRing, is_token, key_of, reference
from include.errors import SettingsError, SourceError
from include.ports.sources import Treat
from include.specification.data import ColumnPrivacy
from include.specification.usecase import UseCase

MASKED = "***"
EXACT = Context(prec=700)  # digits: of the largest double in units of the smallest
FLOAT_STEPS = 2**53  # from so many steps on, a float and its neighbour are farther apart than a step
HOW_TO_KEY = (
    "set MOEBIUS_PSEUDONYM_KEYS=k01:<secret> in the environment, or Airflow's variable moebius_pseudonym_keys; "
    "the embedded platform makes a key at `make up`"
)


def treatment(spec: UseCase, keys: KeyRing | None, erased: Collection[str] = ()) -> Treat:
    """``(table, batch) → batch`` with every personal column treated and every erased subject's rows gone.

    The columns and their types stay; what ``drop`` leaves is empty. ``erased`` are subject references.
    Raises SettingsError when a column is to be pseudonymised, or a subject was erased, and there are no keys.
    """
    treated = {name: rule for name, rule in spec.privacy.columns.items() if rule.treatment != "keep"}
    hashed = sorted(name for name, rule in treated.items() if rule.treatment == "pseudonymise")
    if (hashed or erased) and keys is None:
        needed = f"pseudonymises {hashed}" if hashed else f"has {len(erased)} erased subjects"
        raise SettingsError(f"{spec.name} {needed}, but there are no pseudonym keys: {HOW_TO_KEY}")
    rings = {name: keys.until(name) for name in {key_of(one) for one in erased}} if keys else {}
    subject = subject_column(spec)

    def treat(table: str, batch: pa.RecordBatch) -> pa.RecordBatch:
        if erased and subject in batch.schema.names:
            batch = batch.filter(pc.invert(_mentioned(batch[subject], rings, frozenset(erased))))
        for name in treated.keys() & set(batch.schema.names):
            zone = spec.sources[table].timezone if table in spec.sources else "UTC"
            changed = _change(table, name, batch[name], treated[name], keys, zone)
            batch = batch.set_column(batch.schema.get_field_index(name), batch.schema.field(name), changed)
        return batch

    return treat


def subject_column(spec: UseCase) -> str | None:
    """The column that says whose data a row is; None when the spec names no subject."""
    return spec.entities[spec.privacy.subject].key if spec.privacy.subject else None


def personal_columns(spec: UseCase) -> list[str]:
    return sorted(name for name, rule in spec.privacy.columns.items() if rule.level == "personal")


def stored_as(values: Collection[str], subject: str, keys: KeyRing) -> set[str]:
    """Those of the stored values (tokens, or clear ones) that are the subject's."""
    ring = keys.until(key_of(subject))
    return {v for v in values if v and reference(v if is_token(v) else ring.token(v)) == subject}


def _mentioned(column: pa.Array, rings: dict[str, KeyRing], erased: frozenset[str]) -> pa.Array:
    return _by_value(column, lambda v: any(reference(r.token(v)) in erased for r in rings.values()), pa.bool_(), False)


def _change(table: str, name: str, column: pa.Array, rule: ColumnPrivacy, keys: KeyRing | None, zone: str) -> pa.Array:
    try:
        if rule.treatment == "generalise":
            return _generalise(column, rule.step, zone)
        return _CHANGES[rule.treatment](column, rule, keys)
    except OverflowError:
        count = len(column) - column.null_count
        raise SourceError(
            f"{table}.{name}: privacy.columns.{name}.step = {rule.step} cannot generalise one of {count} values: a "
            "float of its size is not rounded by the step and stays in clear, or the result is beyond the range of the "
            "type; give another step, or have the source leave the value out"
        ) from None
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, TypeError) as error:
        raise SourceError(
            f"{table}.{name} is {column.type}, which privacy.columns.{name} cannot {rule.treatment} "
            f"({type(error).__name__}); change its type in sources or its treatment"
        ) from None  # the cause would show a value


def _pseudonymise(column: pa.Array, rule: ColumnPrivacy, keys: KeyRing) -> pa.Array:
    return _by_value(_text(column), keys.token, pa.string(), None).cast(column.type)


def _mask(column: pa.Array, rule: ColumnPrivacy, keys: KeyRing | None) -> pa.Array:
    """The last characters only, and none of a value that is no longer than they are."""
    text = _text(column).cast(pa.string())
    long = pc.greater(pc.utf8_length(text), rule.keep_last)
    end = pc.utf8_slice_codeunits(text, -rule.keep_last) if rule.keep_last else pa.scalar("", pa.string())
    masked = pc.if_else(long, pc.binary_join_element_wise(MASKED, end, ""), MASKED)
    return pc.if_else(pc.is_valid(text), masked, pa.scalar(None, pa.string())).cast(column.type)


def _generalise(column: pa.Array, step: float | str | None, zone: str) -> pa.Array:
    """Rounded down: a time to the calendar of ``zone``, a number to a multiple of ``step``.

    The multiple is the one of decimal arithmetic: 0.3 is three times 0.1, which binary floating point denies.
    Raises TypeError for a step of zero or less, or a column of neither numbers nor times, and OverflowError for a value
    that would stay in clear or leave its type.
    """
    if isinstance(step, str):
        return _calendar(column, step, zone)
    exact = Decimal(repr(step or 0))
    if exact <= 0 or not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise TypeError("a number is rounded down to a step above zero")
    coded = column.dictionary_encode()
    with localcontext(EXACT):
        rounded = [_multiple(value, exact) for value in coded.dictionary.to_pylist()]
    return pa.array(rounded, column.type).take(coded.indices)


def _calendar(column: pa.Array, step: str, zone: str) -> pa.Array:
    """The first moment of the month or year by the clock of ``zone``, which may skip or repeat midnight."""
    clock = pc.local_timestamp(column.cast(pa.timestamp(column.type.unit, zone))) if column.type.tz else column
    begins = pc.floor_temporal(clock, unit=step)
    if column.type.tz:
        begins = pc.assume_timezone(begins, zone, ambiguous="earliest", nonexistent="latest").cast(column.type)
    pc.min_max(begins).as_py()  # raises OverflowError before the year 1
    return begins


def _multiple(value: float, step: Decimal) -> float:
    """The largest multiple of ``step`` that is not above the value; integers stay integers."""
    if not math.isfinite(value):
        return value
    exact = Decimal(repr(value))
    if isinstance(value, float) and abs(exact) >= step * FLOAT_STEPS:
        raise OverflowError
    rest = exact % step  # has the sign of the value
    below = exact - rest - (step if rest < 0 else 0)
    return type(value)(below)


def _drop(column: pa.Array, rule: ColumnPrivacy, keys: KeyRing | None) -> pa.Array:
    return pa.nulls(len(column), column.type)


_CHANGES: dict[str, Callable[..., pa.Array]] = {
    "pseudonymise": _pseudonymise,
    "mask": _mask,
    "drop": _drop,
}


def _text(column: pa.Array) -> pa.Array:
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise TypeError("not text")
    return column


def _by_value(column: pa.Array, change: Callable[[str], object], kind: pa.DataType, null: object) -> pa.Array:
    """``change`` of each value, computed once per distinct one."""
    coded = column.dictionary_encode()
    changed = pa.array([change(str(v)) for v in coded.dictionary.to_pylist()], kind)
    treated = changed.take(coded.indices)
    return treated if null is None else pc.fill_null(treated, null)
