"""The four comparisons on registered models, and the approval that is bound to their verdict."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from include.contracts.development import DatasetRef, ModelRef
from include.contracts.evaluation import Verdict
from include.development import ensembles
from include.development.datasets.building import load_dataset
from include.development.datasets.parts import read_part
from include.errors import EvaluationError, NotFoundError, TrainingError
from include.evaluation.four_comparisons import compare
from include.evaluation.inputs import EvaluationSet, Side
from include.evaluation.report import render
from include.services import verdicts
from include.services.composition import Services
from include.specification.usecase import UseCase


def evaluate(spec: UseCase, services: Services, version: int | str | None) -> Verdict:
    """Compare a candidate with what really serves; the verdict is stored with the model version.

    Where the average of both is chosen, it is registered, and the verdict is on that version.

    Raises
    ------
    NotFoundError
        no such version.
    EvaluationError
        what serves is not what the records say, or the gate self-test failed.
    DataError
        a part of a dataset is not what its manifest says, or a test set was seen in training.
    """
    candidate = services.adapters.tracker.model(spec.name, _version(spec, services, version))
    serving = services.serving.champion(spec)
    champion = services.serving.champion_model(spec)
    made = partial(
        compare,
        spec,
        candidate=_side(spec, services, candidate, None),
        champion=_side(spec, services, champion, serving.name) if champion and serving else None,
        old=_test_set(champion.dataset) if champion else None,
        new=_test_set(candidate.dataset),
        seed=candidate.version,
    )
    verdict = made()
    judged = candidate
    if verdict.contender == "ensemble" and champion:
        judged, verdict = _registered(spec, services, (champion, candidate), verdict, made)
    verdicts.store(spec, services, judged, verdict, render(verdict))
    if judged is not candidate:
        verdicts.keep(spec, services, candidate, verdict, render(verdict))
    return verdict


def _registered(
    spec: UseCase,
    services: Services,
    members: tuple[ModelRef, ModelRef],
    verdict: Verdict,
    made: Callable[..., Verdict],
) -> tuple[ModelRef, Verdict]:
    """The average as a version with its verdict; the candidate with its own when the average cannot be registered."""
    try:
        ensemble = ensembles.register(spec, services.adapters.tracker, *members)
    except TrainingError as error:
        alone = made(average=False)
        words = f"{alone.reason} Their average would have been taken, but cannot be registered: {error}."
        return members[1], alone.model_copy(update={"reason": words})
    on = {"candidate": ensemble.version, "members": [member.version for member in members]}
    return ensemble, verdict.model_copy(update=on)


def report(spec: UseCase, services: Services, verdict: Verdict) -> str:
    """The verdict as Markdown, for who approves."""
    return render(verdict)


def record_approval(spec: UseCase, services: Services, verdict: Verdict, answer: dict | None) -> str:
    """Give the candidate the alias ``challenger``; the approval names the verdict's hash. Returns the hash."""
    model = services.adapters.tracker.model(spec.name, verdict.candidate)
    stored = verdicts.of(services, model)
    if stored.digest != verdict.digest:
        raise EvaluationError(
            f"the verdict on version {verdict.candidate} changed after it was shown for approval "
            f"({verdict.digest[:12]} became {stored.digest[:12]}); run the evaluation again"
        )
    who = (answer or {}).get("responded_by_user") or {"name": "policy"}
    tags = {"approved_verdict": verdict.digest, "approved_by": str(who.get("name", who)), "decision": verdict.decision}
    services.adapters.tracker.tag(spec.name, verdict.candidate, tags)
    verdicts.on_card(services, model, stored, f"approved by {tags['approved_by']}, {datetime.now(UTC):%Y-%m-%d}")
    services.adapters.tracker.set_alias(spec.name, "challenger", verdict.candidate)
    return verdict.digest


def _version(spec: UseCase, services: Services, version: int | str | None) -> int:
    """The version asked for; without one the newest that was trained, not averaged."""
    known = services.adapters.tracker.versions(spec.name)
    if version:
        wanted = int(version)
    else:
        wanted = next((v for v in reversed(known) if not ensembles.members_of(spec, services.adapters.tracker, v)), 0)
    if wanted not in known:
        raise NotFoundError(f"{spec.name} has no model version {wanted or '(none registered)'}; there are {known}")
    return wanted


def _side(spec: UseCase, services: Services, model: ModelRef, release: str | None) -> Side:
    from include.development.trainers.ensemble import signature
    from include.development.trainers.trained_model import TrainedModel

    # by what the artifact says, not by the spec: a champion may be of the trainer that the spec named before
    trained = TrainedModel.from_bytes(services.adapters.tracker.load(model))
    members = ensembles.members_of(spec, services.adapters.tracker, model.version)
    datasets = {one.dataset.name: _as_it_lies(one.dataset) for one in (model, *members)}
    parts = [part for dataset in datasets.values() for part in (dataset.train, dataset.validation)]
    return Side(
        version=model.version,
        release=release,
        predict=trained.predict,
        training_hashes=frozenset(p.content_hash for p in parts),
        training_ids=frozenset(i for p in parts for i in read_part(p)[spec.event.id]),
        members=tuple(member.version for member in members),
        signature=signature(trained),
    )


def _test_set(dataset: DatasetRef) -> EvaluationSet:
    now = _as_it_lies(dataset)
    since = tuple(mark for mark in now.rewrites if mark not in dataset.rewrites)
    return EvaluationSet(read_part(now.test), now.test.content_hash, now.test.periods, since)


def _as_it_lies(dataset: DatasetRef) -> DatasetRef:
    """The dataset as registered, or as an erasure or key rotation has left it since and says so in its manifest."""
    now = load_dataset(dataset.name, Path(dataset.path).parent)
    return now if set(now.rewrites) - set(dataset.rewrites) else dataset
