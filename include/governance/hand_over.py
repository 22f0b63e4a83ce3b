"""Rules of a hand-over: what may leave prod for dev, which rows, and the proof of their treatment."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from include.contracts.period import Period, periods_text
from include.errors import AccessError, MissingPeriodError, SettingsError
from include.formats.plain_text import markdown
from include.ports.sources import Treat
from include.specification.data import Source
from include.specification.usecase import UseCase

HASHES = 2**64


def require_allowed(spec: UseCase) -> None:
    """Raise AccessError when the spec says that data must not leave, or leaves a personal column untreated."""
    if not spec.hand_over.allowed:
        raise AccessError(
            f"{spec.name}: its data must not leave this environment (hand_over.allowed: false in usecase.yaml); "
            f"the owner of the data ({spec.owner}) may change that"
        )
    rules = {c: r for c, r in spec.privacy.columns.items() if r.level == "personal" and r.treatment == "keep"}
    if untreated := sorted(c for c in rules if any(c in s.columns for s in spec.sources.values())):
        raise AccessError(
            f"{spec.name}: the personal columns {untreated} have no treatment, so nothing may leave; give each "
            f"one in privacy.columns of usecase.yaml: pseudonymise, mask, generalise or drop"
        )


def periods(spec: UseCase, first: Period, last: Period) -> list[Period]:
    """The periods of a hand-over; raises MissingPeriodError when the source does not cover them all."""
    periods = Period.between(first, last)
    if not periods or (beyond := [m for m in periods if not spec.periods.has(m)]):
        every = spec.calendar.every
        what = (
            f"there is no {every} from {first} to {last}"
            if not periods
            else f"there is no data of {periods_text(beyond)}"
        )
        raise MissingPeriodError(
            f"{spec.name}: {what}; choose from {spec.periods.first} to {spec.periods.last or 'now'}, the "
            "earlier one first"
        )
    return periods


def sampled(spec: UseCase) -> Treat:
    """``(table, batch) → batch`` with the rows of the sample alone.

    Which rows is decided by the values of ``hand_over.sample`` and not by their order: equal values go together, in
    every table and every period. A row without them is decided by its key.
    """

    def choose(table: str, batch: pa.RecordBatch) -> pa.RecordBatch:
        if table not in spec.hand_over.sample:
            return batch
        return batch.filter(pa.array(_chosen(spec, spec.sources[table], spec.hand_over.sample[table], batch)))

    return choose


def _chosen(spec: UseCase, source: Source, columns: list[str], batch: pa.RecordBatch) -> "np.ndarray":
    known = np.logical_and.reduce([batch[c].is_valid().to_numpy(zero_copy_only=False) for c in columns])
    hashes = np.where(known, _hashes(batch, columns), _hashes(batch, source.key))
    return hashes < spec.hand_over.share * HASHES


def _hashes(batch: pa.RecordBatch, columns: list[str]) -> "np.ndarray":
    """One number of 64 bits per row; it depends on the values as text, not on their type or the batch."""
    texts = [batch[c].cast(pa.string()).fill_null("") for c in columns]
    joined = pc.binary_join_element_wise(*texts, "\x1f").to_numpy(zero_copy_only=False)
    return pd.util.hash_array(joined.astype(object), categorize=False)


def proved(spec: UseCase, treat: Treat) -> Treat:
    """``treat``, and the proof by each batch that no pseudonymised or dropped value is still there."""

    def check(table: str, batch: pa.RecordBatch) -> pa.RecordBatch:
        after = treat(table, batch)
        for column, rule in spec.privacy.columns.items():
            if rule.treatment in ("pseudonymise", "drop") and column in after.schema.names:
                _require_gone(table, column, batch[column], after[column])
        return after

    return check


def _require_gone(table: str, column: str, before: pa.Array, after: pa.Array) -> None:
    clear = before.filter(pc.not_equal(before.cast(pa.string()), ""))
    if left := pc.sum(pc.is_in(after, value_set=clear.drop_null())).as_py():
        raise AccessError(f"{table}.{column}: {left} values are unchanged after their treatment, so nothing leaves")


def require_other_keys(own: str, other: str) -> None:
    """Raise SettingsError unless hand-overs have keys of their own, so that tokens do not join with prod's."""
    if not other:
        raise SettingsError(
            "hand-overs have no pseudonym keys: set MOEBIUS_HAND_OVER_KEYS=k01:<secret>, or Airflow's variable "
            "moebius_hand_over_keys; the embedded platform makes one at `make up`"
        )
    shared = {_secret(part) for part in own.split(",")} & {_secret(part) for part in other.split(",")} - {""}
    if shared:
        raise SettingsError(
            "a pseudonym key of hand-overs is also prod's own: tokens of dev would join with prod's; "
            "give MOEBIUS_HAND_OVER_KEYS other secrets"
        )


def _secret(part: str) -> str:
    return part.partition(":")[2].strip()


def summary(spec: UseCase, periods: list[Period], reason: str, asked_by: str, recipient: str) -> str:
    """What the approver reads, as Markdown."""
    lines = [
        f"**{markdown(asked_by)}** asks to hand over **{periods[0]} to {periods[-1]}** of {spec.title} to "
        f"**{markdown(recipient)}**.",
        f"\nReason: {markdown(reason)}\n",
        "| table | rows | columns as they are | treated |",
        "|---|---|---|---|",
    ]
    return "\n".join([*lines, *(_table_line(spec, name) for name in spec.sources)])


def _table_line(spec: UseCase, table: str) -> str:
    rules = {c: r.treatment for c, r in spec.privacy.columns.items() if r.treatment != "keep"}
    columns = spec.sources[table].required
    by = spec.hand_over.sample.get(table)
    rows = f"{spec.hand_over.share:.0%}, by {', '.join(by)}" if by else "all"
    treated = ", ".join(f"{c} ({rules[c]})" for c in columns if c in rules) or "none"
    return f"| {table} | {rows} | {', '.join(c for c in columns if c not in rules)} | {treated} |"
