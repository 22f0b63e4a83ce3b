"""Evidence of model development: items 7 to 12."""

from collections.abc import Mapping

from include.governance.checklist.deriving import derives
from include.governance.checklist.facts import NOTHING, Facts, Found, Which, both
from include.specification.usecase import UseCase

TRAINING, EVALUATION, DEPLOYMENT = "training", "retrain_evaluation", "deployment"


def _searches(sampler: str) -> Which:
    return lambda spec: spec.trainer.tuning.trials > 0 and spec.trainer.tuning.sampler == sampler


def _has_limits(spec: UseCase) -> bool:
    return bool(spec.card.not_for)


def _has_guide(spec: UseCase) -> bool:
    return bool(spec.card.intended_use)


def _has_groups(spec: UseCase) -> bool:
    return bool(spec.fairness.groups)


def _has_behaviour(spec: UseCase) -> bool:
    return bool(spec.behaviour.invariance or spec.behaviour.direction or spec.behaviour.minimum_functionality)


@derives(7)
def experiments(f: Facts) -> Mapping[str, Found]:
    registered = f.mark("approvals", "registered", TRAINING)
    return {
        "track": registered,
        "compare": f.table("verdicts", EVALUATION, kind="test"),
        "reproduce": f.event("action: reproduce", "moebius reproduce"),
        "share": both(registered, f.there("mlflow", "run", "MLflow")),
    }


@derives(8)
def registry(f: Facts) -> Mapping[str, Found]:
    registered = f.mark("approvals", "registered", TRAINING)
    return {
        "versions": registered,
        "metadata": f.file("release", DEPLOYMENT, "document"),
        "search": both(registered, f.file("catalog", "catalog")),
        "approval": f.mark("approvals", "approved", EVALUATION),
    }


@derives(9)
def tests(f: Facts) -> Mapping[str, Found]:
    return {
        "unit": f.mark("approvals", "registered", TRAINING, _has_behaviour, "behaviour", "test"),
        "integration": f.file("tested: interface", DEPLOYMENT, "test"),
        "performance": f.file("tested: p99", DEPLOYMENT, "test"),
        "regressions": f.file("tested: parity", DEPLOYMENT, "test") | f.table("verdicts", EVALUATION, kind="test"),
    }


@derives(10)
def card(f: Facts) -> Mapping[str, Found]:
    """Every registered version has a card; what it holds of these depends on the spec."""

    def written(which: Which, needs: str) -> Found:
        return f.file("card", EVALUATION, "document", which, needs)

    return {
        "performance": f.file("card", EVALUATION, "document"),
        "limits": written(_has_limits, "card.not_for"),
        "guide": written(_has_guide, "card.intended_use"),
        "bias": written(_has_groups, "fairness.groups"),
    }


@derives(11)
def search(f: Facts) -> Mapping[str, Found]:
    samplers = {"grid": "grid", "random": "random", "bayesian": "tpe"}
    found = {
        key: f.mark(
            "approvals", "registered", TRAINING, _searches(name), f"trainer.tuning: {{trials, sampler: {name}}}"
        )
        for key, name in samplers.items()
    }
    return {**found, "automl": NOTHING}


@derives(12)
def interpretability(f: Facts) -> Mapping[str, Found]:
    """A card has local surrogates (what LIME fits) and a surrogate tree; a release keeps Shapley attributions."""
    return {
        "shap": f.file("attributions", DEPLOYMENT),
        "lime": f.file("card", EVALUATION, "document"),
        "importance": f.file("attributions", DEPLOYMENT) | f.mark("figures", "attribution_drift", "monitoring"),
        "tree": f.file("card", EVALUATION, "document"),
    }
