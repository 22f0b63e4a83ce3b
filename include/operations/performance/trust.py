"""Whether an estimate of the primary metric is worth more than the last value that labels have confirmed.

Both are held against what labels later showed, in windows that do not overlap. What is known of a release when a window
ends is its newest earlier window whose labels were due by then, or else its own test set. The estimate is trusted when

- at least ``LEAST`` of the last ``COMPARED`` windows can be compared,
- its mean absolute error is smaller, by more than chance: an exact test that flips the signs of the paired differences
  (Fisher, "The Design of Experiments", 1935, section 21), one-sided at ``LEVEL``. One window in which it was far off
  weighs as much in it as many small gains,
- and the newest labelled window does not contradict it: its interval and that of the metric overlap.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from include.contracts.operations import Figure
from include.contracts.period import Period
from include.evaluation.metrics import direction
from include.operations.windows import windows
from include.operations.windows.maturity import MOST_IMMATURE
from include.operations.windows.windows import COUNTS
from include.specification.usecase import UseCase

LEAST = 6
COMPARED = 12
LOOKED_BACK = 24
"""Windows without overlap among which those with labels are looked for."""
LEVEL = 0.1


def estimate_of(spec: UseCase) -> str:
    """The name of the figure."""
    return f"estimated_{spec.metrics.primary}"


def asked_of_history(spec: UseCase) -> list[str]:
    """Names of the earlier figures that the trust of an estimate, and what it asks for, follow from."""
    own = ["performance_loss", "breached", "estimated_breached"]
    return [spec.metrics.primary, estimate_of(spec), *own, *COUNTS]


@dataclass(frozen=True)
class Compared:
    """One window: its estimate, the last known metric before it, and what labels showed; all in the primary metric."""

    end: Period
    estimate: float
    last_known: float
    measured: float
    contradicts: bool

    @property
    def errors(self) -> tuple[float, float]:
        """Of the estimate, and of the last known metric."""
        return abs(self.estimate - self.measured), abs(self.last_known - self.measured)


@dataclass(frozen=True)
class Trust:
    """What the estimates of the last windows whose labels are known were worth, oldest first."""

    windows: Sequence[Compared]

    @classmethod
    def of(cls, spec: UseCase, period: Period, history: Sequence[Figure]) -> "Trust":
        """Of the windows before the one that ends with ``period``; several releases of one count once."""
        return cls(list(_compared(spec, period, history))[-COMPARED:])

    @property
    def trusted(self) -> bool:
        enough = len(self.windows) >= LEAST and self.error < self.last_known_error
        return enough and self.chance <= LEVEL and not self.windows[-1].contradicts

    @property
    def error(self) -> float:
        """Mean absolute error of the estimates; of no window NaN."""
        return float(self._errors[:, 0].mean())

    @property
    def last_known_error(self) -> float:
        """Mean absolute error of the last known metric; of no window NaN."""
        return float(self._errors[:, 1].mean())

    @cached_property
    def chance(self) -> float:
        """How often signs drawn by chance would favour the estimate as much."""
        from scipy.stats import permutation_test

        gains = self._errors[:, 1] - self._errors[:, 0]
        found = permutation_test((gains,), np.mean, permutation_type="samples", alternative="greater", vectorized=True)
        return float(found.pvalue)

    @property
    def _errors(self) -> np.ndarray:
        return np.array([window.errors for window in self.windows])

    @property
    def note(self) -> str:
        """The comparison in words, and why it is not enough where it is not."""
        if len(self.windows) < LEAST:
            return f"needs {LEAST} labelled windows to be trusted, has {len(self.windows)}"
        beaten = int((self._errors[:, 0] < self._errors[:, 1]).sum())
        told = (
            f"beat the last known metric on {beaten} of {len(self.windows)} labelled windows; "
            f"mean error {self.error:.4f} against {self.last_known_error:.4f}"
        )
        if self.trusted:
            return told
        if self.error < self.last_known_error and self.chance > LEVEL:
            return f"not trusted: {told}, which chance explains in {self.chance:.0%} of cases"
        if self.windows[-1].contradicts:
            newest = self.windows[-1]
            return f"not trusted: {newest.end} had {newest.measured:.4f} instead of {newest.estimate:.4f}; {told}"
        return f"not trusted: {told}"


def _compared(spec: UseCase, period: Period, history: Sequence[Figure]) -> Iterator[Compared]:
    ends = windows.ends(spec, period, LOOKED_BACK + 1)[:-1]
    figures = {(f.period, f.release, f.name): f for f in history if f.usecase == spec.name and not f.subject}
    for end in ends:
        if release := _most_labelled(spec, end, figures):
            estimate, measured = (figures[end, release, name] for name in (estimate_of(spec), spec.metrics.primary))
            last = _last_known(spec, end, release, figures)
            if last is not None:
                yield Compared(end, estimate.value, last, measured.value, _apart(estimate, measured))


Figures = Mapping[tuple[Period, str, str], Figure]


def _most_labelled(spec: UseCase, end: Period, figures: Figures) -> str:
    """The release with the most labelled rows of those with an estimate and a metric on due labels; '' of none."""
    rows: dict[str, int] = {}
    for at, release, name in figures:
        if at == end and name == estimate_of(spec) and (metric := _known(spec, end, release, figures)):
            rows[release] = metric.n
    return max(sorted(rows), key=lambda release: rows[release], default="")


def _known(spec: UseCase, end: Period, release: str, figures: Figures) -> Figure | None:
    """The primary metric of a window most of whose labels are due."""
    metric = figures.get((end, release, spec.metrics.primary))
    counts = [figures[end, release, name].value for name in COUNTS if (end, release, name) in figures]
    waits = figures.get((end, release, "not_due"))
    immature = waits is not None and waits.value > MOST_IMMATURE * sum(counts)
    return None if metric is None or metric.state == "too few" or immature else metric


def _last_known(spec: UseCase, end: Period, release: str, figures: Figures) -> float | None:
    """What was known of the release when the window ended: an earlier window, or its test set."""
    zone, ended = spec.calendar.timezone, spec.calendar.end(end)
    due = spec.event.lead.before(spec.event.label_delay.before(ended, zone), zone)
    first = windows.pooled(spec, end)[0]
    mine = {at for at, of, _ in figures if of == release and at < first and spec.calendar.end(at) <= due}
    for at in sorted(mine, reverse=True):
        if metric := _known(spec, at, release, figures):
            return metric.value
    loss = figures.get((end, release, "performance_loss"))
    metric = figures[end, release, spec.metrics.primary]
    return metric.value + direction(spec.metrics.primary) * loss.value if loss else None


def _apart(one: Figure, other: Figure) -> bool:
    """Whether their intervals have nothing in common; one without an interval contradicts nothing."""
    bounds = [one.low, one.high, other.low, other.high]
    if None in bounds:
        return False
    low, high, other_low, other_high = (float(bound) for bound in bounds if bound is not None)
    return low > other_high or other_low > high
