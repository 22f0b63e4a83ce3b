"""The cause of a decay that the figures support, with its evidence in sentences.

Seasons drift every month, so a drifted feature is a suspect only when it was in order, and clearly less drifted, in
the periods in which the same release was still good. What remains without a suspect is a change of the concept itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

from include.contracts.operations import Figure
from include.contracts.period import Period
from include.contracts.quality import GateResult
from include.operations.drift import column_faults
from include.operations.drift.skew import SKEWED_SHARE
from include.operations.performance import concept
from include.operations.performance.losses import state
from include.operations.performance.performance import ROWS
from include.operations.retraining.recalibration import repair
from include.operations.windows.maturity import UNMATCHED_SHARE
from include.operations.windows.release_history import History
from include.operations.windows.windows import CALIBRATION_INTERCEPT, CALIBRATION_SLOPE
from include.specification.usecase import UseCase

MISSING_INCREASE = 0.05  # of all feature cells, against the release's baseline
UNJUDGED_SHARE = 0.5  # of the answers, given without a lookup or not logged: the others say too little
LABEL_SHIFT = 0.05  # of the rows: change of the share of a class against the good periods
CHANCE = 3.0  # standard errors: a smaller change of a share is the luck of the draw
LABEL_MOVE = 0.5  # standard deviations of the label: a medium effect (Cohen, "Statistical Power Analysis", 1988)
CLEARLY_MORE = 2.0  # times the drift of the good periods, before a feature is called the cause
STALE_PERIODS = 3  # losses that rise period by period, before age is called the cause


@dataclass(frozen=True)
class Cause:
    """``kind`` is one of the causes in ``contracts.RetrainPlan``; ``subjects`` are features, tables or nothing."""

    kind: str
    evidence: list[str]
    subjects: list[str]

    @property
    def sentence(self) -> str:
        return f"{self.kind} in {', '.join(self.subjects)}" if self.subjects else self.kind


def data_fault(spec: UseCase, history: History, gates: Sequence[GateResult]) -> Cause | None:
    """Refused data of this or a newer period, faulty feature columns, predictions whose label is due and never came."""
    evidence, subjects = [], []
    last_word = {(g.period, g.gate): g for g in gates if g.usecase == spec.name and g.period >= history.period}
    for gate in (g for g in last_word.values() if not g.passed):
        for f in (f for f in gate.failures if f.severity == "block"):
            subjects.append(f.table)
            evidence.append(f"gate {gate.gate} of {gate.period} refused {f.table}: {f.expectation}, {f.detail}")
    measured = history.by_key.get((history.period, "missing_increase", ""))
    if measured and measured.value > MISSING_INCREASE and (measured.low is None or measured.low > 0):
        increase = measured.value
        share = history.value("missing_share") or 0.0
        evidence.append(f"{share:.1%} of the feature cells are missing, {increase:+.1%} against the baseline")
        subjects += [n for n, v in history.subjects("missing", history.period).items() if v > 0.5]
    sentences, columns = column_faults.faults(history)
    evidence, subjects = evidence + sentences, subjects + columns
    unmatched, known = (history.value(name, history.due) for name in ("unmatched", "labelled"))
    awaited = spec.labelling is None  # else labels are asked of people, and many rows never get one
    due = (unmatched or 0) + (known or 0)
    if awaited and unmatched is not None and due >= ROWS and unmatched > UNMATCHED_SHARE * due:
        evidence.append(f"{unmatched:.0f} of {due:.0f} labels that are due never came")
        subjects.append("ground truth")
    return Cause("data fault", evidence, list(dict.fromkeys(subjects))) if evidence else None


def pipeline_skew(history: History) -> Cause | None:
    """Features that were served with other values than the offline store has."""
    skewed = history.beyond("feature_skew", SKEWED_SHARE, history.period)
    evidence = [f"{n} was served with another value than is stored in {v:.1%} of the rows" for n, v in skewed.items()]
    return Cause("pipeline skew", evidence, sorted(skewed)) if skewed else None


def serving_fault(history: History) -> Cause | None:
    """Most answers cannot be judged, because of how they were served."""
    logged, lost, without = _unjudged(history)
    if lost + without <= UNJUDGED_SHARE * (logged + lost):
        return None
    return Cause("serving fault", unjudged(history), [])


def unjudged(history: History) -> list[str]:
    """Which answers nothing was concluded from, and why, in sentences; none when all were judged."""
    logged, lost, without = _unjudged(history)
    away = "given while the online store could not be asked: they are judged neither for drift nor skew nor quality"
    counts = [(without, logged, away), (lost, logged + lost, "not in the prediction log, which could not be written")]
    return [f"{part:.0f} of {of:.0f} answers of {history.period} were {why}" for part, of, why in counts if part]


def _unjudged(history: History) -> tuple[float, float, float]:
    """Answers in the log, answers that are not, answers without a lookup."""
    names = ("rows", "unlogged", "unavailable")
    logged, lost, without = (history.value(name) or 0.0 for name in names)
    return logged, lost, without


def decay(spec: UseCase, history: History) -> Cause:
    """The cause of a confirmed loss: covariate shift, label shift, staleness or concept change."""
    good = history.good(spec.monitoring.performance_loss)
    suspects, drifts = _suspects(spec, history, good)
    evidence = _losses(spec, history) + drifts + concept.evidence(history)
    if suspects:
        return Cause("covariate shift", evidence, suspects)
    if shift := _label_shift(history, good):
        repaired = repair(spec, history)
        return Cause("label shift", [*evidence, shift, *_off(history), *([repaired.sentence] if repaired else [])], [])
    losses = [v for p in history.periods if (v := history.value("performance_loss", p)) is not None]
    if len(losses) >= STALE_PERIODS and all(b > a for a, b in pairwise(losses[-STALE_PERIODS:])):
        return Cause("staleness", [*evidence, f"the loss grew in each of the last {STALE_PERIODS} periods"], [])
    return Cause("concept change", evidence, [])


def _losses(spec: UseCase, history: History) -> list[str]:
    primary, sentences = spec.metrics.primary, []
    for period in history.periods[-spec.monitoring.windows.of :]:
        figure, loss = history.by_key.get((period, primary, "")), history.loss(period)
        if figure and loss:
            bounded = figure.low is not None and figure.high is not None
            bounds = f" [{figure.low:.3f}, {figure.high:.3f}]" if bounded else ""
            sentences.append(f"{period}: {primary} {figure.value:.3f}{bounds}, loss {state(spec, loss)}")
    for other in (f for f in history.others if f.name == f"counterfactual_{primary}"):
        figure_of = f"release {other.release} would have had {primary} {other.value:.3f}"
        sentences.append(f"{history.period}: {figure_of} on the same rows")
    return sentences


def _suspects(spec: UseCase, history: History, good: list[Period]) -> tuple[list[str], list[str]]:
    """Drifted now, clearly more than in any good period; and what was seen, in words."""
    limit = spec.monitoring.drift_threshold
    drifted = history.drifted(limit, history.period)
    judged = [history.drifted(0.0, period) for period in good]
    usual = {name: max((values.get(name, 0.0) for values in judged), default=0.0) for name in drifted}
    cleared = {n for n in drifted if usual[n] > limit or drifted[n] <= CLEARLY_MORE * usual[n]}
    suspects = sorted(drifted.keys() - cleared, key=lambda n: -drifted[n])
    contrast = f", but not in {', '.join(good)}" if good else ""
    sentences = [f"{n} drifted (PSI {drifted[n]:.2f}){contrast}" for n in suspects]
    if cleared:
        why = "good periods were beyond the limit too, or at least half as far off"
        sentences.append(f"drift of {', '.join(sorted(cleared))} does not explain the loss: {why}")
    sentences += _seasons(history, limit, suspects)
    if suspects and not good:
        sentences.append("this release has no good period to compare with, so the cause is likely but not proved")
    return suspects, sentences


def _off(history: History) -> list[str]:
    """How far the answers are off as a whole, and how sure they are, where both are known with their intervals."""
    found = [history.by_key.get((history.period, name, "")) for name in (CALIBRATION_INTERCEPT, CALIBRATION_SLOPE)]
    values = [
        f"{f.value:+.2f} [{f.low:+.2f}, {f.high:+.2f}]" for f in found if f and f.low is not None and f.high is not None
    ]
    if len(values) < len(found):
        return []
    slope = f"at a calibration slope of {values[1]} (1 is right)"
    return [f"the log-odds of the answers are off by {values[0]} (0 is right), {slope}"]


def _seasons(history: History, limit: float, suspects: Sequence[str]) -> list[str]:
    """Which suspects are as they were in the same season last year, and which not; nothing where that is not known."""
    known = {name: history.by_key.get((history.period, "psi_last_season", name)) for name in suspects}
    judged = {name: figure for name, figure in known.items() if figure and figure.state == "judged"}
    usual = [f"{n} (PSI {f.value:.2f})" for n, f in judged.items() if not f.beyond(limit)]
    unusual = [f"{n} (PSI {f.value:.2f})" for n, f in judged.items() if f.beyond(limit)]
    return [
        *([f"the usual season: {', '.join(usual)} did not drift against the same season last year"] if usual else []),
        *([f"not the season: {', '.join(unusual)} drifted against the same season last year too"] if unusual else []),
    ]


def _label_shift(history: History, good: list[Period]) -> str | None:
    moved = (_moved_share(history, good, *share) for share in _shares(history))
    return _moved_values(history, good) or next(filter(None, moved), None)


def _shares(history: History) -> list[tuple[str, str]]:
    """Figure and subject of every share of a class that was measured now."""
    return [(name, s) for name in ("label_rate", "label_share") for s in sorted(history.subjects(name, history.period))]


def _moved_share(history: History, good: list[Period], name: str, subject: str) -> str | None:
    """A share that is further from every good period than chance explains, in words."""
    now = history.by_key[history.period, name, subject]
    before = [f for p in good if (f := history.by_key.get((p, name, subject)))]
    if not before or not all(abs(now.value - f.value) > max(LABEL_SHIFT, _chance(now, f)) for f in before):
        return None
    what = f"share of the label {subject}" if subject else "label rate"
    return f"the {what} is {now.value:.3f}; in the good periods it was {_listed(before)}"


def _chance(one: Figure, other: Figure) -> float:
    """How far two shares of few rows are apart without a change."""
    return CHANCE * sqrt(sum(f.value * (1 - f.value) / (f.effective_n or f.n) for f in (one, other) if f.n))


def _moved_values(history: History, good: list[Period]) -> str | None:
    now = history.value("label_mean")
    known = ((history.by_key.get((p, "label_mean", "")), history.value("label_std", p)) for p in good)
    before = [(f, spread) for f, spread in known if f and spread is not None]
    if now is None or not before or not all(abs(now - f.value) > LABEL_MOVE * spread for f, spread in before):
        return None
    return f"the mean of the label is {now:.3f}; in the good periods it was {_listed([f for f, _ in before])}"


def _listed(figures: Sequence[Figure]) -> str:
    return ", ".join(f"{f.value:.3f}" for f in figures)
