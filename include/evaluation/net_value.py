"""The rule of release: a gain that is probable enough, and worth more than what the release costs.

All is in units of the primary metric; what is lost in others is converted by the ``comparison.weights`` of the spec. A
probability alone would release gains that are too small to matter; a value alone would release luck.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from include.contracts.evaluation import GateOutcome, HeldFigure, NetValue
from include.evaluation.blocks import LEAST
from include.evaluation.difference import Difference
from include.evaluation.wording import added_up, in_blocks, percent, rows_in, shown
from include.specification.usecase import UseCase


@dataclass(frozen=True)
class Balance:
    """What is weighed: D-C and B-A on the primary metric, and what is lost in other metrics that have a weight.

    ``losses``: name → loss in its own unit, 0 when nothing is lost. ``looks``: contenders of this evaluation; each has
    its own chance to pass by luck, so each needs a probability that keeps the chance of all together (Bonferroni).
    ``metric`` is that of the gain where it is not the primary one, and ``gains`` then what the weighed metrics gain,
    each in its own unit (see ``recalibration``).
    """

    gain: Difference
    forgetting: Difference | None = None
    losses: Mapping[str, float] = field(default_factory=dict)
    looks: int = 1
    metric: str = ""
    gains: Mapping[str, float] = field(default_factory=dict)


def gates(spec: UseCase, balance: Balance) -> list[GateOutcome]:
    """Gain, net value and forgetting; nothing is weighed against a gain that cannot be judged."""
    outcomes = [gain_gate(spec, balance.gain, balance.looks)]
    if outcomes[0].judged:
        outcomes.append(worth_it(net_value(spec, balance)))
    return [*outcomes, *forgetting(spec, balance)]


def forgetting(spec: UseCase, balance: Balance) -> list[GateOutcome]:
    """The gate on what is forgotten, where there is an old test set."""
    return [] if balance.forgetting is None else [_forgetting(spec, balance, balance.forgetting)]


def probability_needed(spec: UseCase, looks: int = 1) -> float:
    return 1 - (1 - spec.comparison.probability) / looks


def gain_gate(spec: UseCase, gain: Difference, looks: int = 1, metric: str = "") -> GateOutcome:
    """Passed when the gain, of the primary ``metric`` or another, is there with the probability that the spec asks for;
    a tie is no gain."""
    needed = probability_needed(spec, looks)
    on = rows_in(gain.figure, gain.blocks)
    held = HeldFigure.of(f"gain in {metric or spec.metrics.primary}", gain.figure, 0.0)
    if not gain.blocks.enough:
        rows = gain.rows_needed(0.0, needed)
        least = f"{in_blocks(LEAST, gain.blocks.unit)} are needed, about {rows:,} rows"
        detail = f"whether the candidate is better cannot be judged on {on}: {least}"
        return GateOutcome(gate="gain", passed=False, detail=detail, judged=False, needed=rows, held=held)
    probability = gain.probability()
    passed = probability >= needed
    rows = None if passed else gain.rows_needed(gain.figure.value, needed)
    detail = (
        f"the candidate is better on the new test set with a probability of {percent(probability)}, {percent(needed)} "
        f"is needed; it gains {shown(gain.figure, '+')} in {metric or spec.metrics.primary} on {on}"
    )
    if rows is not None:
        detail += f"; to be sure enough of a gain of this size takes about {rows:,} rows"
    return GateOutcome(gate="gain", passed=passed, detail=detail, needed=rows, held=held)


def net_value(spec: UseCase, balance: Balance) -> NetValue:
    """The gain, less what is forgotten and lost elsewhere, less what a release costs."""
    limits, primary = spec.comparison, spec.metrics.primary
    parts = {"gain": balance.gain.figure.value}
    if balance.forgetting is not None and _can_tell(spec, balance.forgetting):
        parts["forgetting"] = -limits.returns * _forgotten(spec, balance.forgetting)
    parts |= {name: -limits.weights[name] * loss for name, loss in balance.losses.items() if name in limits.weights}
    parts["release"] = -limits.min_gain
    parts = {name: part or 0.0 for name, part in parts.items()}  # no -0.0
    return NetValue(metric=primary, total=sum(parts.values()), parts=parts)


def _forgotten(spec: UseCase, forgetting: Difference) -> float:
    """Beyond what the spec allows."""
    return max(0.0, -forgetting.figure.value - spec.comparison.forgetting_margin)


def _can_tell(spec: UseCase, forgetting: Difference) -> bool:
    """Whether the loss is surely beyond the margin or surely not, or hardly scatters.

    Else a candidate that forgot nothing would often seem to have forgotten more than the margin.
    """
    margin, probability = spec.comparison.forgetting_margin, spec.comparison.probability
    if not forgetting.blocks.enough:
        return False
    kept = forgetting.probability(above=-margin)
    return not 1 - probability < kept < probability or forgetting.resolution(probability) <= margin


def worth_it(value: NetValue) -> GateOutcome:
    detail = f"a release is expected to be worth {added_up(value)}; it must be worth more than 0"
    held = HeldFigure(name=f"net value in {value.metric}", value=value.total, limit=0.0)
    return GateOutcome(gate="net_value", passed=value.total > 0, detail=detail, held=held)


def _forgetting(spec: UseCase, balance: Balance, forgetting: Difference) -> GateOutcome:
    """Missed when what is forgotten is why the release is not worth it: it is weighed, and refuses nothing alone."""
    limits, on = spec.comparison, rows_in(forgetting.figure, forgetting.blocks)
    gained = f"the candidate gains {shown(forgetting.figure, '+')} in {spec.metrics.primary} on the old test set"
    held = HeldFigure.of(f"gain in {spec.metrics.primary}", forgetting.figure, -limits.forgetting_margin)
    if not _can_tell(spec, forgetting):
        return _untold(spec, forgetting, f"{gained}, which cannot be judged on {on}", held)
    cost = limits.returns * _forgotten(spec, forgetting)
    if not cost:
        detail = f"{gained}, {on}; nothing is forgotten beyond the margin {limits.forgetting_margin:g}"
        return GateOutcome(gate="forgetting", passed=True, detail=detail, held=held)
    total = net_value(spec, balance).total
    detail = (
        f"{gained}, {on}; what is forgotten beyond the margin {limits.forgetting_margin:g} counts {limits.returns:g} "
        f"times, as often as the old returns: it costs {cost:.4f} of the net value"
    )
    return GateOutcome(gate="forgetting", passed=not total <= 0 < total + cost, detail=detail, held=held)


def _untold(spec: UseCase, forgetting: Difference, words: str, held: HeldFigure) -> GateOutcome:
    """It neither passes nor costs anything."""
    margin = spec.comparison.forgetting_margin
    rows = forgetting.rows_needed(margin, spec.comparison.probability)
    how = f"about {rows:,} rows are needed to tell a loss of the margin {margin:g} from chance" if rows else ""
    if not forgetting.blocks.enough:
        how = f"{in_blocks(LEAST, forgetting.blocks.unit)} are needed, about {rows:,} rows"
    detail = f"{words}: {how or f'a margin of {margin:g} is never told from chance'}; nothing is charged for it"
    return GateOutcome(gate="forgetting", passed=False, detail=detail, judged=False, needed=rows, held=held)
