"""What the checklist takes from the newest rows of record tables; each version of a table is read once."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import pyarrow as pa

from include.contracts.tables import TableHead
from include.governance.checklist.facts import Seen, newest
from include.ports.lake import Lake
from include.records.registry import (
    APPROVALS,
    DECISIONS,
    FIGURES,
    GATE_RESULTS,
    NOTICES,
    ROLLOUT_EVENTS,
    TASK_COSTS,
    VERSION_OPERATIONS,
)
from include.services.composition import Services
from include.specification.usecase import UseCase

ROWS = 500
"""Newest rows of a record table that are looked at."""
MEASURED = "primary metric"
RETIREMENT, ASK = "retirement", "ask"
"""The task that holds releases against the criteria of their retirement, and leaves no row when none meets one."""
Look = Callable[[UseCase, Lake], Any]


class _Read:
    """What a table of a use case has; equal to others of the same place, use case and look, so that it is read once."""

    def __init__(self, services: Services, spec: UseCase, look: Look) -> None:
        self.key = (services.settings.lake, spec.name, look)  # each page has services of its own
        self.of, self.look = (spec, services.adapters.lake), look

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Read) and self.key == other.key


@lru_cache(maxsize=1024)
def _once(read: _Read, head: TableHead) -> Any:
    """Read once for each version of the table, which ``head`` tells."""
    return read.look(*read.of)


def _columns(table: Any, spec: UseCase, lake: Lake, *columns: str) -> list[dict[str, Any]]:
    """These columns of the newest rows."""
    rows: pa.Table = table.rows(spec.name, lake, newest=ROWS, columns=list(columns))
    return rows.to_pylist()


def _approvals(spec: UseCase, lake: Lake) -> dict[str, datetime]:
    rows = _columns(APPROVALS, spec, lake, "event", "at", "by")
    people = [("approved by a person", r["at"]) for r in rows if r["event"] == "approved" and not _by_policy(r["by"])]
    return newest([*((row["event"], row["at"]) for row in rows), *people])


def _by_policy(by: str) -> bool:
    return ": " in by  # key and value of the spec; no login has these


def _rollouts(spec: UseCase, lake: Lake) -> dict[str, datetime]:
    rows = _columns(ROLLOUT_EVENTS, spec, lake, "event", "at", "share")
    split = [("split", row["at"]) for row in rows if row["event"] == "shifted" and 0 < row["share"] < 1]
    return newest([*((row["event"], row["at"]) for row in rows), *split])


def _gates(spec: UseCase, lake: Lake) -> dict[str, datetime]:
    """Dimensions that the newest checked period was checked for."""
    periods = GATE_RESULTS.periods(spec.name, lake)[-1:]
    rows = GATE_RESULTS.rows(spec.name, lake, periods=periods, columns=["dimension", "evaluated_at"]).to_pylist()
    return newest((row["dimension"], row["evaluated_at"]) for row in rows)


def _figures(spec: UseCase, lake: Lake) -> dict[str, Any]:
    """Names of the figures of the two newest windows; the time is that of their commit."""
    periods = FIGURES.periods(spec.name, lake)[-2:]
    names = set(FIGURES.rows(spec.name, lake, periods=periods, columns=["name"])["name"].to_pylist())
    return dict.fromkeys(names | ({MEASURED} if spec.metrics.primary in names else set()))


def _decisions(spec: UseCase, lake: Lake) -> dict[str, datetime]:
    return newest((r["decision"], r["decided_at"]) for r in _columns(DECISIONS, spec, lake, "decision", "decided_at"))


def _operations(spec: UseCase, lake: Lake) -> dict[str, datetime]:
    return newest((r["operation"], r["at"]) for r in _columns(VERSION_OPERATIONS, spec, lake, "operation", "at"))


def _notices(spec: UseCase, lake: Lake) -> dict[str, datetime]:
    rows = [r for r in _columns(NOTICES, spec, lake, "kind", "way", "outcome", "at") if r["outcome"] == "sent"]
    return newest([*((r["kind"], r["at"]) for r in rows), *((f"sent by {r['way']}", r["at"]) for r in rows)])


LOOKS: dict[str, Look] = {
    APPROVALS.name: _approvals,
    ROLLOUT_EVENTS.name: _rollouts,
    GATE_RESULTS.name: _gates,
    FIGURES.name: _figures,
    DECISIONS.name: _decisions,
    VERSION_OPERATIONS.name: _operations,
    NOTICES.name: _notices,
}
"""Record table → what is taken from its rows."""


def marks(services: Services, spec: UseCase, heads: Mapping[str, TableHead]) -> dict[str, dict[str, datetime]]:
    """Record table → what its newest rows hold, and when that was last so."""
    return {
        table: {value: at or head.at for value, at in _once(_Read(services, spec, look), head).items()}
        for table, look in LOOKS.items()
        if (head := heads.get(table))
    }


def ran(services: Services, spec: UseCase, heads: Mapping[str, TableHead]) -> dict[str, datetime]:
    """``<family>.<task>`` → when it was done last, by what tasks took: in the lake, and not there yet."""
    head = heads.get(TASK_COSTS.name)
    kept: dict[str, datetime] = _once(_Read(services, spec, _asked), head) if head else {}
    fresh = services.adapters.cost_spool(spec.name).read(RETIREMENT)
    return newest([*kept.items(), *((f"{c.family}.{c.task}", c.ended_at) for c in fresh if c.outcome == "done")])


def _asked(spec: UseCase, lake: Lake) -> dict[str, datetime]:
    rows = TASK_COSTS.rows(spec.name, lake, family=RETIREMENT, task=ASK, outcome="done", columns=["ended_at"])
    return newest((f"{RETIREMENT}.{ASK}", at) for at in rows["ended_at"].to_pylist())


def card(services: Services, spec: UseCase, heads: Mapping[str, TableHead]) -> Seen | None:
    """The card of the version that was judged last."""
    judged = heads.get(APPROVALS.name)
    found: Seen | None = _once(_Read(services, spec, _card), judged) if judged else None
    return found


def _card(spec: UseCase, lake: Lake) -> Seen | None:
    """The card of the version that was judged last, by the hash that its verdict is on."""
    name = spec.name
    rows = APPROVALS.rows(name, lake, newest=1, event="verdict", columns=["version", "at", "content"]).to_pylist()
    evidence = json.loads(rows[0]["content"]).get("facts", {}).get("evidence", {}) if rows else {}
    if not evidence.get("card"):
        return None
    version = rows[0]["version"]
    return Seen(f"{name} version {version}: model_card.md", rows[0]["at"], evidence["card"], f"models/{name}/{version}")
