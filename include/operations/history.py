"""How good the releases of a use case were, period by period."""

from collections import defaultdict
from typing import Any

from include.contracts.operations import Figure
from include.specification.usecase import UseCase


def names(spec: UseCase) -> list[str]:
    """The figures that the history is made of."""
    return [spec.metrics.primary, f"counterfactual_{spec.metrics.primary}", "performance_loss", "drifted_features"]


def rows(spec: UseCase, figures: list[Figure]) -> list[dict[str, Any]]:
    """One row per monitored window and release; what a replaced release would have scored is a row of its own."""
    history = []
    by_release: defaultdict[tuple[str, str], dict[str, Figure]] = defaultdict(dict)
    for figure in figures:
        if not figure.subject:
            by_release[figure.period, figure.release][figure.name] = figure
    for _, mine in sorted(by_release.items()):
        for name, served in ((spec.metrics.primary, True), (f"counterfactual_{spec.metrics.primary}", False)):
            if name in mine:
                history.append(_row(mine, mine[name], served))
    return history


def _row(mine: dict[str, Figure], metric: Figure, served: bool) -> dict[str, Any]:
    return {
        "period": metric.period,
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
