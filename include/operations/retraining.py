"""The decision to retrain or to keep: finds the cause, decides, and plans the change."""

from collections.abc import Sequence
from datetime import UTC, datetime

from include.contracts.evaluation import Verdict
from include.contracts.operations import Alert, Figure, RetrainPlan
from include.contracts.period import Period
from include.contracts.quality import GateResult
from include.operations.alerts import SERVING_ALERTS
from include.operations.causes import Cause, History, data_fault, decay, pipeline_skew
from include.specification.usecase import UseCase


def decide(
    spec: UseCase,
    *,
    alerts: Sequence[Alert],
    figures_history: Sequence[Figure],
    decisions_history: Sequence[RetrainPlan],
    gate_results: Sequence[GateResult],
    period: Period,
    verdicts: Sequence[Verdict] = (),
    forced: str | None = None,
) -> RetrainPlan:
    """What to do about ``alerts``, with the reason; keeping the champion is a decision too.

    A data fault or a pipeline skew is repaired, not learned. Drift alone is looked at. A confirmed performance loss
    retrains, unless the same period was planned already, the cooldown holds or the year's budget is spent.

    Parameters
    ----------
    figures_history, decisions_history, verdicts : of this use case, oldest first
    gate_results : oldest first; the last word on a period and gate counts
    period : the newest period that is monitored
    forced : who asks for a retrain without an alert; cooldown and budget do not bind a person
    """
    mine = sorted((a for a in alerts if a.usecase == spec.name), key=lambda a: (a.name, a.release, a.period))
    history = History(figures_history, spec.name, _release(mine, figures_history, spec, period), period)
    plan = _Plan(spec, mine, period)
    if cause := data_fault(spec, history, gate_results) or pipeline_skew(history):
        return plan.of("fix_data", cause, _repair(cause))
    retrain = any(a.severity == "retrain" for a in mine)
    if not retrain and not forced:
        return plan.of("keep", _no_loss(spec, history, mine), _look(mine))
    cause = decay(spec, history) if retrain else Cause("asked for", [f"{forced} asked for a retrain"], [])
    test = _newest_known(spec, history) or period
    if not forced and (held := _held_back(spec, decisions_history, test)):
        return plan.of("keep", cause, held)
    return plan.retrain(cause, test, _window(spec, test, verdicts))


class _Plan:
    """Puts a decision into a record; its name is the same for the same alerts and decision."""

    def __init__(self, spec: UseCase, alerts: list[Alert], period: Period) -> None:
        self.spec, self.alerts, self.period = spec, alerts, period

    def of(
        self, decision: str, cause: Cause, action: str, window: tuple[Period, Period, Period] | None = None
    ) -> RetrainPlan:
        train_from, train_to, test_period = window or (None, None, None)
        plan = RetrainPlan(
            usecase=self.spec.name, name="", decision=decision, cause=cause.sentence, evidence=cause.evidence,
            action=action, train_from=train_from, train_to=train_to, test_period=test_period, alerts=self.alerts,
            decided_at=datetime.now(UTC).replace(microsecond=0),
        )  # fmt: skip
        digest = plan.digest_without("name", "decided_at")
        return plan.model_copy(update={"name": f"{self.period}-{decision}-{digest[:8]}"})

    def retrain(self, cause: Cause, test: Period, window: tuple[Period, str]) -> RetrainPlan:
        train_from, why = window
        train_to = test.shift(-1)
        what = f"retrain {self.spec.trainer.name} on {train_from} to {train_to} ({why}), test on {test}"
        action = f"{what}; with the same features and parameters"
        return self.of("retrain", cause, action, (train_from, train_to, test))


def _release(alerts: list[Alert], figures: Sequence[Figure], spec: UseCase, period: Period) -> str:
    """The release that the alerts are about; without one, the release that served last."""
    about = [a for a in alerts if a.release]
    named = [a.release for a in sorted(about, key=lambda a: a.severity != "retrain")]
    serving = [f for f in figures if f.usecase == spec.name and f.name == "rows" and f.period <= period]
    newest = max(serving, key=lambda f: (f.period, f.release), default=None)
    return named[0] if named else newest.release if newest else ""


def _newest_known(spec: UseCase, history: History) -> Period | None:
    """The newest period with labels; without labels (clustering) the newest with answers."""
    name = "labelled" if spec.event.label else "rows"
    return max((p for p in history.periods if (history.value(name, p) or 0) > 0), default=None)


def _repair(cause: Cause) -> str:
    where = ", ".join(cause.subjects) or "the data pipeline"
    if cause.kind == "pipeline skew":
        return f"do not retrain: make online and offline features agree ({where}), then run monitoring again"
    return f"do not retrain: repair {where}, run the data pipeline of the period again, then monitoring"


def _no_loss(spec: UseCase, history: History, alerts: list[Alert]) -> Cause:
    evidence = [f"{a.name}: {a.summary}" for a in alerts]
    loss, limit = history.value("performance_loss"), spec.monitoring.performance_loss
    if loss is not None:
        evidence.append(f"{spec.metrics.primary} loss in {history.period} is {loss:+.3f}; the limit is {limit}")
    if any(a.name in SERVING_ALERTS for a in alerts):
        return Cause("serving fault", evidence, [])
    drifted = {n: v for n, v in history.subjects("psi", history.period).items() if v > spec.monitoring.drift_threshold}
    strongest = sorted(drifted, key=lambda n: -drifted[n])
    evidence += [f"{n} drifted (PSI {drifted[n]:.2f})" for n in strongest]
    return Cause("covariate shift", evidence, strongest) if strongest else Cause("none", evidence, [])


def _look(alerts: list[Alert]) -> str:
    if not alerts:
        return "keep the champion: no alert"
    if any(a.name in SERVING_ALERTS for a in alerts):
        return (
            "keep the champion: check the model server, its log and `make status`; a new model does not repair a server"
        )
    return "keep the champion: check the drifted features; drift without a confirmed performance loss does not retrain"


def _held_back(spec: UseCase, decisions: Sequence[RetrainPlan], test: Period) -> str | None:
    """Why a retrain must wait, or None."""
    planned = [d for d in decisions if d.usecase == spec.name and d.decision == "retrain" and d.test_period]
    for plan in reversed(planned):
        age = _months(plan.test_period or test, test)
        if age == 0:
            return f"keep the champion: plan {plan.name} already retrains for {test}"
        if 0 < age <= spec.retrain.cooldown_periods:
            ago = f"plan {plan.name} retrained {age} period(s) ago"
            return f"keep the champion: {ago}, the cooldown is {spec.retrain.cooldown_periods}"
    spent = sum((d.test_period or "")[:4] == test[:4] for d in planned)
    if spent >= spec.retrain.budget_per_year:
        budget = f"the budget of {spec.retrain.budget_per_year}"
        return f"keep the champion: {spent} retrains in {test[:4]} have spent {budget}; a person may force one"
    return None


def _months(earlier: Period, later: Period) -> int:
    first, last = earlier.start, later.start
    return (last.year - first.year) * 12 + last.month - first.month


def _window(spec: UseCase, test: Period, verdicts: Sequence[Verdict]) -> tuple[Period, str]:
    """First training period and why; a short window whose last candidate was refused is widened to everything."""
    window, first = spec.retrain.window, spec.periods.first
    if window == "all":
        return first, "all periods so far"
    if verdicts and verdicts[-1].decision == "keep_champion":
        return first, f"all periods, because the last candidate from window {window} was refused"
    start = test.shift(-int(window.removeprefix("last:")))
    return max(start, first), f"window {window}"
