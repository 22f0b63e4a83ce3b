"""A model server, a metrics server, a prediction log and an audit log in memory."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pandas as pd

from include.contracts.audit import AuditEntry, AuditEvent, PredictionBatch, SignedCheckpoint
from include.contracts.operations import Alert, FiredAlert, FiringAlert
from include.deployment import rollout
from include.errors import ServiceError
from include.ports.state import StateStore


class FollowingServer:
    """Follows the rollout state at once, unless it is ``stuck`` at a generation, ``hangs``, or is ``away``."""

    def __init__(self, state: StateStore, usecase: str) -> None:
        self._state, self._usecase = state, usecase
        self.stuck: int | None = None
        self.away = self.hangs = False
        self.models: set[str] = set()

    def runs(self) -> bool:
        return not self.away

    def rollout_generation(self, usecase: str) -> int | None:
        if self.away or self.hangs:
            return None
        state = rollout.read(self._state, usecase)
        return self.stuck if self.stuck is not None or state is None else state.generation

    def ready(self) -> bool:
        return not (self.away or self.hangs)

    def model_ready(self, model: str) -> bool:
        return self.ready() and model in self.models

    def install(self, model: str, directory: Path) -> None: ...

    def load(self, model: str) -> None:
        if not self.ready():
            raise ServiceError("Triton did not answer")
        self.models.add(model)

    def unload(self, model: str) -> None:
        self.models.discard(model)

    def remove(self, model: str) -> None:
        self.models.discard(model)


class MemoryAudit:
    """The audit log in memory; ``away``: it takes no entry."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        self.logged: list[tuple[PredictionBatch, bytes]] = []
        self.away = False

    def append(self, events: Sequence[AuditEvent]) -> None:
        if self.away:
            raise ServiceError("the audit log takes no entry")
        self.events += events

    def append_batch(self, batch: PredictionBatch, leaves: bytes) -> None:
        self.logged.append((batch, leaves))

    def read(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[AuditEvent]:
        return iter(self.events)

    def entries(
        self, since: datetime | None = None, until: datetime | None = None, having: Mapping[str, str] | None = None
    ) -> Iterator[AuditEntry]:
        for number, event in enumerate(self.events):
            yield AuditEntry(day="2026-01-01", number=number, event=event)

    def newest(self, since: date) -> Iterator[AuditEntry]:
        return reversed([*self.entries()])

    def tally(self, since: date) -> dict[tuple[str, str], int]:
        return dict(sorted(Counter((f"{event.at:%Y-%m-%d}", str(event.kind)) for event in self.events).items()))

    def forgotten(self, since: date) -> int:
        return 0

    def answers_after(self, usecase: str, at: datetime) -> int:
        return sum(batch.size for batch, _ in self.logged if batch.usecase == usecase)

    def size(self) -> int:
        return len(self.events) + len(self.logged)

    def checkpoints(self) -> list[SignedCheckpoint]:
        return []

    def batches(self, usecase: str, table: str, since: datetime | None = None) -> Iterator[AuditEntry]:
        for number, (batch, _) in enumerate(self.logged):
            yield AuditEntry(day="2026-01-01", number=number, batch=batch.model_copy(update={"offset": number}))

    def leaves(self, day: str, batch: PredictionBatch) -> bytes:
        return self.logged[batch.offset][1]


class FiringAlerts:
    """Alerts that fire now; ``away``: Prometheus does not answer."""

    def __init__(self, *alerts: Alert) -> None:
        self.firing_now, self.away = list(alerts), False
        self.fired_before: list[FiredAlert] = []

    def alerts(self, usecase: str) -> list[Alert]:
        if self.away:
            raise ServiceError("Prometheus did not answer")
        return [alert for alert in self.firing_now if alert.usecase == usecase]

    def all_firing(self, seconds: float) -> list[FiringAlert]:
        if self.away:
            raise ServiceError("Prometheus did not answer")
        kept = ("name", "usecase", "severity", "release", "summary")
        return [
            FiringAlert(**{n: getattr(a, n) for n in kept}, action="", since=None, asks=True) for a in self.firing_now
        ]

    async def firing(self) -> list[Alert]:
        return self.firing_now

    def fired(self, usecase: str, since: datetime, until: datetime) -> list[FiredAlert]:
        if self.away:
            raise ServiceError("Prometheus did not answer")
        return [one for one in self.fired_before if one.since < until and (one.until or until) >= since]

    def query(self, promql: str, seconds: float | None = None) -> list[tuple[dict[str, str], float]]:
        return []

    def rules(self) -> int:
        return 0

    def series(self, promql: str, *_: object) -> list[tuple[dict[str, str], list[tuple[datetime, float]]]]:
        if self.away:
            raise ServiceError("Prometheus did not answer")
        return []


@dataclass(frozen=True)
class LoggedBatch:
    rows: pd.DataFrame
    again: bool = False
    unreadable: tuple = ()
    lost: tuple = ()


class MemoryLog:
    """Batches that nobody acknowledged; one that was handed out before comes ``again``."""

    def __init__(self, *batches: pd.DataFrame, lost: tuple = ()) -> None:
        self._waiting, self._seen, self._lost = list(batches), 0, lost

    def unshipped(self) -> Iterator[LoggedBatch]:
        for number, rows in enumerate(list(self._waiting)):
            again, self._seen = number < self._seen, max(self._seen, number + 1)
            yield LoggedBatch(rows, again, lost=self._lost)

    def forget(self, before: datetime, met_before: datetime) -> int:
        return 0

    def acknowledge(self, batch: LoggedBatch) -> None:
        self._waiting = [rows for rows in self._waiting if rows is not batch.rows]
        self._seen = max(self._seen - 1, 0)
