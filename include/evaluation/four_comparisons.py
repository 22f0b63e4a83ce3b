"""The four comparisons: {champion, candidate} x {old, new} test set, with the self-test of the gates.

What is released is the *refit* of a model that was judged, its *proof*: the same recipe, fitted once more with the test
sets that proved it (``training.refit``). All four cells are out of sample: A is the champion's proof and B the
candidate's on the old test set, which the champion was released with; C is the release that really serves, and D the
candidate's proof, on the new one (the newest labelled periods). Without a refit, proof and release are one model. Where
the spec says ``trainer.ensemble``, the average of champion and candidate is a second contender, by the same rule.
"""

from datetime import UTC, datetime
from typing import Literal

import numpy as np

from include.contracts.evaluation import Interval, Look, Verdict
from include.errors import EvaluationError
from include.evaluation.comparison import Comparison
from include.evaluation.inputs import EvaluationSet, Side, ask, problems, refuse_leak
from include.evaluation.verdict import ACTIONS, ensemble_words, reason
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
    seed: int = 0,
    average: bool = True,
) -> Verdict:
    """Make the comparisons and decide; ``average``: their average is a contender where the spec says so.

    ``candidate`` is a proof; ``champion`` is what serves, ``champion_proof`` the model that it is the refit of (None:
    it is its own proof).

    Without a champion only the absolute limits apply. A test set that is missing, too small, unlabelled or
    of one class gives the decision ``data_problem``.

    Raises
    ------
    LeakageError
        a model has seen a test set in training: same content hash, period or event.
    EvaluationError
        unusable scores, a metric that they leave undefined, or the gate self-test failed.
    """
    faults = problems(spec, champion, old, new)
    if faults or new is None:
        return _data_problem(spec, candidate, champion, faults)
    sets = {"new": new, **({"old": old} if champion and old else {})}
    champions = {"new": champion, "old": champion_proof or champion}
    scores = {name: _asked(spec, candidate, champions[name], name, test_set) for name, test_set in sets.items()}
    looks = 1
    if average and averages(spec, candidate, champion):
        looks = 2
        for answers in scores.values():
            answers["ensemble"] = (answers["champion"] + answers["candidate"]) / 2
    scores["new"]["shuffled"] = np.random.default_rng(seed).permutation(scores["new"]["candidate"])
    # two contenders are two chances to pass by luck: Bonferroni's correction keeps the level of both together
    confidence = 1 - (1 - spec.comparison.confidence) / looks
    compared = Comparison.draw(spec, sets, scores, confidence=confidence, seed=seed)
    verdict = _verdict(compared, candidate, champion, _self_test(compared))
    rewritten = [words for name, test_set in sets.items() if (words := _rewritten(name, test_set))]
    windows = {name: test_set.window for name, test_set in sets.items()}
    return verdict.model_copy(update={"reason": " ".join([verdict.reason, *rewritten]), "windows": windows})


def averages(spec: UseCase, candidate: Side, champion: Side | None) -> bool:
    """Whether the average of the two is a contender.

    Not of clusters, whose numbers mean nothing to each other; nor of models with different features; and a candidate
    that is an average already is not averaged again.
    """
    if not spec.trainer.ensemble or champion is None or candidate.members:
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
    """Candidates that must never pass: the champion itself, and the candidate with its answers shuffled."""
    decisions = []
    for who, called in {"champion": "the champion against itself", "shuffled": "shuffled answers"}.items():
        if who not in compared.scores["new"]:
            continue
        decision, rule, gates = compared.judge(who)
        refusing = [g.gate for g in gates if not g.passed and (g.gate == "gain" or who != "champion")]
        if decision != "keep_champion" or not refusing:
            raise EvaluationError(
                f"gate self-test of {compared.spec.name} failed: {called} would get {decision!r} ({rule}); "
                "no verdict can be trusted: tighten acceptance and comparison.min_gain in usecase.yaml"
            )
        decisions.append(f"{called}: refused by {refusing[0]}")
    return "; ".join(decisions)


def _verdict(compared: Comparison, candidate: Side, champion: Side | None, self_test: str) -> Verdict:
    """On the contender that is chosen; the other one, if there is one, is told beside it."""
    looks = {who: _look(compared, who) for who in ("candidate", "ensemble") if who in compared.scores["new"]}
    gain = _ensemble_gain(compared) if "ensemble" in looks else None
    chosen = "candidate"
    if gain and gain.low > 0 and looks["ensemble"].decision in RELEASING:
        chosen = "ensemble"
    of_chosen, others = looks.pop(chosen), list(looks.values())
    words = reason(of_chosen.decision, of_chosen.gates, champion is None)
    return Verdict(
        usecase=compared.spec.name, decision=of_chosen.decision, rule=of_chosen.rule,
        reason=" ".join(filter(None, [ensemble_words(chosen, gain), words])),
        candidate=candidate.version, champion=champion.version if champion else None,
        champion_release=champion.release if champion else None, cells=of_chosen.cells,
        differences=compared.differences(chosen), gates=of_chosen.gates, self_test=self_test, decided_at=_now(),
        contender=of_chosen.who, ensemble_gain=gain, other=others[0] if others else None,
    )  # fmt: skip


def _rewritten(name: str, test_set: EvaluationSet) -> str:
    if not test_set.rewrites:
        return ""
    since = ", ".join(test_set.rewrites)
    return f"The {name} test set is not as it was registered: {since}; it has {len(test_set.frame)} rows now."


def _look(compared: Comparison, who: Literal["candidate", "ensemble"]) -> Look:
    decision, rule, gates = compared.judge(who)
    return Look(who=who, decision=decision, rule=rule, gates=gates, cells=compared.cells(who))


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
