"""How good the releases of a use case were, period by period."""

from typing import Any

from include.contracts.operations import Figure
from include.specification.usecase import UseCase


def rows(spec: UseCase, figures: list[Figure]) -> list[dict[str, Any]]:
    """One row per monitored month and release; what a replaced release would have scored is a row of its own."""
    history = []
    for period, release in sorted({(f.period, f.release) for f in figures}):
        mine = {f.name: f for f in figures if (f.period, f.release) == (period, release) and not f.subject}
        for name, served in ((spec.metrics.primary, True), (f"counterfactual_{spec.metrics.primary}", False)):
            if name in mine:
                history.append(_row(mine, mine[name], served))
    return history


def _row(mine: dict[str, Figure], metric: Figure, served: bool) -> dict[str, Any]:
    return {
        "month": metric.period,
        "release": metric.release,
        "served": served,
        "value": metric.value,
        "low": metric.low,
        "high": metric.high,
        "n": metric.n,
        "loss": _value(mine, "performance_loss") if served else None,
        "drifted_features": _value(mine, "drifted_features") if served else None,
    }


def _value(figures: dict[str, Figure], name: str) -> float | None:
    return figures[name].value if name in figures else None
