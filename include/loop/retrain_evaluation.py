"""The four comparisons on registered models, and the approval that is bound to their verdict."""

import pandas as pd

from include.contracts import ModelRef, PartRef, Verdict
from include.errors import EvaluationError, NotFoundError
from include.evaluation.four_comparisons import compare
from include.evaluation.inputs import Side, TestSet
from include.evaluation.report import render
from include.loop import verdicts
from include.loop.champion import champion_model
from include.services import Services
from include.usecase import UseCase


def evaluate(spec: UseCase, services: Services, version: int | str | None) -> Verdict:
    """Compare a candidate with what really serves; the verdict is stored with the model version.

    Raises
    ------
    NotFoundError
        no such version.
    EvaluationError
        a test set was seen in training, a hash does not match, or the gate self-test failed.
    """
    candidate = services.tracker.model(spec.name, _version(spec, services, version))
    serving = services.champion(spec)
    champion = champion_model(spec, services)
    verdict = compare(
        spec,
        candidate=_side(spec, services, candidate, None),
        champion=_side(spec, services, champion, serving.name) if champion and serving else None,
        old=_test_set(champion.dataset.test) if champion else None,
        new=_test_set(candidate.dataset.test),
        seed=candidate.version,
    )
    verdicts.store(spec, services, candidate, verdict, render(verdict))
    return verdict


def record_approval(spec: UseCase, services: Services, verdict: Verdict, answer: dict | None) -> str:
    """Give the candidate the alias ``challenger``; the approval names the verdict's hash. Returns the hash."""
    stored = verdicts.of(services, services.tracker.model(spec.name, verdict.candidate))
    if stored.digest != verdict.digest:
        raise EvaluationError(
            f"the verdict on version {verdict.candidate} changed after it was shown for approval "
            f"({verdict.digest[:12]} became {stored.digest[:12]}); run the evaluation again"
        )
    who = (answer or {}).get("responded_by_user") or {"name": "policy"}
    tags = {"approved_verdict": verdict.digest, "approved_by": str(who.get("name", who)), "decision": verdict.decision}
    services.tracker.tag(spec.name, verdict.candidate, tags)
    services.tracker.set_alias(spec.name, "challenger", verdict.candidate)
    return verdict.digest


def _version(spec: UseCase, services: Services, version: int | str | None) -> int:
    known = services.tracker.versions(spec.name)
    wanted = int(version) if version else max(known, default=0)
    if wanted not in known:
        raise NotFoundError(f"{spec.name} has no model version {wanted or '(none registered)'}; there are {known}")
    return wanted


def _side(spec: UseCase, services: Services, model: ModelRef, release: str | None) -> Side:
    from include.development.trainers.trained_model import load

    trained = load(spec.trainer.name, services.tracker.load(model))
    parts = (model.dataset.train, model.dataset.validation)
    return Side(
        version=model.version,
        release=release,
        predict=trained.predict,
        training_hashes=frozenset(p.content_hash for p in parts),
        training_ids=frozenset(
            i for p in parts for i in pd.read_parquet(p.path, columns=[spec.event.id])[spec.event.id]
        ),
    )


def _test_set(part: PartRef) -> TestSet:
    return TestSet(frame=pd.read_parquet(part.path), content_hash=part.content_hash, periods=part.periods)
