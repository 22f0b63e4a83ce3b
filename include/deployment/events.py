"""Rollout events as rows of the lake's ``rollout_events``: every change of what serves, and why."""

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from include.contracts.deployment import RolloutEvent, RolloutState
from include.ports import Lake
from include.specification.usecase import UseCase

TABLE = "rollout_events"
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("usecase", "at", "rollout", "event", "champion", "release")),
        *((name, pa.string()) for name in ("by", "reason", "figures", "period")),
        ("generation", pa.int64()),
        ("share", pa.float64()),
    ]
)


def event(
    state: RolloutState, what: str, by: str, reason: str = "", release: str = "", figures: dict[str, Any] | None = None
) -> RolloutEvent:
    """What happened at this state, now; ``release`` is by default the challenger, else the champion."""
    about = release or state.challenger or state.champion
    mirrored = state.shadow.share if state.shadow and state.shadow.release == about else 0.0
    return RolloutEvent.model_validate(
        {
            "usecase": state.usecase, "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "rollout": state.rollout, "generation": state.generation, "event": what, "champion": state.champion,
            "release": about, "share": state.weights.get(about, mirrored), "by": by, "reason": reason or state.reason,
            "figures": figures or {},
        }
    )  # fmt: skip


def record(spec: UseCase, lake: Lake, one: RolloutEvent) -> None:
    """Keep the event; the same event of the same state is kept once, so a repeated task adds nothing."""
    if one.event != "drilled" and any(_same(one, kept) for kept in events(spec, lake)):
        return
    row = one.json_dict() | {"figures": json.dumps(one.figures), "period": one.at[:7]}
    lake.append(spec.name, TABLE, pa.Table.from_pylist([row], SCHEMA))


def _same(one: RolloutEvent, other: RolloutEvent) -> bool:
    return (one.rollout, one.generation, one.event) == (other.rollout, other.generation, other.event)


def events(spec: UseCase, lake: Lake) -> list[RolloutEvent]:
    """Every event, oldest first."""
    if not lake.exists(spec.name, TABLE):
        return []
    rows = lake.read(spec.name, TABLE).to_pylist()
    found = [
        RolloutEvent.model_validate(
            {k: v for k, v in row.items() if k != "period"} | {"figures": json.loads(row["figures"])}
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (one.at, one.generation))
