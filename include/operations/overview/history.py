"""How good the releases of a use case were, period by period."""

from collections import defaultdict
from typing import Any

from include.contracts.operations import Figure, SliceFigure
from include.evaluation.metrics import direction
from include.specification.usecase import UseCase


def names(spec: UseCase) -> list[str]:
    """The figures that the history is made of."""
    primary = spec.metrics.primary
    return [primary, f"counterfactual_{primary}", "performance_loss", "breached", "drifted_features", "not_measured"]


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
                history.append(_row(spec, mine, mine[name], served))
    return history


def unmeasured(spec: UseCase, figures: list[Figure]) -> list[Figure]:
    """Why the primary metric of a window and release has no value; the newest last."""
    mine = [f for f in figures if (f.name, f.subject) == ("not_measured", spec.metrics.primary)]
    return sorted(mine, key=lambda figure: (figure.period, figure.release))


def _row(spec: UseCase, mine: dict[str, Figure], metric: Figure, served: bool) -> dict[str, Any]:
    loss = _value(mine, "performance_loss") if served else None
    return {
        "period": metric.period,
        "release": metric.release,
        "served": served,
        "value": metric.value,
        "low": metric.low,
        "high": metric.high,
        "n": metric.n,
        "effective_n": metric.effective_n,
        "state": metric.state,
        "note": metric.note,
        "loss": loss,
        "limit": None if loss is None else _limit(spec, metric.value, loss),
        "breached": bool(_value(mine, "breached")) if served else False,
        "drifted_features": _value(mine, "drifted_features") if served else None,
    }


def _limit(spec: UseCase, value: float, loss: float) -> float:
    """The value at which the loss against the release's own test set is as large as it may be."""
    return value + direction(spec.metrics.primary) * (loss - spec.monitoring.performance_loss)


def _value(figures: dict[str, Figure], name: str) -> float | None:
    return figures[name].value if name in figures else None


def slice_rows(spec: UseCase, figures: list[SliceFigure]) -> list[dict[str, Any]]:
    """One row per release and slice of a window, as the figures come: its rows, the primary metric, what it is worth.

    ``n`` are all of its rows, ``behind`` those that the metric was measured on, such as the labelled ones.

    Without a metric the reason stands in its place.
    """
    by_slice: defaultdict[tuple[str, str, str], dict[str, SliceFigure]] = defaultdict(dict)
    for figure in figures:
        by_slice[figure.release, figure.slice_key, figure.slice_value][figure.name] = figure
    return [_slice_row(spec, mine) for mine in by_slice.values() if "rows" in mine]


def _slice_row(spec: UseCase, mine: dict[str, SliceFigure]) -> dict[str, Any]:
    size, metric = mine["rows"], mine.get(spec.metrics.primary)
    judged = metric or mine.get("not_measured") or size
    return {
        "period": size.period,
        "release": size.release,
        "slice": f"{size.slice_key} = {size.slice_value}",
        "n": size.n,
        "behind": metric.n if metric else 0,
        "value": metric.value if metric else None,
        "low": metric.low if metric else None,
        "high": metric.high if metric else None,
        "drifted": mine["drifted_features"].note if "drifted_features" in mine else "",
        "state": judged.state if metric or "not_measured" in mine else "no labels yet",
        "note": judged.note,
    }
