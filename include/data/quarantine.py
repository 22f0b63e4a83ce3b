"""Rows that a gate refused, and what was decided of each: the lake table ``quarantine``.

Nothing is changed there, only added: each word on a row is a row of its own, and the last one counts. A row goes by
its name, the hash of its content and the number of the copy, so a decision holds for the same row in every later run
of its period, and for no other.

``held`` waits for a decision; ``released`` passes the gate it was held at; ``dropped`` is taken out before the gate;
``repaired`` was held and is not in the data that passed.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

import pyarrow as pa

from include.contracts.period import Period, periods_text
from include.contracts.quality import QuarantinedRow
from include.errors import NotFoundError
from include.ports.lake import Lake
from include.records.registry import QUARANTINE
from include.specification.usecase import UseCase

ALL = "all"
Action = Literal["release", "drop"]
STATUS: dict[str, str] = {"release": "released", "drop": "dropped"}


def current(
    spec: UseCase, lake: Lake, periods: Sequence[Period] | None = None, gate: str | None = None
) -> list[QuarantinedRow]:
    """The last word on every row, of these periods and gate or of all."""
    of_gate = {} if gate is None else {"gate": gate}
    words = QUARANTINE.read(spec.name, lake, periods=periods, **of_gate)
    return list({word.key: word for word in words}.values())


def decided(spec: UseCase, period: Period, gate: str, lake: Lake) -> dict[str, dict[str, set[str]]]:
    """``released`` and ``dropped`` → table → names of rows."""
    found: dict[str, dict[str, set[str]]] = {status: {} for status in STATUS.values()}
    for word in current(spec, lake, [period], gate):
        if word.status in found:
            found[word.status].setdefault(word.table, set()).add(word.row)
    return found


def hold(spec: UseCase, period: Period, gate: str, failing: Mapping[str, pa.Table], lake: Lake) -> dict[str, int]:
    """Record rows that a gate refused; returns how many, per table. One that is held already is not held twice."""
    held = {(w.table, w.row) for w in current(spec, lake, [period], gate) if w.status == "held"}
    about = {"period": period, "gate": gate, "status": "held", "recorded_at": datetime.now(UTC)}
    new = [
        QuarantinedRow(**row, **about, table=table)
        for table, rows in failing.items()
        for row in rows.to_pylist()
        if (table, row["row"]) not in held
    ]
    QUARANTINE.append(spec.name, lake, new)
    return {table: rows.num_rows for table, rows in failing.items()}


def close(spec: UseCase, period: Period, gate: str, lake: Lake) -> None:
    """The period passed: rows that are still held are not in it any more."""
    left = [w for w in current(spec, lake, [period], gate) if w.status == "held"]
    repaired = {"status": "repaired", "recorded_at": datetime.now(UTC)}
    QUARANTINE.append(spec.name, lake, [w.model_copy(update=repaired) for w in left])


def decide(
    spec: UseCase, periods: Sequence[Period], gate: str, table: str, action: Action, by: str, note: str, lake: Lake
) -> dict[str, int]:
    """Release or drop the rows of these periods that are held; returns how many, per table.

    ``table`` is a name, or ``all``. Repeated with the same action it changes nothing more.
    Raises NotFoundError when no such row is held, or was decided so before.
    """
    status = STATUS[action]
    known = current(spec, lake, periods, gate)
    wanted = [w for w in known if w.status in ("held", status) and table in (ALL, w.table)]
    if not wanted:
        held = sorted({(w.period, w.gate, w.table) for w in current(spec, lake) if w.status == "held"})
        raise NotFoundError(
            f"{spec.name} {periods_text(periods)}: no rows of table {table!r} are held at the {gate} gate; "
            f"held are {held}"
        )
    now = datetime.now(UTC)
    decision = {"status": status, "decided_by": by, "decided_at": now, "note": note, "recorded_at": now}
    QUARANTINE.append(spec.name, lake, [w.model_copy(update=decision) for w in wanted if w.status == "held"])
    tables = [w.table for w in wanted]
    return {one: tables.count(one) for one in sorted(set(tables))}
