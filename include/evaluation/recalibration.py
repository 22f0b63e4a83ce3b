"""How a candidate is judged that is the champion with another calibrator: by what a calibrator can change.

Its curves rise, so a ranking metric is what it was, and the gate on its gain would refuse every recalibration. Then the
gain is that of a proper score (Gneiting and Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", 2007)
and what it is worth in units of the primary metric is what ``comparison.weights`` say.
"""

from include.contracts.evaluation import GateOutcome, NetValue
from include.evaluation.metrics import PROPER, RANKING
from include.evaluation.net_value import Balance, forgetting, gain_gate, worth_it
from include.specification.usecase import UseCase

GATE = "recalibration"


def judged_by(spec: UseCase) -> str:
    """The metric whose gain decides: the primary one, in the place of one that ranks a proper score of the spec."""
    if spec.metrics.primary not in RANKING:
        return spec.metrics.primary
    return next((name for name in spec.metrics.secondary if name in PROPER), PROPER[0])


def gates(spec: UseCase, balance: Balance) -> list[GateOutcome]:
    """The gain in ``balance.metric``, its net value where it can be told, and what is forgotten."""
    gate = gain_gate(spec, balance.gain, balance.looks, balance.metric)
    why = f"only the calibrator is another, which cannot move {spec.metrics.primary}, so {balance.metric} decides"
    outcomes = [gate.model_copy(update={"gate": GATE, "detail": f"{why}: {gate.detail}"})]
    if gate.judged:
        outcomes.append(_worth_it(spec, balance))
    return [*outcomes, *forgetting(spec, balance)]


def _worth_it(spec: UseCase, balance: Balance) -> GateOutcome:
    if (value := net_value(spec, balance)) is not None:
        return worth_it(value)
    names = " nor ".join(dict.fromkeys([balance.metric, "calibration"]))
    detail = (
        f"not weighed: comparison.weights say of neither {names} what it is worth in {spec.metrics.primary}, the unit "
        "of what a release costs"
    )
    return GateOutcome(gate="net_value", passed=True, judged=False, detail=detail)


def net_value(spec: UseCase, balance: Balance) -> NetValue | None:
    """The largest gain of a proper score or the calibration by its weight, less what a release costs and what is lost
    elsewhere; None where none of these has a weight.

    The largest one only: they are one gain, measured in several ways.
    """
    worth: dict[str, float] = {name: weight * balance.gains[name] for name, weight in spec.comparison.weights.items()}
    if not (calibrated := [name for name in worth if name in ("calibration", *PROPER)]):
        return None
    best = max(calibrated, key=lambda name: worth[name])
    lost = {name: value for name, value in worth.items() if name != best and value < 0}
    parts: dict[str, float] = {best: worth[best], **lost, "release": -spec.comparison.min_gain}
    return NetValue(metric=spec.metrics.primary, total=sum(parts.values()), parts=parts)


def words(version: int, base: int, metric: str, primary: str) -> str:
    """What such a verdict begins with."""
    by = f" It is judged by {metric}, which it can change, and not by {primary}." if metric != primary else ""
    return f"Version {version} is version {base} with another calibrator: nothing else was learned.{by}"
