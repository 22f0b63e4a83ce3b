"""Finds the cause of a decay and decides what to do."""

from include.contracts.operations import Alert, RecordedDecision, RetrainPlan
from include.contracts.period import Period
from include.errors import NotFoundError
from include.operations import retraining, served
from include.records.registry import DECISIONS
from include.services.composition import Services
from include.specification.usecase import UseCase


def decide_retrain(
    spec: UseCase, services: Services, raised: list[dict], forced: str | None, run: str = ""
) -> RetrainPlan:
    """Take the alerts that fire now together with those that started the run, decide, and record it.

    A ``run`` that decided already, and whose task was killed before it could say so, decides the same: asked again, it
    would find its own retrain under way and keep the champion.

    What serves is what the rollout state names at this moment, whatever the alerts and the newest figures are about.
    ``forced`` names the person who asks for a retrain without an alert.

    Raises NotFoundError when no month is published yet, so there is nothing to retrain on.
    """
    if decided := run and [row.record for row in DECISIONS.read(spec.name, services.adapters.lake) if row.run == run]:
        return decided[-1]
    published = services.records.published(spec)
    if not published:
        raise NotFoundError(f"{spec.name} has no published month: run the data pipeline first")
    fired = [Alert.model_validate(alert) for alert in raised]
    current = services.adapters.metrics_server.alerts(spec.name)
    alerts = list({(a.name, a.release, a.period): a for a in [*fired, *current]}.values())
    figures, decisions = services.records.figures(spec), services.records.decisions(spec, decision="retrain")
    state = services.serving.rollout_state(spec)
    period = max((f.period for f in figures), default=published[-1])
    newer = [one for one in services.records.gate_periods(spec) if one >= period]
    plan = retraining.decide(
        spec,
        alerts=alerts,
        figures_history=figures,
        decisions_history=decisions,
        gate_results=services.records.gate_results(spec, periods=newer),
        period=period,
        serving=state.champion if state else None,
        released=served.released(decisions, services.records.rollout_events(spec)),
        verdicts=services.records.verdicts(spec, newest=1),
        forced=forced,
    )
    _record(spec, services, plan, period, run)
    return plan


def _record(spec: UseCase, services: Services, plan: RetrainPlan, period: Period, run: str) -> None:
    """Every decision is kept, to retrain or not to: with the newest period of its alerts, else of its test."""
    newest = max((a.period for a in plan.alerts), default="") or plan.test_period or period
    about = {"period": newest, "decision": plan.decision, "decided_at": plan.decided_at, "record": plan, "run": run}
    DECISIONS.append(spec.name, services.adapters.lake, [RecordedDecision.model_validate(about)])
