"""The four differences of a verdict beside the margins that its gates hold them against."""

from dataclasses import dataclass
from typing import Literal

from include.contracts.evaluation import GateOutcome, Interval, Verdict
from include.evaluation.report import result
from include.specification.usecase import UseCase

Name = Literal["D-C", "B-A", "C-A", "D-B"]
DECIDED_BY: dict[Name, tuple[str, ...]] = {"D-C": ("gain", "recalibration"), "B-A": ("forgetting",)}
"""Difference → the gates that judge it; the others are for diagnosis, and nothing is decided on them."""
NAMES: tuple[Name, ...] = ("D-C", "B-A", "C-A", "D-B")


@dataclass(frozen=True)
class Compared:
    """A difference, positive when it is better; ``result`` of its gate, "" where none judges it."""

    name: Name
    figure: Interval
    margins: tuple[float, ...]
    result: str
    needed: int | None


def gained_in(spec: UseCase, verdict: Verdict) -> str:
    """The metric that the gain is in: the primary one, unless the gate held another."""
    held = next((g.held.name for g in verdict.gates if g.gate in DECIDED_BY["D-C"] and g.held), "")
    return held.removeprefix("gain in ") or spec.metrics.primary


def compared(spec: UseCase, verdict: Verdict) -> list[Compared]:
    """The differences in the metric of the gain, as far as the verdict has them."""
    metric, limits = gained_in(spec, verdict), spec.comparison
    gained = (0.0, limits.min_gain) if metric == spec.metrics.primary else (0.0,)
    margins: dict[Name, tuple[float, ...]] = {"D-C": gained, "B-A": (-limits.forgetting_margin,)}
    return [
        _one(name, verdict.differences[f"{name} {metric}"], margins.get(name, ()), gate_of(verdict, name))
        for name in NAMES
        if f"{name} {metric}" in verdict.differences
    ]


def gate_of(verdict: Verdict, name: Name) -> GateOutcome | None:
    """The gate that judges this difference."""
    return next((gate for gate in verdict.gates if gate.gate in DECIDED_BY.get(name, ())), None)


def _one(name: Name, figure: Interval, margins: tuple[float, ...], gate: GateOutcome | None) -> Compared:
    return Compared(name, figure, margins, result(gate) if gate else "", gate.needed if gate else None)
