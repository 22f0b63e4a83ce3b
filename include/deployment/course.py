"""The course of a rollout: what each arm got when, from its events, and how each answered, from the metrics server."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from include.contracts.deployment import Judgement, RolloutEvent
from include.deployment.judgement import OURS, growth, p99_of
from include.ports.metrics import MetricsServer
from include.specification.usecase import UseCase

MOVES = ("shifted", "shadowed", "promoted", "kept", "aborted", "interrupted")
"""Events after which the arms have other shares."""
ENDS = ("promoted", "kept", "aborted")
POINTS = 40
"""Samples of a curve at most."""
LEAST_STEP = 5.0
"""Seconds between two samples at least: growth needs two scrapes in its window."""
PATIENCE_SECONDS = 2.0
"""The longest that a page waits for a curve."""
FIGURES = ("error_rate", "p99_ms", "mean_answer")


class Stretch(NamedTuple):
    """From ``start`` to ``end`` the challenger had the share; ``copies``: of requests that the champion answered."""

    start: datetime
    end: datetime
    share: float
    copies: bool
    event: RolloutEvent


class Course(NamedTuple):
    """One rollout, running or over; of a first release the two arms are the same."""

    champion: str
    challenger: str
    events: list[RolloutEvent]

    @property
    def begun(self) -> datetime:
        return self.events[0].at

    @property
    def ended(self) -> RolloutEvent | None:
        """The event that ended it; None while it runs, or may go on."""
        return next((one for one in reversed(self.events) if one.event in ENDS), None)

    @property
    def judged(self) -> list[tuple[RolloutEvent, Judgement]]:
        """Every judgement that was recorded; the read-out of an A/B test is none."""
        kept = [one for one in self.events if one.figures and "error_rate" in one.figures]
        return [(one, Judgement.model_validate(one.figures)) for one in kept]

    def until(self, now: datetime) -> datetime:
        """The end of its picture: now, or a little after what ended it."""
        last = self.ended.at if self.ended else now
        return last + max((last - self.begun) / 20, timedelta(seconds=5))

    def stretches(self, now: datetime) -> list[Stretch]:
        """Oldest first, without a gap."""
        moves = [one for one in self.events if one.event in MOVES]
        ends = [*(one.at for one in moves[1:]), self.until(now)]
        return [
            Stretch(one.at, end, one.share if one.release == self.challenger else 0.0, one.event == "shadowed", one)
            for one, end in zip(moves, ends, strict=True)
        ]


def newest(events: Sequence[RolloutEvent]) -> Course | None:
    """The newest rollout among the events, which are oldest first; None without one.

    What came before its events is not looked for: of a long rollout the picture begins with the oldest that is given.
    """
    moves = [one for one in events if one.event in MOVES]
    if not moves:
        return None
    name = moves[-1].rollout
    mine = [one for one in events if one.rollout == name and one.event in (*MOVES, "judged")]
    return Course(mine[0].champion, mine[0].release, mine)


def step_seconds(begun: datetime, until: datetime) -> float:
    """Seconds between two samples of a curve."""
    return max(LEAST_STEP, math.ceil((until - begun).total_seconds() / POINTS))


Curves = dict[str, dict[str, list[tuple[datetime, float]]]]
"""Figure → release → its samples, oldest first; without traffic there is none."""


def curves(spec: UseCase, metrics: MetricsServer, course: Course, now: datetime) -> Curves:
    """How both arms answered, while it ran.

    Raises ServiceError when the metrics server does not answer in time.
    """
    until = min(course.until(now), now)
    step = step_seconds(course.begun, until)
    window, found = f"{max(2 * LEAST_STEP, step):.0f}s", {}
    for figure, promql in _queries(spec, window).items():
        series = metrics.series(promql, course.begun, until, step, PATIENCE_SECONDS)
        found[figure] = {
            labels.get("release", ""): [(at, value) for at, value in samples if math.isfinite(value)]
            for labels, samples in series
            if labels.get("release", "") in (course.champion, course.challenger)
        }
    return found


def _queries(spec: UseCase, window: str) -> dict[str, str]:
    of = {"usecase": spec.name}
    requests = growth("moebius_requests_total", window, outcome=f"ok|{OURS}", **of)
    failed = growth("moebius_requests_total", window, outcome=OURS, **of)
    answered = growth("moebius_requests_total", window, outcome="ok", **of)
    above, below = (growth(f"moebius_answer_{sign}_total", window, **of) for sign in ("positive", "negative"))
    return {
        "error_rate": f"({failed} or 0 * {requests}) / ({requests} > 0)",
        "p99_ms": p99_of("moebius_latency_rows_total", window, **of),
        "mean_answer": f"({above} - ({below} or 0 * {above})) / ({answered} > 0)",
    }
