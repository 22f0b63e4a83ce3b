"""Monitored figures, alerts and retrain plans."""

from typing import Literal

from include.contracts.development import TrainingRequest
from include.contracts.period import Period
from include.contracts.record import Record


class Figure(Record):
    """One monitored figure of one release in one period; ``subject`` is a feature or slice, else ''."""

    usecase: str
    release: str
    period: Period
    name: str
    subject: str = ""
    value: float
    low: float | None = None
    high: float | None = None
    n: int = 0


class Alert(Record):
    """A firing Prometheus alert; ``period`` is '' when the alert is of no period."""

    name: str
    usecase: str
    severity: Literal["look", "retrain"]
    release: str
    period: Period | Literal[""]
    value: float
    summary: str


class RetrainPlan(Record):
    """What to change in the next training, and why."""

    usecase: str
    name: str
    decision: Literal["retrain", "keep", "fix_data"]
    cause: str
    evidence: list[str]
    action: str
    train_from: Period | None
    train_to: Period | None
    test_period: Period | None
    alerts: list[Alert]
    decided_at: str

    @property
    def request(self) -> TrainingRequest:
        """What the plan asks of the next training."""
        return TrainingRequest(
            plan=self.name, train_from=self.train_from, train_to=self.train_to, test_period=self.test_period
        )
