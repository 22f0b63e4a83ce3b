"""The four comparisons on registered models; their verdict is signed into the record of approvals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from include.contracts.approval import ApprovalEntry
from include.contracts.deployment import ReleaseRef
from include.contracts.development import DatasetRef, ModelRef, PartRef
from include.contracts.evaluation import Verdict
from include.contracts.period import range_text
from include.deployment.release import class_names
from include.development import ensembles
from include.development.datasets.building import as_it_lies
from include.development.datasets.parts import read_part
from include.errors import EvaluationError, NotFoundError, TrainingError
from include.evaluation.four_comparisons import compare
from include.evaluation.inputs import EvaluationSet, Side
from include.families.class_names import in_order, recoded
from include.governance import approval
from include.services import old_test_sets, verdicts
from include.services.composition import Services
from include.specification.usecase import UseCase

if TYPE_CHECKING:
    from include.development.trainers.trained_model import TrainedModel


def evaluate(
    spec: UseCase,
    services: Services,
    version: int | str | None,
    *,
    run: str = "",
    by: str = "",
    people: Sequence[str] = (),
) -> Verdict:
    """Compare a candidate with what really serves; the verdict is signed into the record under the ``run``.

    Where the average of both is chosen, it is registered, and the verdict is on that version. ``by`` says what started
    the evaluation, ``people`` are the logins that did. Verdicts that still waited for an answer are withdrawn.

    Raises
    ------
    NotFoundError
        no training of this state root registered such a version.
    ApprovalError
        it is not known who started the evaluation.
    EvaluationError
        what serves is not what the records say, or the gate self-test failed.
    DataError
        a part of a dataset is not what its manifest says, or a test set was seen in training.
    """
    approval.require_named(people, "evaluation")
    candidate = services.approvals.model(spec, _version(spec, services, version))
    serving = services.serving.champion(spec)
    champion = services.serving.champion_model(spec)
    judged_by = _judged_by(spec, services, candidate, champion, serving) if champion and serving else {}
    made = partial(
        _compared, spec, services, judged_by, candidate=_side(spec, services, candidate, None),
        candidate_proof=_proof_of_recalibrated(spec, services, candidate),
        new=_test_set(spec, services, candidate.dataset), seed=candidate.version,
    )  # fmt: skip
    verdict = _told_why(made(), approval.overtaken(services.approvals.history(spec), version=candidate.version))
    judged = candidate
    started: dict[str, Any] = {"run": run, "by": by, "people": [*people]}
    if verdict.contender == "ensemble" and champion:
        judged, verdict = _registered(spec, services, (champion, candidate), verdict, made, started)
    verdicts.store(spec, services, judged, verdict, **started)
    if judged is not candidate:
        verdicts.show(spec, services, candidate, verdict)
    return verdict


def _judged_by(
    spec: UseCase, services: Services, candidate: ModelRef, champion: ModelRef, serving: ReleaseRef
) -> dict[str, Any]:
    """What a candidate is compared with: the release that serves, the model that was judged for it, the old test set.

    In the terms of ``compare``, with ``wear``: the dataset of the old set, and how many others it has judged.
    """
    proof = services.approvals.proof(spec, champion)
    dataset = old_test_sets.old_test_set(
        spec, services, champion, serving, first=candidate.dataset.test.periods[0], before=candidate.version
    )
    old = _test_set(spec, services, dataset, serving)
    return {
        "champion": _side(spec, services, champion, serving.name),
        "champion_proof": _side(spec, services, proof, serving.name) if proof != champion else None,
        "old": replace(old, fault=_kept_out_another(candidate.dataset, dataset)),
        "wear": (dataset.name, old_test_sets.judged_before(spec, services, dataset, candidate.version)),
    }


def _kept_out_another(candidate: DatasetRef, old: DatasetRef) -> str:
    """Why the old set cannot judge the candidate, which was trained to be judged on another one; '' when it can."""
    kept = [one.dataset for one in candidate.frozen]
    if not kept or old.name in kept:
        return ""
    return (
        f"the candidate kept out the test set of {' and '.join(kept)}, and is to be judged on that of {old.name} "
        f"({range_text(old.test.periods)}), as another release serves or another candidate was refused since: "
        "train again"
    )


def _compared(
    spec: UseCase, services: Services, judged_by: Mapping[str, Any], *, candidate: Side, **other: Any
) -> Verdict:
    """The verdict, which says which models and which old set it is on, and how often this set has judged."""
    against = {"champion": None, "champion_proof": None, "old": None, **judged_by}
    name, judged = against.pop("wear", ("", 0))
    verdict = compare(spec, candidate=candidate, **against, **other)
    proof = against["champion_proof"]
    known = {"champion_proof": proof.version if proof else None, "old_set": name, "old_set_judged": judged}
    return verdict.model_copy(update=known)


def _told_why(verdict: Verdict, overtaken: ApprovalEntry | None) -> Verdict:
    """A verdict that replaces one that a new champion overtook says so."""
    words = f" Judged again, because {overtaken.reason}." if overtaken else ""
    return verdict.model_copy(update={"reason": verdict.reason + words})


def _registered(
    spec: UseCase,
    services: Services,
    members: tuple[ModelRef, ModelRef],
    verdict: Verdict,
    made: Callable[..., Verdict],
    started: dict[str, Any],
) -> tuple[ModelRef, Verdict]:
    """The average as a version with its verdict; the candidate with its own when the average cannot be registered."""
    try:
        ensemble = ensembles.register(spec, services.adapters.tracker, *members)
    except TrainingError as error:
        alone = made(average=False)
        words = f"{alone.reason} Their average would have been taken, but cannot be registered: {error}."
        return members[1], alone.model_copy(update={"reason": words})
    versions = [member.version for member in members]
    trainer = approval.registration(services.approvals.history(spec), members[1].version)
    people = sorted({*started["people"], *(trainer.people if trainer else [])})
    services.approvals.register(spec, ensemble, members=versions, **started | {"people": people})
    return ensemble, verdict.model_copy(update={"candidate": ensemble.version, "members": versions})


def _version(spec: UseCase, services: Services, version: int | str | None) -> int:
    """The version asked for; without one the newest that was trained as a candidate."""
    history = services.approvals.history(spec)
    known = approval.trained(history)
    if not version and not known:
        raise NotFoundError(f"{spec.name} has no model version that a training registered: train one first")
    wanted = int(version) if version else known[-1]
    if (proof := approval.proof_version(history, wanted)) != wanted:
        raise EvaluationError(
            f"version {wanted} of {spec.name} is the refit of version {proof}, which has learned from the test sets: "
            f"evaluate version {proof}, whose verdict counts for both"
        )
    return wanted


def _side(spec: UseCase, services: Services, model: ModelRef, release: str | None) -> Side:
    from include.development.trainers.ensemble import signature
    from include.development.trainers.trained_model import TrainedModel

    # by what the artifact says, not by the spec: a champion may be of the trainer that the spec named before
    trained = TrainedModel.from_bytes(services.adapters.tracker.load(model))
    base, learned = services.approvals.recalibrated_from(spec, model), _learned(spec, services, model)
    return Side(
        version=model.version,
        release=release,
        predict=partial(_scores, spec, model, trained, _names(spec, services, trained, release)),
        members=tuple(member.version for member in _members(spec, services, model.version)),
        signature=signature(trained),
        recalibrated_from=base.version if base else None,
        training_hashes=frozenset(part.content_hash for part in learned),
        training_ids=_ids(spec, learned),
    )


def _proof_of_recalibrated(spec: UseCase, services: Services, candidate: ModelRef) -> Side | None:
    """What answers the old test set for a recalibrated release: its proof, with the candidate's calibrator.

    None where the candidate is no recalibrated refit: it answers itself.
    """
    from include.development.trainers.trained_model import TrainedModel

    base = services.approvals.recalibrated_from(spec, candidate)
    if base is None or (proof := services.approvals.proof(spec, base)) == base:
        return None
    learned = [*_learned(spec, services, proof), as_it_lies(candidate.dataset).validation]
    load = services.adapters.tracker.load
    calibrator = TrainedModel.from_bytes(load(candidate)).calibrator
    trained = TrainedModel.from_bytes(load(proof)).with_calibrator(calibrator)
    return Side(
        version=candidate.version,
        predict=partial(_scores, spec, proof, trained, _names(spec, services, trained, None)),
        recalibrated_from=base.version,
        training_hashes=frozenset(part.content_hash for part in learned),
        training_ids=_ids(spec, learned),
    )


def _learned(spec: UseCase, services: Services, model: ModelRef) -> list[PartRef]:
    """The parts that a model has learned from, those of its members and of the model that it was before included."""
    if base := services.approvals.recalibrated_from(spec, model):
        return [*_learned(spec, services, base), as_it_lies(model.dataset).validation]
    own = as_it_lies(model.dataset)
    members = [p for one in _members(spec, services, model.version) for p in _learned(spec, services, one)]
    return [own.train, own.validation, *members]


def _ids(spec: UseCase, parts: Sequence[PartRef]) -> frozenset[str]:
    """The events of the parts; each part is read once."""
    by_hash = {part.content_hash: part for part in parts}
    return frozenset(i for part in by_hash.values() for i in read_part(part)[spec.event.id])


def _names(spec: UseCase, services: Services, trained: "TrainedModel", release: str | None) -> list[str]:
    """The model's classes; of a champion that was trained before models kept them, those of its release."""
    if trained.class_names or release is None:
        return [*trained.class_names]
    return _released_names(services, spec, release)


def _released_names(services: Services, spec: UseCase, release: str) -> list[str]:
    return class_names(Path(services.adapters.releases.get(spec.name, release).path))


def _scores(
    spec: UseCase, model: ModelRef, trained: "TrainedModel", names: list[str], rows: pd.DataFrame
) -> np.ndarray:
    """The model's scores of the spec's classes."""
    return in_order(f"model {model.version} of {spec.name}", trained.predict(rows), names, spec.event.classes)


def _members(spec: UseCase, services: Services, version: int) -> list[ModelRef]:
    """The versions that a version is the average of, those of its members included."""
    registered = approval.registration(services.approvals.history(spec), version)
    if registered is None:  # a champion of before there was a record
        return ensembles.members_of(spec, services.adapters.tracker, version)
    members = [
        services.approvals.registered(spec, member) or services.adapters.tracker.model(spec.name, member)
        for member in registered.facts["members"]
    ]
    return [one for member in members for one in (member, *_members(spec, services, member.version))]


def _test_set(
    spec: UseCase, services: Services, dataset: DatasetRef, serving: ReleaseRef | None = None
) -> EvaluationSet:
    """The test set of a dataset, its labels as codes of the spec's classes."""
    now = as_it_lies(dataset)
    since = tuple(mark for mark in now.rewrites if mark not in dataset.rewrites)
    names = dataset.class_names or (_released_names(services, spec, serving.name) if serving else [])
    who = f"dataset {dataset.name} of {spec.name}"
    rows = recoded(who, read_part(now.test), spec.event.label, names, spec.event.classes)
    return EvaluationSet(rows, now.test.content_hash, now.test.periods, since)
