"""From the figures of an evaluation to a decision: the gates, their order and their words.

Pure rules on intervals; nothing is predicted or resampled here.
"""

from dataclasses import dataclass, field

from include.contracts.evaluation import Decision, GateOutcome, Interval
from include.evaluation.metrics import direction
from include.specification.learning import Criterion
from include.specification.usecase import UseCase


@dataclass(frozen=True)
class SliceFigure:
    """The primary metric on one slice of the new test set; ``gain`` is over the champion, if there is one."""

    name: str
    value: Interval
    gain: Interval | None


@dataclass(frozen=True)
class Evidence:
    """What the gates are decided on. Gains are positive when the candidate is better, in any metric.

    ``gain`` and ``forgetting`` are D-C and B-A on the primary metric; ``calibration`` is the calibration error of the
    candidate and of the champion on the new test set (None: its answers are no probabilities).
    """

    acceptance: dict[str, Interval]
    gain: Interval | None
    forgetting: Interval | None
    slices: list[SliceFigure]
    unjudged_slices: list[str]
    calibration: tuple[float, float | None] | None
    fairness: list[GateOutcome] = field(default_factory=list)


def shown(figure: Interval, sign: str = "") -> str:
    """``0.7420 [0.7350, 0.7490]``; with sign "+" both signs are written."""
    return f"{figure.value:{sign}.4f} [{figure.low:{sign}.4f}, {figure.high:{sign}.4f}]"


def decide(spec: UseCase, evidence: Evidence) -> tuple[Decision, str, list[GateOutcome]]:
    """The decision, the name of the rule that decided, and every gate with its figures.

    Acceptance or gain missed: the champion stays. Both met, but something forgotten, a slice or the calibration lost,
    or groups too far apart: a person decides. Without a champion gain and forgetting do not apply.
    """
    gates = [_acceptance(spec, c, evidence.acceptance[c.metric]) for c in spec.acceptance]
    if evidence.gain is not None:
        gates.append(_gain(spec, evidence.gain))
    if evidence.forgetting is not None:
        gates.append(_forgetting(spec, evidence.forgetting))
    gates += _slices(spec, evidence)
    if evidence.calibration is not None:
        gates.append(_calibration(spec, evidence.calibration))
    gates += evidence.fairness
    failed = [g.gate for g in gates if not g.passed]
    essential = [g for g in failed if g.startswith(("acceptance", "gain"))]
    if essential:
        return "keep_champion", essential[0], gates
    if failed:
        return "ask_human", failed[0], gates
    return ("canary" if spec.rollout.strategy == "canary" else "promote"), "all gates passed", gates


def meets(criterion: Criterion, figure: Interval) -> bool:
    """Whether the value, or the bound the criterion asks for, is within the limit."""
    judged = {"value": figure.value, "lower": figure.low, "upper": figure.high}[criterion.bound]
    if criterion.at_least is not None:
        return judged >= criterion.at_least
    return criterion.at_most is not None and judged <= criterion.at_most


def _acceptance(spec: UseCase, criterion: Criterion, figure: Interval) -> GateOutcome:
    limit = f"at least {criterion.at_least}" if criterion.at_least is not None else f"at most {criterion.at_most}"
    bound = "value" if criterion.bound == "value" else f"{criterion.bound} bound"
    detail = f"{criterion.metric} {shown(figure)} on {figure.n} rows; its {bound} must be {limit}"
    return GateOutcome(gate=f"acceptance:{criterion.metric}", passed=meets(criterion, figure), detail=detail)


def gains_enough(gain: Interval, min_gain: float) -> bool:
    """Whether the lower bound reaches the minimum; a tie is never a gain, so with minimum 0 it must be above 0.

    A candidate that truly gains ``min_gain`` or nothing passes with probability (1 - confidence) / 2.
    """
    return gain.low >= min_gain and gain.low > 0


def _gain(spec: UseCase, gain: Interval) -> GateOutcome:
    wanted = f"reach {spec.comparison.min_gain:+.4f}" if spec.comparison.min_gain else "be above 0"
    detail = (
        f"on the new test set the candidate gains {shown(gain, '+')} in {spec.metrics.primary} on {gain.n} rows; "
        f"the lower bound must {wanted}"
    )
    return GateOutcome(gate="gain", passed=gains_enough(gain, spec.comparison.min_gain), detail=detail)


def _forgetting(spec: UseCase, forgetting: Interval) -> GateOutcome:
    margin = spec.comparison.forgetting_margin
    detail = (
        f"on the old test set the candidate gains {shown(forgetting, '+')} in {spec.metrics.primary} on "
        f"{forgetting.n} rows; the lower bound must stay above {-margin:+.4f}"
    )
    return GateOutcome(gate="forgetting", passed=forgetting.low >= -margin, detail=detail)


def _slices(spec: UseCase, evidence: Evidence) -> list[GateOutcome]:
    outcomes = [_slice(spec, figure) for figure in evidence.slices]
    if evidence.unjudged_slices:
        names = ", ".join(evidence.unjudged_slices)
        detail = f"not judged, because they have too few rows or only one class: {names}"
        outcomes.append(GateOutcome(gate="slices:unjudged", passed=True, detail=detail))
    return outcomes


def _slice(spec: UseCase, figure: SliceFigure) -> GateOutcome:
    """Lost when the loss is larger than the margin and not explained by chance.

    A bound alone would refuse nearly every small slice, a value alone would refuse by luck.
    """
    margin, primary = spec.comparison.slices.margin, spec.metrics.primary
    if figure.gain is not None:
        passed = not (figure.gain.value < -margin and figure.gain.high < 0)
        gained = f"the candidate gains {shown(figure.gain, '+')} in {primary} on {figure.gain.n} rows"
        detail = f"{gained}; it fails below {-margin:+.4f}"
        return GateOutcome(gate=f"slice:{figure.name}", passed=passed, detail=detail)
    return _absolute_slice(spec, figure)


def _absolute_slice(spec: UseCase, figure: SliceFigure) -> GateOutcome:
    primary, margin = spec.metrics.primary, spec.comparison.slices.margin
    sign = direction(primary)
    limits = [sign * _limit(c) for c in spec.acceptance if c.metric == primary]
    best_case, value = max(sign * figure.value.low, sign * figure.value.high), sign * figure.value.value
    passed = all(not (value < limit - margin and best_case < limit) for limit in limits)
    detail = f"{primary} {shown(figure.value)} on {figure.value.n} rows; limit: acceptance limit minus {margin}"
    return GateOutcome(gate=f"slice:{figure.name}", passed=passed, detail=detail)


def _limit(criterion: Criterion) -> float:
    return criterion.at_least if criterion.at_least is not None else float(criterion.at_most or 0.0)


def _calibration(spec: UseCase, calibration: tuple[float, float | None]) -> GateOutcome:
    candidate, champion = calibration
    if champion is None:
        limit, against = spec.comparison.calibration_limit, "a first release"
    else:
        limit, against = champion + spec.comparison.calibration_margin, f"champion {champion:.4f} plus margin"
    detail = f"calibration error {candidate:.4f}; at most {limit:.4f} ({against})"
    return GateOutcome(gate="calibration", passed=candidate <= limit, detail=detail)


ACTIONS: dict[str, str] = {
    "promote": "Deploy the candidate.",
    "canary": "Roll the candidate out step by step.",
    "ask_human": "A person must weigh the gain against the loss: approve or reject the release.",
    "keep_champion": "Do not deploy. Change the training (window, features, parameters) before trying again.",
    "data_problem": "Nothing was compared. Repair or enlarge the test set, then evaluate again.",
}


def reason(decision: Decision, gates: list[GateOutcome], first_release: bool) -> str:
    """One paragraph: what decided, with its figures, and what to do."""
    failed = [g for g in gates if not g.passed]
    decisive = failed or [g for g in gates if g.gate == "gain" or g.gate.startswith("acceptance")]
    opening = "All gates passed" if not failed else f"{len(failed)} of {len(gates)} gates failed"
    if first_release:
        opening = f"First release, no champion to compare with: only the absolute limits apply. {opening}"
    return f"{opening}: {'; '.join(f'{g.gate}: {g.detail}' for g in decisive)}. {ACTIONS[decision]}"


def ensemble_words(chosen: str, gain: Interval | None) -> str:
    """Whether the average of champion and candidate is taken, and why; nothing when it was not looked at."""
    if gain is None:
        return ""
    taken = "is taken instead of the candidate" if chosen == "ensemble" else "is not taken"
    return f"The average of champion and candidate {taken}: over the candidate alone it gains {shown(gain, '+')}."
