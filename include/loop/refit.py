"""From an approved model to the version that is released: its recipe, fitted once more with the newest rows."""

from include.contracts.approval import ApprovalEntry
from include.contracts.development import ModelRef, Proof
from include.development import ensembles, refitting
from include.errors import NotFoundError
from include.governance import approval
from include.loop import training
from include.loop.data_versions import refit_dataset
from include.services import evidence
from include.services.approvals import model_of
from include.services.composition import Services
from include.specification.usecase import UseCase

BY = "training.refit: after_proof"


def refit(spec: UseCase, services: Services, version: int | str | None) -> int:
    """The version to package in place of an approved one (None: the one approved last).

    That is its refit, fitted here unless it was before, and the version itself where the spec does not refit, or it is
    a refit or a recalibrated model. May be repeated: a killed fit goes on. Of an average the newest member is fitted,
    and averaged again with the release that it was averaged with.

    Raises
    ------
    NotFoundError
        no version was named and none is approved, or the proof has no record of its order and fit.
    ApprovalError
        its newest verdict is not approved, or its evidence changed since.
    StaleVerdictError
        that verdict names another champion than the one that serves; it is withdrawn.
    DataError
        the rows of the proof cannot be read again as they were.
    TrainingError
        the refit fails a behaviour test, or answers otherwise than the proof by more than ``training.agreement``.
    """
    history = services.approvals.history(spec)
    proof = approval.to_deploy(history, spec.name, version)
    if not spec.refits or approval.PROOF in proof.facts:
        return proof.version
    if named := proof.facts.get(approval.RECALIBRATED):
        why = f"it is version {named['version']} recalibrated: nothing was learned, so there is nothing to fit again"
        print(f"{spec.name}: version {proof.version} is released as it was judged, without a refit; {why}", flush=True)
        return proof.version
    services.approvals.require_current(spec, proof.version, services.serving.champion(spec))
    evidence.require_unchanged(spec, services.adapters, history, proof.version)
    return _refit_of(spec, services, history, proof).version


def _refit_of(spec: UseCase, services: Services, history: approval.History, proof: ApprovalEntry) -> ModelRef:
    """The registered refit of a proof; made here when there is none yet."""
    made = [e for e in history if e.event == "registered" and e.facts.get(approval.PROOF) == _proof(proof).json_dict()]
    there = services.adapters.tracker.versions(spec.name) if made else []
    if made and made[-1].version in there:
        return model_of(made[-1])
    return (_averaged if proof.facts["members"] else _fitted)(spec, services, history, proof)


def _proof(entry: ApprovalEntry) -> Proof:
    return Proof(version=entry.version, artifact_hash=entry.artifact_hash)


def _fitted(spec: UseCase, services: Services, history: approval.History, proof: ApprovalEntry) -> ModelRef:
    model = model_of(proof)
    order, fit = refitting.record(services.adapters.tracker, model)
    proved = refitting.proved(services.adapters.tracker, model)
    asked = refitting.order(spec, proved, order, fit, refit_dataset(spec, services, model.dataset))
    key = training.place(spec, services, asked)
    if training.remaining(spec, services, key) != "registration":
        print(f"{spec.name}: version {model.version} is fitted again on {asked.dataset.train.rows} rows", flush=True)
        training.fit(spec, services, key)
    return training.register(spec, services, key, by=BY, people=proof.people)


def _averaged(spec: UseCase, services: Services, history: approval.History, proof: ApprovalEntry) -> ModelRef:
    *others, newest = [_registered(spec, services, history, version) for version in proof.facts["members"]]
    members = [*map(model_of, others), _refit_of(spec, services, history, newest)]
    tracker = services.adapters.tracker
    judged = refitting.proved(tracker, model_of(proof))
    average = ensembles.register(spec, tracker, members[0], members[-1], proof=judged)
    services.approvals.register(
        spec, average, members=[one.version for one in members], proof=_proof(proof), by=BY, people=proof.people
    )
    return average


def _registered(spec: UseCase, services: Services, history: approval.History, version: int) -> ApprovalEntry:
    if entry := approval.registration(history, version):
        return entry
    raise NotFoundError(f"{spec.name}: version {version}, a member of the average, is not in the record: train again")
