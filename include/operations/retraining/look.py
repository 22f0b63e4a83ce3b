"""What alerts are worth once the figures of the release that serves were looked at, in words that agree with them."""

from dataclasses import dataclass

from include.contracts.operations import Alert
from include.operations.alerts.alerts import SERVING_ALERTS
from include.operations.performance.losses import Confirmation
from include.operations.retraining.causes import Cause
from include.operations.retraining.estimated_loss import EstimatedLoss
from include.operations.windows.release_history import History
from include.specification.usecase import UseCase

DRIFT_ALERT = "MoebiusFeatureDrift"
WORSE_ALERT = "MoebiusReleaseWorse"


@dataclass(frozen=True)
class Look:
    """Alerts of a use case beside the figures of what serves; alerts without a release are about the use case."""

    spec: UseCase
    history: History
    loss: Confirmation
    estimate: EstimatedLoss
    alerts: list[Alert]

    @property
    def about(self) -> list[Alert]:
        """The alerts that concern what serves."""
        return [a for a in self.alerts if a.release in ("", self.history.release)]

    @property
    def raised(self) -> bool:
        """Whether an alert about what serves asks for a retrain."""
        return any(a.severity == "retrain" for a in self.about)

    @property
    def retrains(self) -> bool:
        return self.raised and (self.loss.asks or self.estimate.asks)

    @property
    def evidence(self) -> list[str]:
        """The alerts, those of other releases as such, and the loss of what serves, measured and estimated."""
        about = self.about
        sentences = [f"{a.name}: {a.summary}" for a in about]
        sentences += [f"{a.name} is {_of_another(self, a)}: {a.summary}" for a in self.alerts if a not in about]
        losses = [self.loss.reason, *self.estimate.sentences]
        return [*sentences, *losses] if self.history.periods or self.alerts else sentences

    @property
    def cause(self) -> Cause:
        """Why nothing is retrained: a serving fault, drifted features, or no cause."""
        if any(a.name in SERVING_ALERTS for a in self.about):
            return Cause("serving fault", self.evidence, [])
        values = self.history.drifted(self.spec.monitoring.drift_threshold, self.history.period)
        drifted = sorted(values, key=lambda n: -values[n])
        evidence = self.evidence + [f"{n} drifted (PSI {values[n]:.2f})" for n in drifted]
        return Cause("covariate shift", evidence, drifted) if drifted else Cause("none", evidence, [])

    @property
    def action(self) -> str:
        """What is done instead of a retrain, and why."""
        return f"keep the champion: {self._why}"

    @property
    def _why(self) -> str:
        names = {a.name for a in self.about}
        if not self.alerts:
            return "no alert"
        if not self.about:
            others = ", ".join(sorted({a.release for a in self.alerts}))
            return f"the alerts are about {others}, {self.history.release or 'nothing'} serves"
        if names & {*SERVING_ALERTS}:
            return "check the model server, its log and `make status`; a new model does not repair a server"
        reason = self.loss.reason
        if self.loss.asks or self.estimate.asks:
            reason += "; the alert that starts a retrain does not fire yet"
        drift = "check the drifted features, drift alone does not retrain; " if DRIFT_ALERT in names else ""
        worse = "a release that is worse than the one it replaced is rolled back; " if WORSE_ALERT in names else ""
        return f"{worse}{drift}{reason}"


def _of_another(look: Look, alert: Alert) -> str:
    serving = look.history.release or "no release"
    return f"about {alert.release}, which does not serve ({serving} does), so it asks for nothing"
