"""What a trusted estimate says of the release that serves while the labels of the newest windows are not due."""

from dataclasses import dataclass
from datetime import datetime

from include.contracts.operations import Figure
from include.operations.performance.estimated import BREACHED, BREACHED_WINDOWS
from include.operations.performance.losses import bounded
from include.operations.retraining.causes import Cause
from include.operations.windows.release_history import History
from include.specification.usecase import UseCase


@dataclass(frozen=True)
class EstimatedLoss:
    """Of the newest window: the loss, if it is beyond the limit, trusted and not told by labels yet; else None."""

    spec: UseCase
    history: History
    loss: Figure | None
    breached: int

    @classmethod
    def of(cls, spec: UseCase, history: History) -> "EstimatedLoss":
        found = history.by_key.get((history.period, "estimated_loss", ""))
        counts = bool(history.value(BREACHED))
        return cls(spec, history, found if counts else None, round(history.value(BREACHED_WINDOWS) or 0))

    @property
    def asks(self) -> bool:
        """Whether the estimates support a retrain."""
        return self.loss is not None and self.breached >= self.spec.monitoring.windows.breached

    @property
    def sentences(self) -> list[str]:
        """That it is an estimate, how large, what it is worth, and when labels will tell."""
        if self.loss is None:
            return []
        windows, trust = self.spec.monitoring.windows, self.history.by_key[self.history.period, "estimate_trusted", ""]
        return [
            f"estimated without labels, the {self.spec.metrics.primary} loss of {self.history.release} in "
            f"{self.history.period} is {bounded(self.loss, self.spec.monitoring.performance_loss)} on {self.loss.n} "
            f"answers, above the limit {self.spec.monitoring.performance_loss:g}; breached periods, by labels or by "
            f"estimate: {self.breached} of the last {windows.of}, a retrain needs {windows.breached}",
            f"the estimate is trusted: it {trust.note}; its labels are due by {self.labels_due:%Y-%m-%d %H:%M} UTC",
        ]

    @property
    def labels_due(self) -> datetime:
        """When all labels of the newest window are due."""
        zone, end = self.spec.calendar.timezone, self.spec.calendar.end(self.history.period)
        return self.spec.event.label_delay.after(self.spec.event.lead.after(end, zone), zone)

    @property
    def cause(self) -> Cause:
        """An estimate sees what the answers and features show, and nothing of a change of the concept."""
        limit = self.spec.monitoring.drift_threshold
        drifts = self.history.drifted(limit, self.history.period)
        drifted = sorted(drifts, key=lambda name: -drifts[name])
        shown = [f"{name} drifted (PSI {drifts[name]:.2f})" for name in drifted]
        return Cause("covariate shift", [*self.sentences, *shown], drifted)
