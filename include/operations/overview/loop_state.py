"""How the loop of a use case stands, in one word, and what proves it: a pure function of facts.

Every finding names a state; the first in the order of ``STATES`` is the state of the loop. What is not known is never
good: without alerts, open questions or a judged figure a loop is ``not_judged``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from include.contracts.controls import Hold
from include.contracts.deployment import RolloutState
from include.contracts.operations import Figure, FiringAlert, RetrainPlan
from include.contracts.runs import OpenRun, OpenWork, RequiredAction
from include.contracts.scrub import Scrubbed

State = Literal[
    "broken", "needs_you", "rolling_out", "deciding", "nothing_serves", "watching", "not_judged", "serving_well"
]
STATES: tuple[State, ...] = get_args(State)
"""The first that a finding names is the state of the loop."""
SHOWN: tuple[State, ...] = (
    "broken", "needs_you", "rolling_out", "deciding", "watching", "not_judged", "serving_well", "nothing_serves",
)  # fmt: skip
"""The order on a page: what needs a person first, what does not run yet last."""
Why = Literal[
    "fault", "repair_alert", "platform_repair", "unwatched_split", "damaged_files",
    "question", "fix_data", "interrupted",
    "split", "shadow", "deploying",
    "run",
    "no_release",
    "alert", "platform_alert", "breached", "drifted", "aborted", "paused", "silenced",
    "alerts_unknown", "questions_unknown", "unread", "not_monitored", "too_few",
    "judged",
]  # fmt: skip
OF_PLATFORM: tuple[Why, ...] = ("platform_repair", "platform_alert")
DECIDING = ("retrain_trigger", "training", "retrain_evaluation", "recalibration")
"""Families whose runs find out which model is next."""


@dataclass(frozen=True)
class Finding:
    """Why a loop is in a state. ``words`` are as recorded; ``run`` is the run or the question that proves it."""

    state: State
    why: Why
    words: str = ""
    share: float | None = None
    run: OpenRun | RequiredAction | None = None


@dataclass(frozen=True)
class Facts:
    """What is known of a use case. ``alerts`` None: Prometheus does not say; ``unread``: the role reads no figures.

    ``figures`` are those of the serving release in its newest window that is judged, else in its newest one, by name.
    """

    primary: str
    drift_features: int
    faults: Sequence[str] = ()
    rollout: RolloutState | None = None
    alerts: Sequence[FiringAlert] | None = ()
    work: OpenWork = field(default_factory=OpenWork)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    unread: bool = False
    decision: RetrainPlan | None = None
    scrubs: Sequence[Scrubbed] = ()
    pause: Hold | None = None
    silences: Mapping[str, Hold] = field(default_factory=dict)


def findings(facts: Facts) -> list[Finding]:
    """Everything that was found, the state of the loop first; of a state what is the use case's own before the rest."""
    found = [*_broken(facts), *_for_a_person(facts), *_moving(facts), *_deciding(facts), *_at_rest(facts)]
    return sorted(found, key=lambda one: (STATES.index(one.state), one.why in OF_PLATFORM))


def _broken(facts: Facts) -> Iterator[Finding]:
    yield from (Finding("broken", "fault", line) for line in facts.faults)
    for alert in facts.alerts or ():
        if alert.severity == "repair" and alert.usecase:
            yield Finding("broken", "repair_alert", alert.summary)
        elif alert.severity == "repair" and alert.asks and facts.rollout:
            yield Finding("broken", "platform_repair", alert.summary)
    if facts.rollout and facts.rollout.challenger and facts.rollout.lapsed:
        yield Finding("broken", "unwatched_split", facts.rollout.challenger)
    for scrub in facts.scrubs:
        yield from (Finding("broken", "damaged_files", damage) for damage in scrub.damaged)


def _for_a_person(facts: Facts) -> Iterator[Finding]:
    for question in facts.work.questions:
        yield Finding("needs_you", "question", question.subject, run=question)
    if facts.decision and facts.decision.decision == "fix_data":
        yield Finding("needs_you", "fix_data", facts.decision.cause)
    if facts.rollout and facts.rollout.outcome == "interrupted":
        yield Finding("needs_you", "interrupted", facts.rollout.reason)


def _moving(facts: Facts) -> Iterator[Finding]:
    state = facts.rollout
    if state and state.challenger and not state.lapsed:
        shadow = state.challenger not in state.weights
        share = state.shadow.share if shadow and state.shadow else state.weights.get(state.challenger)
        yield Finding("rolling_out", "shadow" if shadow else "split", state.challenger, share)
    deployments = (run for run in facts.work.runs if run.family == "deployment")
    yield from (Finding("rolling_out", "deploying", run=run) for run in deployments)


def _deciding(facts: Facts) -> Iterator[Finding]:
    yield from (Finding("deciding", "run", r.family, run=r) for r in facts.work.runs if r.family in DECIDING)


def _at_rest(facts: Facts) -> Iterator[Finding]:
    """What is said of a loop in which nothing moves; of one that serves nothing only that."""
    if facts.rollout is None:
        yield Finding("nothing_serves", "no_release")
        return
    watched = [*_watched_alerts(facts), *_watched_figures(facts), *_held(facts)]
    unknown = list(_unknown(facts))
    yield from watched
    yield from unknown
    if not watched and not unknown:
        yield Finding("serving_well", "judged")


def _watched_alerts(facts: Facts) -> Iterator[Finding]:
    for alert in facts.alerts or ():
        if alert.usecase and alert.severity != "repair":
            yield Finding("watching", "alert", alert.summary)
        elif not alert.usecase and not (alert.severity == "repair" and alert.asks):
            yield Finding("watching", "platform_alert", alert.summary)


def _watched_figures(facts: Facts) -> Iterator[Finding]:
    breached, drifted = facts.figures.get("breached"), facts.figures.get("drifted_features")
    if breached and breached.value:
        yield Finding("watching", "breached", str(breached.period))
    if drifted and drifted.value >= facts.drift_features:
        yield Finding("watching", "drifted", str(drifted.period))


def _held(facts: Facts) -> Iterator[Finding]:
    """What people switched off, and a rollout that ended itself."""
    if facts.rollout and facts.rollout.outcome == "aborted":
        yield Finding("watching", "aborted", facts.rollout.reason)
    if facts.pause:
        yield Finding("watching", "paused", facts.pause.words)
    yield from (Finding("watching", "silenced", f"{name}: {hold.words}") for name, hold in facts.silences.items())


def _unknown(facts: Facts) -> Iterator[Finding]:
    if facts.alerts is None:
        yield Finding("not_judged", "alerts_unknown")
    if facts.work.unknown:
        yield Finding("not_judged", "questions_unknown", facts.work.unknown)
    metric = facts.figures.get(facts.primary)
    if facts.unread:
        yield Finding("not_judged", "unread")
    elif metric is None:
        lacking = facts.figures.get("not_measured")
        yield Finding("not_judged", "too_few" if lacking else "not_monitored", lacking.note if lacking else "")
    elif metric.state != "judged":
        yield Finding("not_judged", "too_few", metric.note)
