"""What alerts did in some days: from when to when each fired, and what was decided on it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from include.contracts.operations import FiredAlert, RetrainPlan
from include.ports.metrics import MetricsServer

SHORT = 4
"""Where alerts fired in the newest part of the time alone, of this part or less, the history begins shortly before."""
MOST = 200
"""Alerts that are shown, the newest."""


class AlertHistory(NamedTuple):
    """Alerts between two times, oldest first; ``left_out`` are the older ones beyond ``MOST``."""

    fired: list[FiredAlert]
    since: datetime
    until: datetime
    left_out: int = 0

    @property
    def firing(self) -> list[FiredAlert]:
        return [one for one in self.fired if one.until is None]

    @property
    def resolved(self) -> list[FiredAlert]:
        return [one for one in self.fired if one.until is not None]


def of(server: MetricsServer, usecase: str, until: datetime, length: timedelta) -> AlertHistory:
    """The alerts of the last ``length`` before ``until``; of none in most of it, from shortly before the first one on.

    Raises ServiceError when the metrics server does not answer.
    """
    since = until - length
    fired = server.fired(usecase, since, until)
    age = until - min((one.since for one in fired), default=since)
    shown = age * 1.05 if fired and age <= length / SHORT else length
    return AlertHistory(fired[-MOST:], until - shown, until, max(0, len(fired) - MOST))


def decided(alert: FiredAlert, decisions: Sequence[RetrainPlan], patience: timedelta) -> list[RetrainPlan]:
    """The decisions on this alert: those that name it, while it fired or a little before or after."""
    return [
        plan
        for plan in decisions
        if alert.since - patience <= plan.decided_at
        and (alert.until is None or plan.decided_at <= alert.until + patience)
        and any(one.name == alert.name and one.release in ("", alert.release) for one in plan.alerts)
    ]
