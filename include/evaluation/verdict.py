"""From the figures of an evaluation to a decision: the gates, their order and their words.

Pure rules on intervals; nothing is predicted or resampled here.
"""

from dataclasses import dataclass, field

from include.contracts.evaluation import Decision, GateOutcome, HeldFigure, Interval
from include.evaluation import net_value, recalibration
from include.evaluation.blocks import LEAST, Blocks
from include.evaluation.metrics import direction
from include.evaluation.net_value import Balance
from include.evaluation.power import two_digits
from include.evaluation.wording import in_blocks, rows_in, shown
from include.specification.learning import Criterion
from include.specification.usecase import UseCase

GAINS = ("gain", recalibration.GATE)


@dataclass(frozen=True)
class SliceFigure:
    """The primary metric on one slice of the new test set; ``gain`` is over the champion, if there is one.

    About ``needed`` rows of it would find a loss of the margin; None where that is not known.
    """

    name: str
    value: Interval
    gain: Interval | None
    needed: int | None = None


@dataclass(frozen=True)
class Evidence:
    """What the gates are decided on.

    ``balance`` is what is weighed against a champion, and None without one. ``calibration`` is the calibration error of
    the candidate and of the champion on the new test set (None: its answers are no probabilities). ``shuffled_gain`` is
    what the candidate's answers gain in random order, if that is more than its own. ``blocks`` are those of the new
    test set. ``of_champion`` is what the acceptance criteria say of the champion, which serves whatever they say.
    """

    acceptance: dict[str, Interval]
    balance: Balance | None
    slices: list[SliceFigure]
    unjudged_slices: list[str]
    calibration: tuple[float, float | None] | None
    blocks: Blocks
    fairness: list[GateOutcome] = field(default_factory=list)
    shuffled_gain: Interval | None = None
    of_champion: dict[str, Interval] = field(default_factory=dict)

    def missed_by_champion(self, criterion: Criterion) -> bool:
        return criterion.metric in self.of_champion and not meets(criterion, self.of_champion[criterion.metric])


def decide(spec: UseCase, evidence: Evidence) -> tuple[Decision, str, list[GateOutcome]]:
    """The decision, the name of the rule that decided, and every gate with its figures.

    Acceptance, gain or net value missed: the champion stays, also where too few blocks are there to judge a gain. All
    of these met, but a slice or the calibration lost, or groups too far apart: a person decides. Other gates that
    cannot be judged stop nothing; without a champion, a person decides in place of a limit that cannot be judged. A
    person decides on a limit, too, that the champion misses itself: to keep it would be no safer.
    """
    gates = [_acceptance(spec, c, evidence) for c in spec.acceptance]
    missed_by_both = {f"acceptance:{c.metric}" for c in spec.acceptance if evidence.missed_by_champion(c)}
    if evidence.shuffled_gain is not None:
        gates.append(_chance(spec, evidence.shuffled_gain))
    if evidence.balance is not None:
        rule = recalibration.gates if evidence.balance.metric else net_value.gates
        gates += rule(spec, evidence.balance)
    gates += _slices(spec, evidence)
    if evidence.calibration is not None:
        gates.append(_calibration(spec, evidence.calibration))
    gates += evidence.fairness
    if keeping := [g.gate for g in gates if _keeps(g) and g.gate not in missed_by_both]:
        return "keep_champion", keeping[0], gates
    if asking := [g.gate for g in gates if _asks(g)]:
        return "ask_human", asking[0], gates
    return ("canary" if spec.rollout.strategy == "canary" else "promote"), "all gates passed", gates


def _keeps(gate: GateOutcome) -> bool:
    """A gain must be shown, so one that cannot be judged keeps the champion; nothing else unjudged does."""
    if gate.gate in GAINS:
        return not gate.passed
    return gate.vetoes and gate.gate.startswith(("acceptance", "chance", "net_value"))


def _asks(gate: GateOutcome) -> bool:
    """What is forgotten is weighed in the net value, and asks nobody by itself."""
    return not gate.passed and (gate.vetoes or gate.gate.startswith("acceptance")) and gate.gate != "forgetting"


def meets(criterion: Criterion, figure: Interval) -> bool:
    """Whether the value, or the bound the criterion asks for, is within the limit."""
    return criterion.met_by(figure.value, figure.low, figure.high)


def _acceptance(spec: UseCase, criterion: Criterion, evidence: Evidence) -> GateOutcome:
    """A bound needs enough blocks; a value is what it is."""
    figure, blocks = evidence.acceptance[criterion.metric], evidence.blocks
    gate = f"acceptance:{criterion.metric}"
    limit = f"at least {criterion.at_least}" if criterion.at_least is not None else f"at most {criterion.at_most}"
    bound = "value" if criterion.bound == "value" else f"{criterion.bound} bound"
    detail = f"{criterion.metric} {shown(figure)} on {rows_in(figure, blocks)}; its {bound} must be {limit}"
    held = HeldFigure.of(criterion.metric, figure, limit_of(criterion), criterion.at_least is None)
    if criterion.bound == "value" or blocks.enough:
        passed = meets(criterion, figure)
        if not passed and evidence.missed_by_champion(criterion):
            detail += f", which the champion misses too with {shown(evidence.of_champion[criterion.metric])}"
        return GateOutcome(gate=gate, passed=passed, detail=detail, held=held)
    needed = two_digits(figure.n / blocks.count * LEAST)
    detail += f", which cannot be judged: {in_blocks(LEAST, blocks.unit)} are needed, about {needed:,} rows"
    return GateOutcome(gate=gate, passed=False, detail=detail, judged=False, needed=needed, held=held)


def _chance(spec: UseCase, shuffled_gain: Interval) -> GateOutcome:
    detail = (
        f"the candidate's answers in random order gain {shown(shuffled_gain, '+')} in {spec.metrics.primary} over the "
        "same answers in their places: on the new test set it says less than nothing"
    )
    return GateOutcome(gate="chance", passed=False, detail=detail)


def _slices(spec: UseCase, evidence: Evidence) -> list[GateOutcome]:
    outcomes = [slice_gate(spec, figure) for figure in evidence.slices]
    if evidence.unjudged_slices:
        names = ", ".join(evidence.unjudged_slices)
        detail = f"not judged, because they have too few rows or blocks, or only one class: {names}"
        outcomes.append(GateOutcome(gate="slices:unjudged", passed=True, judged=False, detail=detail))
    return outcomes


def slice_gate(spec: UseCase, figure: SliceFigure) -> GateOutcome:
    """Lost when a loss is there beyond chance, and nearer to the margin than to none.

    A bound alone would refuse losses that do not matter, a value alone would refuse by luck.
    """
    margin, primary = spec.comparison.slices.margin, spec.metrics.primary
    if figure.gain is not None:
        lost = figure.gain.value < -margin / 2 and figure.gain.high < 0
        judged_on = _sample(figure.gain)
        gained = f"the candidate gains {shown(figure.gain, '+')} in {primary} on {judged_on}"
        held = HeldFigure.of(f"gain in {primary}", figure.gain, -margin / 2)
        return _told(figure, lost, f"{gained}; it fails where a loss is beyond chance and above half of {margin}", held)
    sign = direction(primary)
    limits = [sign * limit_of(c) for c in spec.acceptance if c.metric == primary]
    best_case, value = max(sign * figure.value.low, sign * figure.value.high), sign * figure.value.value
    lost = any(value < limit - margin / 2 and best_case < limit for limit in limits)
    detail = (
        f"{primary} {shown(figure.value)} on {_sample(figure.value)}; limit: acceptance limit minus half of {margin}"
    )
    each = [HeldFigure.of(primary, figure.value, sign * (limit - margin / 2), sign < 0) for limit in limits]
    return _told(figure, lost, detail, max(each, key=lambda one: sign * one.limit, default=None))


def _sample(figure: Interval) -> str:
    return f"{figure.n} rows that say as much as {figure.effective_n or figure.n}"


def _told(figure: SliceFigure, lost: bool, detail: str, held: HeldFigure | None) -> GateOutcome:
    """What is lost is lost on few rows, too; but only rows enough to find a loss can say that there is none."""
    if lost or figure.needed is None or figure.needed <= figure.value.n:
        return GateOutcome(gate=f"slice:{figure.name}", passed=not lost, detail=detail, held=held)
    few = f"not judged on {figure.value.n} rows, about {figure.needed:,} needed to find a loss of the margin: {detail}"
    return GateOutcome(
        gate=f"slice:{figure.name}", passed=True, judged=False, needed=figure.needed, detail=few, held=held
    )


def limit_of(criterion: Criterion) -> float:
    return criterion.limit


def _calibration(spec: UseCase, calibration: tuple[float, float | None]) -> GateOutcome:
    candidate, champion = calibration
    if champion is None:
        limit, against = spec.comparison.calibration_limit, "a first release"
    else:
        limit, against = champion + spec.comparison.calibration_margin, f"champion {champion:.4f} plus margin"
    detail = f"calibration error {candidate:.4f}; at most {limit:.4f} ({against})"
    held = HeldFigure(name="calibration error", value=candidate, limit=limit, at_most=True)
    return GateOutcome(gate="calibration", passed=candidate <= limit, detail=detail, held=held)


ACTIONS: dict[str, str] = {
    "promote": "Deploy the candidate.",
    "canary": "Roll the candidate out step by step.",
    "ask_human": "A person must weigh the gain against the loss: approve or reject the release.",
    "keep_champion": "Do not deploy. Change the training (window, features, parameters), or test on more rows.",
    "data_problem": "Nothing was compared. Repair or enlarge the test set, then evaluate again.",
}


TEST_ON_MORE = (
    "The champion stays. Evaluate again when so much is labelled, with a longer split.test or later test_from."
)
DECISIVE = (*GAINS, "net_value")


def reason(decision: Decision, gates: list[GateOutcome], first_release: bool, alone: bool = False) -> str:
    """One paragraph: what decided, with its figures, and what to do; ``alone``: there was nothing to compare with."""
    vetoing = [g for g in gates if g.vetoes]
    weighed = [g for g in gates if g.gate in DECISIVE or ((first_release or alone) and g.gate.startswith("acceptance"))]
    told = [*vetoing, *(g for g in weighed if g not in vetoing)]
    opening = f"{len(vetoing)} of {len(gates)} gates failed" if vetoing else "All gates passed"
    if unjudged := sum(not g.judged for g in gates):
        opening = f"{len(vetoing) or 'None'} of {len(gates)} gates failed, {unjudged} could not be judged"
    if first_release:
        opening = f"First release, no champion to compare with: only the absolute limits apply. {opening}"
    figures = "; ".join(g.detail if g.gate in DECISIVE else f"{g.gate}: {g.detail}" for g in told)
    too_few = any(g.gate in GAINS and not g.judged for g in gates)
    return f"{opening}: {figures}. {TEST_ON_MORE if too_few else ACTIONS[decision]}"


def ensemble_words(chosen: str, gain: Interval | None) -> str:
    """Whether the average of champion and candidate is taken, and why; nothing when it was not looked at."""
    if gain is None:
        return ""
    taken = "is taken instead of the candidate" if chosen == "ensemble" else "is not taken"
    return f"The average of champion and candidate {taken}: over the candidate alone it gains {shown(gain, '+')}."
