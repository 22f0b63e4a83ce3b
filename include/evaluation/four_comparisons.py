"""The four comparisons: {champion, candidate} x {old, new} test set, with the self-test of the gates.

What is released is the *refit* of a model that was judged, its *proof*: the same recipe, fitted once more with the test
sets that proved it (``training.refit``). All four cells are out of sample: A is the champion's proof and B the
candidate's on the old test set, which the champion was released with; C is the release that really serves, and D the
candidate's proof, on the new one (the newest labelled periods). Without a refit, proof and release are one model. Where
the spec says ``trainer.ensemble``, the average of champion and candidate is a second contender, by the same rule.
"""

from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from include.contracts.evaluation import Interval, Look, Verdict
from include.errors import EvaluationError, UndefinedMetricError
from include.evaluation import recalibration
from include.evaluation.comparison import Comparison
from include.evaluation.inputs import EvaluationSet, Side, ask, problems, refuse_leak
from include.evaluation.net_value import gain_gate, probability_needed
from include.evaluation.undefined import without_undefined
from include.evaluation.useless_releases import useless_releases
from include.evaluation.verdict import ACTIONS, ensemble_words, meets
from include.evaluation.verdict import reason as reason_of
from include.families.registry import family
from include.specification.usecase import UseCase

RELEASING = ("promote", "canary")


def compare(
    spec: UseCase,
    *,
    candidate: Side,
    champion: Side | None,
    old: EvaluationSet | None,
    new: EvaluationSet | None,
    champion_proof: Side | None = None,
    candidate_proof: Side | None = None,
    seed: int = 0,
    average: bool = True,
) -> Verdict:
    """Make the comparisons and decide; ``average``: their average is a contender where the spec says so.

    ``candidate`` is a proof; ``champion`` is what serves, ``champion_proof`` the model that it is the refit of (None:
    it is its own proof). For a recalibrated release ``candidate_proof`` answers the old test set, the proof of that
    release with its calibrator: the release has learned from that set.

    Without a champion only the absolute limits apply. A test set that is missing, too small, unlabelled or
    of one class or number gives the decision ``data_problem``. A champion whose answers leave a metric undefined is
    not compared with: the candidate is judged alone, and the reason says so.

    Raises
    ------
    LeakageError
        a model has seen a test set in training: same content hash, period or event.
    EvaluationError
        unusable scores, a metric that the candidate's leave undefined, or the gate self-test failed.
    """
    faults = problems(spec, champion, old, new)
    if faults or new is None:
        return _data_problem(spec, candidate, champion, faults)
    sets = {"new": new, **({"old": old} if champion and old else {})}
    champions = {"new": champion, "old": champion_proof or champion}
    candidates = {"new": candidate, "old": candidate_proof or candidate}
    scores = {name: _asked(spec, candidates[name], champions[name], name, one) for name, one in sets.items()}
    truth = {name: family(spec).truth(spec, test_set.frame) for name, test_set in sets.items()}
    scores, left_out = without_undefined(spec, truth, scores)
    sets, alone = {name: sets[name] for name in scores}, "champion" not in scores["new"]
    looks = 1
    if average and averages(spec, candidate, None if alone else champion):
        looks = 2
        for answers in scores.values():
            answers["ensemble"] = (answers["champion"] + answers["candidate"]) / 2
    scores["new"]["shuffled"] = np.random.default_rng(seed).permutation(scores["new"]["candidate"])
    base = candidate.recalibrated_from
    same = champion is not None and base == champion.version  # else another model serves by now
    metric = recalibration.judged_by(spec) if same and not alone else None
    compared = Comparison.draw(spec, sets, scores, looks=looks, seed=seed, metric=metric)
    try:
        verdict = _verdict(compared, candidate, champion, _self_test(compared))
    except UndefinedMetricError as error:  # by the labels: too many of the resamples are of one class or number
        return _data_problem(spec, candidate, champion, [str(error)])
    rewritten = [words for name, test_set in sets.items() if (words := _rewritten(name, test_set))]
    windows = {name: test_set.window for name, test_set in sets.items()}
    opening = [recalibration.words(candidate.version, base, compared.metric, spec.metrics.primary)] if base else []
    reason = " ".join([*opening, *left_out, verdict.reason, *rewritten])
    return verdict.model_copy(update={"reason": reason, "windows": windows, "recalibrated_from": base})


def averages(spec: UseCase, candidate: Side, champion: Side | None) -> bool:
    """Whether the average of the two is a contender.

    Not of clusters, whose numbers mean nothing to each other; nor of models with different features; and a candidate
    that is an average already is not averaged again, nor one that only was recalibrated.
    """
    if not spec.trainer.ensemble or champion is None or candidate.members or candidate.recalibrated_from:
        return False
    return family(spec).facts.labelled and candidate.signature == champion.signature


def _asked(
    spec: UseCase, candidate: Side, champion: Side | None, name: str, test_set: EvaluationSet
) -> dict[str, np.ndarray]:
    sides = {"candidate": candidate, **({"champion": champion} if champion else {})}
    for side in sides.values():
        refuse_leak(spec, side, name, test_set)
    return {who: ask(spec, side, test_set) for who, side in sides.items()}


def _self_test(compared: Comparison) -> str:
    """Candidates that must never pass: the champion itself, and the candidate with its answers shuffled.

    Shuffled answers are compared with the same answers in their places, which nothing has damaged: the champion may
    predict nonsense. Without a champion the absolute limits must refuse them.
    """
    spec = compared.spec
    if not compared.has_champion:
        figures = compared.acceptance("shuffled")
        refusing = [f"acceptance:{c.metric}" for c in spec.acceptance if not meets(c, figures[c.metric])]
        if not refusing:
            raise _failed(spec, "shuffled answers meet every acceptance limit", "tighten acceptance in usecase.yaml")
        return f"shuffled answers: refused by {refusing[0]}"
    report = "tell who looks after the platform"
    if gain_gate(spec, compared.difference("champion", over="champion")).passed:
        raise _failed(spec, "the champion would replace itself", report)
    if compared.is_chance:
        return "the champion against itself: refused by gain; shuffled answers: better than its own"
    if gain_gate(spec, compared.chance).passed:
        raise _failed(spec, "shuffled answers would replace the better ones that they were made of", report)
    return "the champion against itself: refused by gain; shuffled answers: refused by gain"


def _failed(spec: UseCase, what: str, way_out: str) -> EvaluationError:
    return EvaluationError(f"gate self-test of {spec.name} failed: {what}; no verdict can be trusted: {way_out}")


def _verdict(compared: Comparison, candidate: Side, champion: Side | None, self_test: str) -> Verdict:
    """On the contender that is chosen; the other one, if there is one, is told beside it."""
    looks = {who: _look(compared, who) for who in ("candidate", "ensemble") if who in compared.scores["new"]}
    gain = _ensemble_gain(compared) if "ensemble" in looks else None
    chosen = "candidate"
    if gain and gain.low > 0 and looks["ensemble"].decision in RELEASING:
        chosen = "ensemble"
    of_chosen, others = looks.pop(chosen), list(looks.values())
    words = reason_of(of_chosen.decision, of_chosen.gates, champion is None, alone=not compared.has_champion)
    return Verdict(
        usecase=compared.spec.name, decision=of_chosen.decision, rule=of_chosen.rule,
        reason=" ".join(filter(None, [ensemble_words(chosen, gain), words])),
        candidate=candidate.version, champion=champion.version if champion else None,
        champion_release=champion.release if champion else None, cells=of_chosen.cells,
        differences=compared.differences(chosen), gates=of_chosen.gates, self_test=self_test, decided_at=_now(),
        contender=of_chosen.who, ensemble_gain=gain, other=others[0] if others else None,
        samples=compared.samples(chosen), probability=of_chosen.probability, net_value=of_chosen.net_value,
        gain_by_part=compared.gain_by_part(chosen), **_rates(compared),
    )  # fmt: skip


def _rates(compared: Comparison) -> dict[str, Any]:
    """What the rule of release asks for, and what it lets through; it applies where there is a champion."""
    if not compared.has_champion:
        return {}
    needed = probability_needed(compared.spec, compared.looks)
    return {"probability_needed": needed, "useless_releases": useless_releases(compared.spec)}


def _rewritten(name: str, test_set: EvaluationSet) -> str:
    if not test_set.rewrites:
        return ""
    since = ", ".join(test_set.rewrites)
    return f"The {name} test set is not as it was registered: {since}; it has {len(test_set.frame)} rows now."


def _look(compared: Comparison, who: Literal["candidate", "ensemble"]) -> Look:
    decision, rule, gates = compared.judge(who)
    return Look(
        who=who, decision=decision, rule=rule, gates=gates, cells=compared.cells(who),
        probability=compared.probability(who), net_value=compared.net_value(who),
    )  # fmt: skip


def _ensemble_gain(compared: Comparison) -> Interval:
    return compared.drawn["new"].gain(compared.spec.metrics.primary, "ensemble", "candidate")


def _data_problem(spec: UseCase, candidate: Side, champion: Side | None, faults: list[str]) -> Verdict:
    return Verdict(
        usecase=spec.name, decision="data_problem", rule="usable test sets",
        reason=f"The test data cannot be used: {'; '.join(faults)}. {ACTIONS['data_problem']}",
        candidate=candidate.version, champion=champion.version if champion else None,
        champion_release=champion.release if champion else None, cells=[], differences={}, gates=[],
        self_test="not run: nothing to compare", decided_at=_now(),
    )  # fmt: skip


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
