"""Finds the cause of a decay and decides what to do."""

from collections.abc import Callable, Sequence
from functools import partial

from include.contracts.development import DatasetRef, ModelRef
from include.contracts.operations import Alert, RecordedDecision, RetrainPlan
from include.contracts.period import Period
from include.development.datasets.fresh_rows import may_teach
from include.development.datasets.labelled_events import given_version
from include.errors import NotFoundError
from include.operations.overview import served
from include.operations.retraining import retraining
from include.operations.retraining.due import due as due_by_policy
from include.records.registry import DECISIONS, FIGURES
from include.services.composition import Services
from include.services.old_test_sets import old_test_set
from include.specification.usecase import UseCase


def decide_retrain(
    spec: UseCase, services: Services, raised: list[dict], forced: str | None, run: str = "", reason: str = ""
) -> RetrainPlan:
    """Take the alerts that fire now together with those that started the run, decide, and record it.

    A ``run`` that decided already, and whose task was killed before it could say so, decides the same: asked again, it
    would find its own retrain under way and keep the champion.

    What serves is what the rollout state names at this moment, whatever the alerts and the newest figures are about.
    ``forced`` names the person who asks for a retrain without an alert, and ``reason`` says why. A silent alert counts
    for nothing, and while the use case is paused only a person starts a retrain.

    Raises NotFoundError when no period is published yet, so there is nothing to retrain on.
    """
    if decided := run and [row.record for row in DECISIONS.read(spec.name, services.adapters.lake) if row.run == run]:
        return decided[-1]
    published = services.records.published(spec)
    if not published:
        raise NotFoundError(f"{spec.name} has no published period: run the data pipeline first")
    fired = [Alert.model_validate(alert) for alert in raised]
    current = services.adapters.metrics_server.alerts(spec.name)
    heard = services.controls.audible(spec.name, [*fired, *current])
    alerts = list({(a.name, a.release, a.period): a for a in heard}.values())
    figures, decisions = services.records.decisive_figures(spec), services.records.decisions(spec, decision="retrain")
    state, pause = services.serving.rollout_state(spec), services.controls.pause(spec.name)
    period = max((f.period for f in figures), default=published[-1])
    newer = [one for one in services.records.gate_periods(spec) if one >= period]
    model = _model(spec, services)
    tested, fitted = _tested(model), services.approvals.fitted(spec, model).dataset if model else None
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
        forced=f"{forced} ({reason})" if forced and reason else forced,
        paused=f"keep the champion: paused by {pause.words}; a person may force a retrain" if pause else "",
        due=due_by_policy(spec, period, tested, decisions),
        tested=tested,
        teaches=_teaching(spec, services, fitted) if fitted else lambda periods: True,
        kept_out=partial(_kept_out, spec, services),
    )
    _record(spec, services, plan, period, run)
    return plan


def due(spec: UseCase, services: Services) -> str:
    """Why a retrain is due by ``retrain.every``, without an alert; '' when none is."""
    if not (monitored := FIGURES.periods(spec.name, services.adapters.lake)):
        return ""
    plans, tested = services.records.decisions(spec, decision="retrain"), _tested(_model(spec, services))
    return due_by_policy(spec, monitored[-1], tested, plans)


def _tested(champion: ModelRef | None) -> Sequence[Period]:
    return champion.dataset.test.periods if champion else ()


def _model(spec: UseCase, services: Services) -> ModelRef | None:
    """What serves, as the record has it; None before the first release, and of a model without a record."""
    serving = services.serving.champion(spec)
    return services.approvals.registered(spec, serving.model_version) if serving else None


def _kept_out(spec: UseCase, services: Services, first: Period) -> Sequence[Period]:
    """The old test set of a candidate that is tested from a period on."""
    serving, model = services.serving.champion(spec), _model(spec, services)
    return old_test_set(spec, services, model, serving, first=first).test.periods if serving and model else ()


def _teaching(spec: UseCase, services: Services, champion: DatasetRef) -> Callable[[Sequence[Period]], bool]:
    """Whether periods may have rows that the champion has not learned from."""
    published = {ref.period: ref for ref in services.records.snapshot_refs(spec)}
    return partial(may_teach, champion, published, given_version(spec, services.adapters.lake))


def _record(spec: UseCase, services: Services, plan: RetrainPlan, period: Period, run: str) -> None:
    """Every decision is kept, to retrain or not to: with the newest period of its alerts, else of its test."""
    newest = max((a.period for a in plan.alerts), default="") or plan.test_to or period
    about = {"period": newest, "decision": plan.decision, "decided_at": plan.decided_at, "record": plan, "run": run}
    DECISIONS.append(spec.name, services.adapters.lake, [RecordedDecision.model_validate(about)])
