"""One time axis for a use case: its newest monitoring windows, and the window in which something happened.

Monitoring measures data, and a rollout happens on a clock. Where the use case is live both are the same time. Where
history is replayed, data of years ago is monitored today: then an event belongs to the newest window that had been
decided on when it happened.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from include.contracts.deployment import LostAnswers, RolloutEvent
from include.contracts.operations import Figure, RetrainPlan
from include.contracts.period import Period
from include.contracts.quality import CheckRecord
from include.operations.overview.served import champions
from include.specification.usecase import UseCase

COUNTS = ("rows", "labelled", "unmatched", "not_due")
Lane = Literal["release", "alert", "decision", "incident"]
ROLLOUT: dict[str, Lane] = {
    "promoted": "release", "rolled_back": "release", "rolled_forward": "release", "kept": "release",
    "aborted": "release", "interrupted": "incident",
}  # fmt: skip
"""Events of a rollout that stand on the axis, and in which lane."""
Worth = Literal["within", "beyond", "breached", "provisional", "too few", "no limit"]


@dataclass(frozen=True)
class Happening:
    """Something that happened in a window: what ``kind`` of thing, to what, when, and its words as recorded."""

    period: Period
    lane: Lane
    kind: str
    subject: str
    words: str
    at: datetime | None = None


def axis(measured: Iterable[Period], count: int) -> list[Period]:
    """The newest windows, oldest first, so many at most; windows between that were not measured are among them."""
    every = sorted(set(measured))
    if not every:
        return []
    newest = (every[-1].shift(-by) for by in reversed(range(count)))
    return [period for period in newest if period >= every[0]]


@dataclass(frozen=True)
class Clock:
    """At which window of the axis a moment is; ``seen`` are moments of which the window is recorded."""

    spec: UseCase
    windows: Sequence[Period]
    seen: Sequence[tuple[datetime, Period]] = field(default=())

    def window(self, moment: datetime) -> Period | None:
        """None for what was before the axis, or cannot be placed."""
        if not self.windows:
            return None
        if self._live(moment):
            return min(self.spec.calendar.of(moment), self.windows[-1])
        before = [period for at, period in sorted(self.seen) if at <= moment]
        return before[-1] if before and before[-1] >= self.windows[0] else None

    def _live(self, moment: datetime) -> bool:
        calendar, event = self.spec.calendar, self.spec.event
        until = calendar.end(self.windows[-1].shift(2)) + timedelta(hours=event.label_delay.hours + event.lead.hours)
        return calendar.start(self.windows[0]) <= moment < until


def decided_in(plan: RetrainPlan) -> Period:
    """The newest monitored window when a retrain was decided on."""
    return Period(plan.name.rsplit("-", 2)[0])


def clock(
    spec: UseCase,
    windows: Sequence[Period],
    figures: Sequence[Figure],
    decisions: Sequence[RetrainPlan],
    events: Sequence[RolloutEvent],
    *,
    cut: bool = False,
) -> Clock:
    """It knows the windows of decisions, and the first window in which each release that was promoted answered.

    ``cut``: there are windows before the axis, so what answered in its first one may have begun before.
    """
    first = {name: at for name, at in first_answered(figures).items() if not cut or at > windows[0]}
    promoted = [(event.at, first[event.champion]) for event in champions(events) if event.champion in first]
    newly = {period: (at, period) for at, period in reversed(promoted)}
    return Clock(spec, windows, [*((plan.decided_at, decided_in(plan)) for plan in decisions), *newly.values()])


def first_answered(figures: Iterable[Figure]) -> dict[str, Period]:
    """Release → the first of the windows in which it answered."""
    first: dict[str, Period] = {}
    for figure in sorted(figures, key=lambda one: one.period):
        if figure.name == "rows" and figure.value > 0:
            first.setdefault(figure.release, figure.period)
    return first


def main_releases(figures: Iterable[Figure]) -> dict[Period, str]:
    """Window → the release that answered most of it."""
    rows: dict[Period, dict[str, float]] = defaultdict(dict)
    for figure in figures:
        if figure.name == "rows" and not figure.subject and figure.value > 0:
            rows[figure.period][figure.release] = figure.value
    return {period: max(sorted(of, reverse=True), key=of.__getitem__) for period, of in sorted(rows.items())}


def spans(windows: Sequence[Period], main: dict[Period, str]) -> list[tuple[str, Period, Period]]:
    """Release, first and last window of each time that it answered most without a break."""
    found: list[tuple[str, Period, Period]] = []
    for before, window in zip([None, *windows], windows, strict=False):
        if (release := main.get(window)) is None:
            continue
        if found and before is not None and found[-1][0] == release and found[-1][2] == before:
            found[-1] = (release, found[-1][1], window)
        else:
            found.append((release, window, window))
    return found


def label_counts(figures: Iterable[Figure]) -> dict[Period, dict[str, int]]:
    """Window → labels known (``labelled``), that never came (``unmatched``) and not due, of all releases."""
    counts: dict[Period, dict[str, int]] = {}
    for figure in figures:
        if figure.name in COUNTS[1:] and not figure.subject:
            mine = counts.setdefault(figure.period, dict.fromkeys(COUNTS[1:], 0))
            mine[figure.name] += int(figure.value)
    return {period: of for period, of in sorted(counts.items()) if sum(of.values())}


def worth(spec: UseCase, row: dict[str, Any]) -> Worth:
    """How the primary metric of a window stands to the limit of its release (a row of ``history.rows``)."""
    if row["state"] == "too few":
        return "too few"
    if row["loss"] is None:
        return "no limit"
    if row["state"] == "provisional":
        return "provisional"
    if row["breached"]:
        return "breached"
    return "beyond" if row["loss"] > spec.monitoring.performance_loss else "within"


def of_decisions(decisions: Iterable[RetrainPlan]) -> list[Happening]:
    """Every decision, and every alert that it was taken on; an alert that asks for a repair is an incident too."""
    found: dict[tuple[str, str, str, str], Happening] = {}
    for plan in decisions:
        window, at = decided_in(plan), plan.decided_at
        happened = Happening(window, "decision", plan.decision, plan.name, f"{plan.cause}: {plan.action}", at)
        found[window, "decision", plan.name, ""] = happened
        for alert in plan.alerts:
            place = alert.period or window
            mine = Happening(Period(place), "alert", alert.severity, alert.name, alert.summary, at)
            found.setdefault((place, "alert", alert.name, alert.release), mine)
    return list(found.values())


def of_rollouts(clock: Clock, events: Iterable[RolloutEvent]) -> list[Happening]:
    """What became of rollouts; what cannot be placed on the axis is left out."""
    told = [(event, clock.window(event.at)) for event in events if event.event in ROLLOUT]
    return [
        Happening(window, ROLLOUT[event.event], event.event, event.release, event.reason, event.at)
        for event, window in told
        if window is not None
    ]


def of_refusals(checks: Iterable[CheckRecord]) -> list[Happening]:
    """One incident per period and gate that refused data, however often it did."""
    by_gate: dict[tuple[Period, str], list[CheckRecord]] = defaultdict(list)
    for check in checks:
        by_gate[check.period, check.gate].append(check)
    return [
        Happening(period, "incident", "refused", gate, _checks(of), max(check.evaluated_at for check in of))
        for (period, gate), of in by_gate.items()
    ]


def _checks(checks: Iterable[CheckRecord]) -> str:
    """What was not met, each once."""
    places = (f"{check.table}.{check.column}" if check.column else check.table for check in checks)
    names = (check.expectation for check in checks)
    return "; ".join(dict.fromkeys(f"{place} {name}" for place, name in zip(places, names, strict=False)))


def of_losses(spec: UseCase, windows: Sequence[Period], lost: Iterable[LostAnswers]) -> list[Happening]:
    """Answers that are not in the prediction log, by the period of their events."""
    rows: dict[tuple[Period, str], int] = defaultdict(int)
    about: dict[tuple[Period, str], LostAnswers] = {}
    for one in lost:
        for hour, count in one.hours.items():
            key = spec.calendar.of(datetime.fromtimestamp(int(hour), UTC)), one.release
            rows[key] += count
            about[key] = one
    return [
        Happening(period, "incident", "lost", release, f"{count}: {one.reason}", one.until)
        for (period, release), count in rows.items()
        if period in windows and (one := about[period, release])
    ]
