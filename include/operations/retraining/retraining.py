"""The decision to retrain or to keep: finds the cause, decides, and plans the change."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

from include.contracts.calendar import Span
from include.contracts.evaluation import Verdict
from include.contracts.operations import Alert, Figure, RetrainPlan
from include.contracts.period import Period, from_to
from include.contracts.quality import GateResult
from include.operations.performance.losses import Confirmation
from include.operations.retraining import training_window
from include.operations.retraining.causes import Cause, data_fault, decay, pipeline_skew, serving_fault, unjudged
from include.operations.retraining.estimated_loss import EstimatedLoss
from include.operations.retraining.look import Look
from include.operations.retraining.recalibration import repair
from include.operations.retraining.training_window import NO_WINDOW, TrainingWindow
from include.operations.windows.maturity import MOST_IMMATURE
from include.operations.windows.release_history import History
from include.specification.usecase import UseCase


def decide(
    spec: UseCase,
    *,
    alerts: Sequence[Alert],
    figures_history: Sequence[Figure],
    decisions_history: Sequence[RetrainPlan],
    gate_results: Sequence[GateResult],
    period: Period,
    serving: str | None,
    released: Mapping[str, str] = MappingProxyType({}),
    verdicts: Sequence[Verdict] = (),
    forced: str | None = None,
    due: str = "",
    paused: str = "",
    tested: Sequence[Period] = (),
    teaches: Callable[[Sequence[Period]], bool] = lambda periods: True,
    kept_out: Callable[[Period], Sequence[Period]] = lambda first: (),
    now: datetime | None = None,
) -> RetrainPlan:
    """What to do about ``alerts``, with the reason; keeping the champion is a decision too.

    Only the release that serves is judged: alerts of others are recorded and ask for nothing. A data fault, a
    pipeline skew or a serving fault is repaired, not learned. A loss that a recalibration repairs is answered by one
    (``recalibrate`` of the plan), not learned either. An alert is a reason to look; a retrain needs that the
    figures confirm a loss (``losses.Confirmation``), that a trusted estimate shows one while labels are not due
    (``estimated_loss``), or that it is due by policy. It then waits when a plan tests on
    the same time already, the cooldown holds or the budget is spent. Nobody retrains without new rows to learn from.

    Parameters
    ----------
    figures_history, decisions_history, verdicts : of this use case, oldest first
    gate_results : oldest first; the last word on a period and gate counts
    period : the newest period that is monitored
    serving : the release that the rollout state names now; None before the first
    released : retrain plan → the release that it brought into service; others spent neither cooldown nor budget
    forced : who asks for a retrain without an alert; cooldown and budget do not bind a person, who gets a retrain also
        where a recalibration would do
    due : why a retrain is due without an alert, by ``retrain.every``; cooldown and budget bind it
    paused : why nothing is retrained by itself now, in words; '' when a person paused nothing
    tested : the periods of the test set that the serving release was released with
    teaches : whether periods may have rows that the serving release has not learned from
    kept_out : the periods of the old test set of a candidate that is tested from a period on
    now : when it is decided (default now), from which labels are due
    """
    mine = sorted((a for a in alerts if a.usecase == spec.name), key=lambda a: (a.name, a.release, a.period))
    history = History(figures_history, spec.name, serving or "", period)
    plan = _Plan(spec, mine, period, unjudged(history))
    if cause := data_fault(spec, history, gate_results) or serving_fault(history) or pipeline_skew(history):
        return plan.of("fix_data", cause, _repair(cause))
    test = _newest_known(spec, history) or period
    look = Look(spec, history, Confirmation.of(spec, history, test), EstimatedLoss.of(spec, history), mine)
    if not (forced or due or look.retrains):
        return plan.of("keep", look.cause, look.action)
    why = f"{forced} asked for a retrain" if forced else due
    asked = Cause("asked for" if forced else "due by policy", [why, *look.evidence], [])
    cause = _cause(spec, history.until(test), look) if look.retrains else asked
    window = training_window.choose(spec, test, tested, verdicts, now or datetime.now(UTC))
    held = paused or _held_back(spec, decisions_history, released, history, window)
    if held and not forced:
        return plan.of("keep", cause, held)
    instead = ""
    if not forced and _repaired(spec, cause, history.until(test)):
        known = [*tested, *kept_out(window.test_from or test)]
        if rows := training_window.to_calibrate(spec, window, known):
            return plan.recalibrate(cause, rows)
        instead = _instead(spec, window, known)
    if old := training_window.nothing_new(spec, window, tested, teaches):
        return plan.of("keep", cause, old)
    return plan.retrain(cause, window, instead)


def _cause(spec: UseCase, labelled: History, look: Look) -> Cause:
    """What labels confirm goes before what is only estimated."""
    return decay(spec, labelled) if look.loss.asks else look.estimate.cause


class _Plan:
    """Puts a decision into a record; its name is the same for the same alerts and decision.

    ``notes`` is evidence of every decision.
    """

    def __init__(self, spec: UseCase, alerts: list[Alert], period: Period, notes: list[str]) -> None:
        self.spec, self.alerts, self.period, self.notes = spec, alerts, period, notes

    def of(
        self, decision: str, cause: Cause, action: str, window: TrainingWindow | None = None, recalibrate: bool = False
    ) -> RetrainPlan:
        evidence = list(dict.fromkeys([*cause.evidence, *self.notes]))
        plan = RetrainPlan(
            usecase=self.spec.name, name="", decision=decision, cause=cause.sentence, evidence=evidence,
            action=action, alerts=self.alerts, **(window or NO_WINDOW).periods(),
            decided_at=datetime.now(UTC).replace(microsecond=0), recalibrate=recalibrate,
        )  # fmt: skip
        digest = plan.digest_without("name", "decided_at")
        return plan.model_copy(update={"name": f"{self.period}-{decision}-{digest[:8]}"})

    def retrain(self, cause: Cause, window: TrainingWindow, instead: str) -> RetrainPlan:
        what = f"retrain {self.spec.trainer.name} on {window.learned} ({window.why}), test on {window.tested}"
        return self.of("retrain", cause, f"{instead}{what}; with the features and parameters of usecase.yaml", window)

    def recalibrate(self, cause: Cause, window: TrainingWindow) -> RetrainPlan:
        what = f"recalibrate what serves on {window.learned} ({window.why}), test on {window.tested}"
        why = "the share of the classes has moved and the answers rank as before, so nothing is learned"
        return self.of("retrain", cause, f"{what}; {why}", window, recalibrate=True)


def _newest_known(spec: UseCase, history: History) -> Period | None:
    """The newest period most of whose labels are due, with some known; without labels the newest with answers.

    Which labels are known does not depend on who answered, so every release counts.
    """
    if not spec.event.label:
        return max((p for p, counts in history.totals("rows").items() if counts["rows"] > 0), default=None)
    totals = history.totals("labelled", "unmatched", "not_due")
    return max((p for p, counts in totals.items() if _mature(counts)), default=None)


def _mature(counts: Mapping[str, float]) -> bool:
    return counts["labelled"] > 0 and counts["not_due"] <= MOST_IMMATURE * sum(counts.values())


def _repaired(spec: UseCase, cause: Cause, history: History) -> bool:
    """Whether a recalibration is enough: only shares have moved, the spec calibrates, and the figures say so."""
    if cause.kind != "label shift" or spec.trainer.calibration == "none":
        return False
    repaired = repair(spec, history)
    return repaired is not None and repaired.suffices


def _instead(spec: UseCase, window: TrainingWindow, known: Sequence[Period]) -> str:
    """Why it is retrained although less would do."""
    if spec.split.by != "time":
        return "a recalibration to the new shares would suffice, but needs split.by: time: "
    return (
        f"a recalibration to the new shares would suffice, but the champion knows every {spec.calendar.every} up to "
        f"{max(known, default='its release')}, and {window.tested} tests, so none is left to calibrate on: "
    )


def _repair(cause: Cause) -> str:
    where = ", ".join(cause.subjects) or "the data pipeline"
    if cause.kind == "serving fault":
        return (
            "do not retrain: repair what serves (the online store, the disk of the prediction log: `make status`), "
            "then decide on newer answers"
        )
    if cause.kind == "pipeline skew":
        return f"do not retrain: make online and offline features agree ({where}), then run monitoring again"
    return f"do not retrain: repair {where}, run the data pipeline of the period again, then monitoring"


def _held_back(
    spec: UseCase,
    decisions: Sequence[RetrainPlan],
    released: Mapping[str, str],
    history: History,
    window: TrainingWindow,
) -> str | None:
    """Why a retrain must wait, or None; a release that was rolled back spent budget, and has no cooldown."""
    planned = [d for d in decisions if d.usecase == spec.name and d.decision == "retrain" and d.test_to]
    if same := [plan for plan in planned if window.tests_with(plan)]:
        became = released.get(same[-1].name)
        brought = f"it brought {became}" if became else "no release came of it so far, and the same data teach the same"
        tests = from_to(same[-1].test_from, same[-1].test_to or window.test_to)
        what = f"plan {same[-1].name} already retrains for {tests}"
        return f"keep the champion: {what}; {brought}; a person may force one"
    spent = [plan for plan in planned if plan.name in released]
    for plan in reversed(spent):
        began = _began(plan, history, window.test_to)
        if released[plan.name] == history.release and _within(spec, spec.retrain.cooldown, began, window.test_to):
            since = f"{history.release} of plan {plan.name} serves since the end of {began}"
            return f"keep the champion: {since}, and the cooldown is {spec.retrain.cooldown}"
    return _overspent(spec, spent, window.test_to)


def _overspent(spec: UseCase, spent: Sequence[RetrainPlan], test: Period) -> str | None:
    """Why the budget allows no further retrain, or None."""
    budget, end = spec.retrain.budget, spec.calendar.end(test)
    since = budget.per.before(end, spec.calendar.timezone)
    counted = [plan for plan in spent if plan.test_to and spec.calendar.end(plan.test_to) > since]
    if len(counted) < budget.retrains:
        return None
    used = f"{len(counted)} released retrains in the last {budget.per} have spent the budget of {budget.retrains}"
    return f"keep the champion: {used}; a person may force one"


def _within(spec: UseCase, length: Span, began: Period, test: Period) -> bool:
    """Whether the newest period ends no later than so long after the one with whose end it began."""
    return spec.calendar.end(test) <= length.after(spec.calendar.end(began), spec.calendar.timezone)


def _began(plan: RetrainPlan, history: History, test: Period) -> Period:
    """The period after which the plan's release answered: the last of its test, or later when it was released later."""
    return max([plan.test_to or test, *(p.shift(-1) for p in history.periods[:1])])
