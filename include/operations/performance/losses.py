"""Whether the loss of the release that serves is confirmed, in words that agree with the figures.

A loss is confirmed when it is above ``monitoring.performance_loss`` and its interval excludes 0. A retrain needs a
confirmed loss in the newest labelled window, and in ``monitoring.windows.breached`` of the last ``windows.of``, which
follow one another without overlap.
"""

from dataclasses import dataclass

from include.contracts.operations import Figure
from include.contracts.period import Period
from include.operations.windows import windows
from include.operations.windows.release_history import History
from include.specification.usecase import UseCase


def is_breach(loss: float, low: float | None, limit: float) -> bool:
    """Whether a loss, in units of the primary metric, is above the limit and not explained by chance."""
    return loss > limit and low is not None and low > 0


def is_confirmed(loss: Figure, limit: float) -> bool:
    """Whether a measured loss is a breach: of too few blocks of rows never."""
    return loss.state != "too few" and is_breach(loss.value, loss.low, limit)


@dataclass(frozen=True)
class Confirmation:
    """The loss of ``release`` in ``period`` (None: not measured), and how many of the last windows are breached."""

    spec: UseCase
    release: str
    period: Period
    loss: Figure | None
    breached: int
    measured: int

    @classmethod
    def of(cls, spec: UseCase, history: History, period: Period) -> "Confirmation":
        ends = windows.ends_of(spec, period)
        losses = {end: loss for end in ends if (loss := history.loss(end))}
        breaches = [f for f in losses.values() if is_confirmed(f, spec.monitoring.performance_loss)]
        return cls(spec, history.release, period, losses.get(period), len(breaches), len(losses))

    @property
    def confirmed(self) -> bool:
        """Whether the newest window itself is a breach."""
        return self.loss is not None and is_confirmed(self.loss, self.spec.monitoring.performance_loss)

    @property
    def asks(self) -> bool:
        """Whether the figures support a retrain."""
        return self.confirmed and self.breached >= self.spec.monitoring.windows.breached

    @property
    def sentence(self) -> str:
        """What the figures of the period say, with value, interval, rows and limit."""
        if self.loss is None:
            if not self.release:
                return "no release serves, so there is no loss to confirm"
            rows = "labelled answers" if self.spec.event.label else "answers"
            return f"{self.release} has too few {rows} in {self.period} to measure a loss"
        return (
            f"the {self.spec.metrics.primary} loss of {self.release} in {self.period} is {state(self.spec, self.loss)}"
        )

    @property
    def reason(self) -> str:
        """The sentence; of a confirmed loss also how many windows are breached."""
        if not self.confirmed:
            return self.sentence
        windows = self.spec.monitoring.windows
        counted = f"{self.breached} of the last {windows.of} ({self.measured} measured)"
        return f"{self.sentence}; breached periods: {counted}, a retrain needs {windows.breached}"


def state(spec: UseCase, loss: Figure) -> str:
    """Value, interval and rows of a loss, and where it stands: within the limit, not confirmed, or confirmed."""
    limit, has_interval = spec.monitoring.performance_loss, loss.low is not None and loss.high is not None
    measured = f"{bounded(loss, limit)} on {loss.n} rows"
    if loss.value <= limit:
        return f"{measured}: not above the limit {limit:g}, no breach"
    if not is_confirmed(loss, limit):
        if loss.state == "too few":
            return f"{measured}: above the limit {limit:g} but not judged, no breach ({loss.note})"
        why = "its interval includes 0, so chance may explain it" if has_interval else "it has no interval"
        return f"{measured}: above the limit {limit:g} but not confirmed, no breach ({why})"
    return f"{measured}: confirmed, a breach (above the limit {limit:g}, the interval excludes 0)"


def bounded(loss: Figure, limit: float) -> str:
    """Value and interval of a loss, with the digits that tell on which side of the limit and of 0 they are."""
    if loss.low is None or loss.high is None:
        return _shown(loss.value, limit)
    return f"{_shown(loss.value, limit)} [{_shown(loss.low, 0)}, {_shown(loss.high, 0)}]"


def _shown(value: float, limit: float) -> str:
    """The value with three digits, or as many more as tell on which side of the limit it is."""
    digits = (d for d in range(3, 12) if (round(value, d) > limit) == (value > limit))
    return next((f"{value:+.{d}f}" for d in digits), f"{value:+}")
