"""The four comparisons: {champion, candidate} x {old, new} test set, with the self-test of the gates.

A is the champion and B the candidate on the old test set (the frozen one that the champion was released
with); C is the champion and D the candidate on the new one (the newest labelled period).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from include.contracts import Cell, Interval, Verdict
from include.errors import EvaluationError, LeakageError
from include.evaluation.bootstrap import Resampled, paired
from include.evaluation.metrics import calibration_error, checked
from include.evaluation.slices import slice_figures
from include.evaluation.verdict import ACTIONS, Evidence, decide, reason
from include.usecase import UseCase

CLASS_ROWS = 10  # fewer rows of one class and the resamples often miss it


@dataclass(frozen=True)
class Side:
    """One model: how to ask it, and all that it was trained or validated on.

    ``predict`` takes the raw feature columns (n rows) and returns the probability of the positive class (n,).
    """

    version: int
    predict: Callable[[pd.DataFrame], np.ndarray]
    release: str | None = None
    training_hashes: frozenset[str] = frozenset()
    training_periods: frozenset[str] = frozenset()
    training_ids: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TestSet:
    """Raw feature columns, label and event id; ``content_hash`` and ``periods`` as in its PartRef."""

    __test__ = False  # not a pytest class

    frame: pd.DataFrame
    content_hash: str
    periods: list[str] = field(default_factory=list)


def compare(
    spec: UseCase, *, candidate: Side, champion: Side | None, old: TestSet | None, new: TestSet | None, seed: int = 0
) -> Verdict:
    """Make the comparisons and decide.

    Without a champion only the absolute limits apply. A test set that is missing, too small, unlabelled or
    of one class gives the decision ``data_problem``.

    Raises
    ------
    LeakageError
        a model has seen a test set in training: same content hash, period or event.
    EvaluationError
        unusable predictions, or the gate self-test failed.
    """
    problems = _problems(spec, champion, old, new)
    if problems or new is None:
        return _data_problem(spec, candidate, champion, problems)
    sides = {"candidate": candidate, **({"champion": champion} if champion else {})}
    compared = {"new": new, **({"old": old} if champion and old else {})}
    for name, test_set in compared.items():
        for side in sides.values():
            _refuse_leak(spec, side, name, test_set)
    answers = {name: {who: _ask(spec, side, t.frame) for who, side in sides.items()} for name, t in compared.items()}
    answers["new"]["shuffled"] = np.random.default_rng(seed).permutation(answers["new"]["candidate"])
    limits = spec.comparison
    drawn = {
        name: paired(
            _labels(spec, t), answers[name], _metrics(spec), limits.resamples, limits.confidence, seed=seed + number
        )
        for number, (name, t) in enumerate(compared.items())
    }
    told = _self_test(spec, new, answers["new"], drawn, seed)
    decision, rule, gates = decide(spec, _evidence(spec, new, answers["new"], drawn, who="candidate", seed=seed))
    return Verdict(
        usecase=spec.name, decision=decision, rule=rule, reason=reason(decision, gates, champion is None),
        candidate=candidate.version, champion=champion.version if champion else None,
        champion_release=champion.release if champion else None, cells=_cells(spec, drawn),
        differences=_differences(spec, drawn), gates=gates, self_test=told, decided_at=_now(),
    )  # fmt: skip


def _problems(spec: UseCase, champion: Side | None, old: TestSet | None, new: TestSet | None) -> list[str]:
    needed = {"new": new, **({"old": old} if champion else {})}
    problems = [p for name, test_set in needed.items() for p in _unusable(spec, name, test_set)]
    if champion and old and new and old.content_hash == new.content_hash:
        problems.append("old and new test set are the same rows: no newer labelled period exists yet")
    return problems


def _unusable(spec: UseCase, name: str, test_set: TestSet | None) -> list[str]:
    if test_set is None:
        return [f"there is no {name} test set"]
    label, least = spec.event.label, spec.comparison.min_rows
    if missing := [c for c in [*spec.feature_names, label] if c not in test_set.frame]:
        return [f"the {name} test set lacks the columns {missing}"]
    y = test_set.frame[label]
    if len(y) < least:
        return [f"the {name} test set ({', '.join(test_set.periods)}) has {len(y)} rows; {least} are needed"]
    if y.isna().any():
        return [f"{int(y.isna().sum())} of {len(y)} rows of the {name} test set have no label yet"]
    if fewest := [f"{int((y == v).sum())} rows of class {v}" for v in (0, 1) if (y == v).sum() < CLASS_ROWS]:
        return [f"the {name} test set has only {' and '.join(fewest)}; {CLASS_ROWS} of each are needed"]
    return []


def _data_problem(spec: UseCase, candidate: Side, champion: Side | None, problems: list[str]) -> Verdict:
    return Verdict(
        usecase=spec.name, decision="data_problem", rule="usable test sets",
        reason=f"The test data cannot be used: {'; '.join(problems)}. {ACTIONS['data_problem']}",
        candidate=candidate.version, champion=champion.version if champion else None,
        champion_release=champion.release if champion else None, cells=[], differences={}, gates=[],
        self_test="not run: nothing to compare", decided_at=_now(),
    )  # fmt: skip


def _refuse_leak(spec: UseCase, side: Side, name: str, test_set: TestSet) -> None:
    who = f"model {side.version} of {spec.name} was trained on"
    way_out = f"train without it, or take another {name} test set"
    if test_set.content_hash in side.training_hashes:
        raise LeakageError(f"{who} the {name} test set itself (hash {test_set.content_hash[:12]}); {way_out}")
    if shared := side.training_periods & set(test_set.periods):
        raise LeakageError(f"{who} {sorted(shared)}, which the {name} test set covers; {way_out}")
    if events := side.training_ids.intersection(test_set.frame.get(spec.event.id, [])):
        raise LeakageError(f"{who} {len(events)} events of the {name} test set, {min(events)} for one; {way_out}")


def _ask(spec: UseCase, side: Side, frame: pd.DataFrame) -> np.ndarray:
    answers = np.asarray(side.predict(frame[spec.feature_names]), dtype=np.float64)
    return checked(frame[spec.event.label].to_numpy(), answers, f"model {side.version} of {spec.name}")[1]


def _labels(spec: UseCase, test_set: TestSet) -> np.ndarray:
    return test_set.frame[spec.event.label].to_numpy(dtype=bool)


def _metrics(spec: UseCase) -> list[str]:
    """Primary first, then secondary and those of the acceptance criteria, each once."""
    wanted = [spec.metrics.primary, *spec.metrics.secondary, *(c.metric for c in spec.acceptance)]
    return list(dict.fromkeys(wanted))


def _evidence(
    spec: UseCase, new: TestSet, answers: dict[str, np.ndarray], drawn: dict[str, Resampled], *, who: str, seed: int
) -> Evidence:
    """The evidence for ``who`` as the candidate; ``old`` answers exist for the real candidate only."""
    primary, y, has_champion = spec.metrics.primary, _labels(spec, new), "champion" in answers
    slices, unjudged = slice_figures(spec, new.frame, y, answers, who=who, class_rows=CLASS_ROWS, seed=seed)
    return Evidence(
        acceptance={c.metric: drawn["new"].interval(c.metric, who) for c in spec.acceptance},
        gain=drawn["new"].gain(primary, who, "champion") if has_champion else None,
        forgetting=drawn["old"].gain(primary, who, "champion") if (primary, who) in _drawn(drawn, "old") else None,
        slices=slices,
        unjudged_slices=unjudged,
        calibration=(
            calibration_error(y, answers[who]),
            calibration_error(y, answers["champion"]) if has_champion else None,
        ),
    )


def _drawn(drawn: dict[str, Resampled], name: str) -> set[tuple[str, str]]:
    return set(drawn[name].points) if name in drawn else set()


def _self_test(
    spec: UseCase, new: TestSet, answers: dict[str, np.ndarray], drawn: dict[str, Resampled], seed: int
) -> str:
    """Candidates that must never pass: the champion itself, and the candidate with its answers shuffled."""
    told = []
    for who, called in {"champion": "the champion against itself", "shuffled": "shuffled answers"}.items():
        if who not in answers:
            continue
        decision, rule, gates = decide(spec, _evidence(spec, new, answers, drawn, who=who, seed=seed))
        refusing = [g.gate for g in gates if not g.passed and (g.gate == "gain" or who != "champion")]
        if decision != "keep_champion" or not refusing:
            raise EvaluationError(
                f"gate self-test of {spec.name} failed: {called} would get {decision!r} ({rule}); "
                "no verdict can be trusted: tighten acceptance and comparison.min_gain in usecase.yaml"
            )
        told.append(f"{called}: refused by {refusing[0]}")
    return "; ".join(told)


def _cells(spec: UseCase, drawn: dict[str, Resampled]) -> list[Cell]:
    places = [("A", "champion", "old"), ("B", "candidate", "old"), ("C", "champion", "new"), ("D", "candidate", "new")]
    return [
        Cell(name=name, model=who, test_set=where, metric=metric, figure=drawn[where].interval(metric, who))
        for metric in _metrics(spec)
        for name, who, where in places
        if (metric, who) in _drawn(drawn, where)
    ]


def _differences(spec: UseCase, drawn: dict[str, Resampled]) -> dict[str, Interval]:
    """``"D-C roc_auc"`` and so on; positive is better, whatever the metric's direction."""
    if "old" not in drawn:
        return {}
    old, new, differences = drawn["old"], drawn["new"], {}
    for metric in _metrics(spec):
        differences[f"D-C {metric}"] = new.gain(metric, "candidate", "champion")
        differences[f"B-A {metric}"] = old.gain(metric, "candidate", "champion")
        differences[f"C-A {metric}"] = new.gain(metric, "champion", "champion", other=old)
        differences[f"D-B {metric}"] = new.gain(metric, "candidate", "candidate", other=old)
    return differences


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
