"""Rollout events as rows of the lake's ``rollout_events``: every change of the serving release, with its reason."""

from datetime import UTC, datetime
from typing import Any

from include.contracts.deployment import RolloutEvent, RolloutState
from include.ports.lake import Lake
from include.records.registry import ROLLOUT_EVENTS
from include.specification.usecase import UseCase


def event(
    state: RolloutState, what: str, by: str, reason: str = "", release: str = "", figures: dict[str, Any] | None = None
) -> RolloutEvent:
    """What happened at this state, now; ``release`` is by default the challenger, else the champion."""
    about = release or state.challenger or state.champion
    mirrored = state.shadow.share if state.shadow and state.shadow.release == about else 0.0
    return RolloutEvent.model_validate(
        {
            "usecase": state.usecase, "at": datetime.now(UTC),
            "rollout": state.rollout, "generation": state.generation, "event": what, "champion": state.champion,
            "release": about, "share": state.weights.get(about, mirrored), "by": by, "reason": reason or state.reason,
            "figures": figures or {},
        }
    )  # fmt: skip


def record(spec: UseCase, lake: Lake, one: RolloutEvent) -> None:
    """Keep the event; the same event of the same state is kept once, so a repeated task adds nothing."""
    same = {"rollout": one.rollout, "generation": one.generation, "event": one.event}
    if one.event == "drilled" or not ROLLOUT_EVENTS.read(spec.name, lake, newest=1, **same):
        ROLLOUT_EVENTS.append(spec.name, lake, [one])
