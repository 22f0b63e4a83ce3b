"""Why did the model decay, and what is to be done about it?"""

import json

import pyarrow as pa

from include.contracts.operations import Alert, RetrainPlan
from include.errors import NotFoundError
from include.operations import retraining
from include.services.composition import Services
from include.specification.usecase import UseCase


def decide_retrain(spec: UseCase, services: Services, raised: list[dict], forced: str | None) -> RetrainPlan:
    """Take the alerts that fire now together with those that started the run, decide, and record it.

    ``forced`` names the person who asks for a retrain without an alert.

    Raises
    ------
    NotFoundError
        no month is published yet, so there is nothing to retrain on.
    """
    published = services.records.published(spec)
    if not published:
        raise NotFoundError(f"{spec.name} has no published month: run the data pipeline first")
    fired = [Alert.model_validate(alert) for alert in raised]
    current = services.adapters.metrics_server.alerts(spec.name)
    alerts = list({(a.name, a.release, a.period): a for a in [*fired, *current]}.values())
    figures = services.records.figures(spec)
    plan = retraining.decide(
        spec,
        alerts=alerts,
        figures_history=figures,
        decisions_history=services.records.decisions(spec),
        gate_results=services.records.gate_results(spec),
        period=max((f.period for f in figures), default=published[-1]),
        verdicts=services.records.verdicts(spec),
        forced=forced,
    )
    _record(spec, services, plan)
    return plan


def _record(spec: UseCase, services: Services, plan: RetrainPlan) -> None:
    """Every decision is kept, to retrain or not to."""
    period = max((a.period for a in plan.alerts), default=plan.test_period or "")
    row = {"period": period, "record": json.dumps(plan.json_dict())}
    services.adapters.lake.append(spec.name, "decisions", pa.Table.from_pylist([row]))
