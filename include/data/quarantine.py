"""Rows that a gate refused, and what was decided of each: the lake table ``quarantine``.

Nothing is changed there, only added: each word on a row is a row of its own, and the last one counts. A row goes by
its name, the hash of its content and the number of the copy, so a decision holds for the same row in every later run
of its period, and for no other.

``held`` waits for a decision; ``released`` passes the gate it was held at; ``dropped`` is taken out before the gate;
``repaired`` was held and is not in the data that passed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import pyarrow as pa

from include.contracts.period import Period
from include.errors import NotFoundError
from include.ports import Lake
from include.specification.usecase import UseCase

TABLE = "quarantine"
ALL = "all"
Action = Literal["release", "drop"]
STATUS: dict[str, str] = {"release": "released", "drop": "dropped"}
TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [(n, pa.string()) for n in ("period", "gate", "table", "row", "reasons", "content", "status", "decided_by", "note")]
    + [("decided_at", TIME), ("recorded_at", TIME)]
)


def current(spec: UseCase, lake: Lake, period: Period | None = None, gate: str | None = None) -> list[dict[str, Any]]:
    """The last word on every row, of one period and gate or of all."""
    if not lake.exists(spec.name, TABLE):
        return []
    words = lake.read(spec.name, TABLE, None if period is None else [period]).sort_by("recorded_at").to_pylist()
    last = {(w["period"], w["gate"], w["table"], w["row"]): w for w in words if gate in (None, w["gate"])}
    return list(last.values())


def decided(spec: UseCase, period: Period, gate: str, lake: Lake) -> dict[str, dict[str, set[str]]]:
    """``released`` and ``dropped`` → table → names of rows."""
    found: dict[str, dict[str, set[str]]] = {status: {} for status in STATUS.values()}
    for word in current(spec, lake, period, gate):
        if word["status"] in found:
            found[word["status"]].setdefault(word["table"], set()).add(word["row"])
    return found


def hold(spec: UseCase, period: Period, gate: str, failing: Mapping[str, pa.Table], lake: Lake) -> dict[str, int]:
    """Record rows that a gate refused; returns how many, per table. One that is held already is not held twice."""
    held = {(w["table"], w["row"]) for w in current(spec, lake, period, gate) if w["status"] == "held"}
    new = [
        {**row, "period": period, "gate": gate, "table": table, "status": "held"}
        for table, rows in failing.items()
        for row in rows.to_pylist()
        if (table, row["row"]) not in held
    ]
    _record(spec, lake, new)
    return {table: rows.num_rows for table, rows in failing.items()}


def close(spec: UseCase, period: Period, gate: str, lake: Lake) -> None:
    """The period passed: rows that are still held are not in it any more."""
    left = [w for w in current(spec, lake, period, gate) if w["status"] == "held"]
    _record(spec, lake, [{**w, "status": "repaired"} for w in left])


def decide(
    spec: UseCase, period: Period, gate: str, table: str, action: Action, by: str, note: str, lake: Lake
) -> dict[str, int]:
    """Release or drop the rows that are held; returns how many, per table.

    ``table`` is a name, or ``all``. Repeated with the same action it changes nothing more.

    Raises
    ------
    NotFoundError
        no such row is held, or was decided so before.
    """
    status = STATUS[action]
    known = current(spec, lake, period, gate)
    wanted = [w for w in known if w["status"] in ("held", status) and table in (ALL, w["table"])]
    if not wanted:
        held = sorted({(w["period"], w["gate"], w["table"]) for w in current(spec, lake) if w["status"] == "held"})
        raise NotFoundError(
            f"{spec.name} {period}: no rows of table {table!r} are held at the {gate} gate; held are {held}"
        )
    decision = {"status": status, "decided_by": by, "decided_at": datetime.now(UTC), "note": note}
    _record(spec, lake, [{**w, **decision} for w in wanted if w["status"] == "held"])
    tables = [w["table"] for w in wanted]
    return {one: tables.count(one) for one in sorted(set(tables))}


def _record(spec: UseCase, lake: Lake, words: list[dict[str, Any]]) -> None:
    if words:
        stamped = [{**w, "recorded_at": datetime.now(UTC)} for w in words]
        lake.append(spec.name, TABLE, pa.Table.from_pylist(stamped, schema=SCHEMA))
