"""A refit is deployable exactly when the proof that it names, with this artifact, is approved."""

from pathlib import Path

import pytest

from include.contracts.development import ModelRef, Proof
from include.errors import ApprovalError, EvaluationError, NotFoundError, StaleVerdictError
from include.governance import approval
from include.loop import approval as answering
from include.loop import deployment, retrain_evaluation, rollback, rollout
from include.services import verdicts
from include.services.composition import Services
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.fakes.approvals import approve
from tests.unit.loop.loop_worlds import SPEC, refit_of, register, verdict


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path)


@pytest.fixture
def proof(services: Services) -> ModelRef:
    return register(services)


def release_of(services: Services, model: ModelRef, proof: ModelRef | None) -> str:
    """A release that says of which proof its model is the refit."""
    named = {"proof": {"version": proof.version, "artifact_hash": proof.artifact_hash}} if proof else {}
    return packaged(services, SPEC, model.version, approved=False, model_hash=model.artifact_hash, **named)


def why_not(services: Services, version: int) -> str:
    return approval.objection(services.approvals.history(SPEC), version)


def test_it_follows_the_verdict_of_its_proof(services: Services, proof: ModelRef) -> None:
    refit = refit_of(services, proof)
    assert why_not(services, refit.version) == "it is the refit of version 1, and it has no verdict"
    approve(services, SPEC, proof.version)
    assert why_not(services, refit.version) == ""
    history = services.approvals.history(SPEC)
    assert approval.require_approved(history, SPEC.name, refit.version).artifact_hash == refit.artifact_hash
    assert approval.approved_version(history) == proof.version
    verdicts.store(SPEC, services, proof, verdict(proof.version, decision="keep_champion"), run="again")
    assert why_not(services, refit.version) == "it is the refit of version 1, and the verdict on it is keep_champion"


def test_a_proof_that_somebody_rejected_takes_its_refit_with_it(services: Services, proof: ModelRef) -> None:
    refit = refit_of(services, proof)
    judged = verdicts.store(SPEC, services, proof, verdict(), run="run")
    with services.approvals.adding(SPEC) as ledger:
        ledger.add("rejected", judged, by="olga", reason="not now", about=judged.sequence)
    assert why_not(services, refit.version) == "it is the refit of version 1, and it was rejected by olga (not now)"
    with pytest.raises(
        ApprovalError, match="version 2 of flight_delay may not be deployed: it is the refit of version 1"
    ):
        deployment.package_release(SPEC, services, refit.version)


def test_a_verdict_on_the_refit_itself_counts_for_nothing(services: Services, proof: ModelRef) -> None:
    refit = refit_of(services, proof)
    approve(services, SPEC, refit.version)
    assert why_not(services, refit.version) == "it is the refit of version 1, and it has no verdict"


def test_a_refit_that_names_other_bytes_than_those_that_were_judged(services: Services, proof: ModelRef) -> None:
    approve(services, SPEC, proof.version)
    refit = refit_of(services, proof.model_copy(update={"artifact_hash": "b" * 64}))
    assert "made of the artifact bbbbbbbbbbbb, where " in why_not(services, refit.version)
    with pytest.raises(ApprovalError, match=r"refit of version 1 with the artifact bbbbbbbbbbbb, and the record has"):
        services.approvals.proof(SPEC, refit)


def test_a_refit_of_a_version_that_nobody_trained(services: Services, proof: ModelRef) -> None:
    refit = refit_of(services, proof.model_copy(update={"version": 77}))
    assert why_not(services, refit.version).endswith("and no training of this state root registered it")
    with pytest.raises(NotFoundError, match="no model version 77"):
        services.approvals.proof(SPEC, refit)


def test_a_refit_of_a_refit(services: Services, proof: ModelRef) -> None:
    approve(services, SPEC, proof.version)
    again = refit_of(services, refit_of(services, proof), b"again")
    assert (
        why_not(services, again.version)
        == "it is the refit of version 2, and that is a refit itself, which nobody judged"
    )


def test_two_refits_of_a_proof_may_both_serve_and_are_not_compared_with_each_other(
    services: Services, proof: ModelRef
) -> None:
    """The second one, say, after the first one's version was deleted in MLflow."""
    approve(services, SPEC, proof.version)
    first, second = refit_of(services, proof), refit_of(services, proof, b"after an erasure")
    rollout.promote_release(SPEC, services, release_of(services, first, proof))
    serving = services.serving.champion(SPEC)
    other = services.adapters.releases.get(SPEC.name, release_of(services, second, proof))
    services.approvals.require_release(SPEC, other, serving)
    assert services.approvals.objections(SPEC, [other], serving) == {}


def test_a_release_says_of_which_proof_it_is(services: Services, proof: ModelRef) -> None:
    approve(services, SPEC, proof.version)
    refit = refit_of(services, proof)
    forged = services.adapters.releases.get(SPEC.name, release_of(services, refit, None))
    with pytest.raises(ApprovalError, match="packaged as the refit of None, and version 2"):
        services.approvals.require_release(SPEC, forged, None)


def test_the_verdict_of_the_proof_on_another_champion_moves_no_refit(services: Services, proof: ModelRef) -> None:
    approve(services, SPEC, proof.version)
    rollout.promote_release(SPEC, services, release_of(services, refit_of(services, proof), proof))
    one, two = register(services), register(services)
    for candidate in (one, two):
        approve(services, SPEC, candidate.version)
    refits = {
        candidate.version: refit_of(services, candidate, f"{candidate.version}".encode()) for candidate in (one, two)
    }
    late = release_of(services, refits[two.version], two)
    name = release_of(services, refits[one.version], one)
    rollout.shift_traffic(SPEC, services, name, 1.0, "deploy")
    rollout.promote(SPEC, services, name, "deploy")
    with pytest.raises(
        StaleVerdictError, match=r"version 4 was judged against r0001, and now r0003 \(version 5\) serves"
    ):
        deployment.package_release(SPEC, services, refits[two.version].version)
    overtaken = answering.overtaken(SPEC, services, version=refits[two.version].version)
    assert overtaken is not None
    assert overtaken["version"] == two.version
    with pytest.raises(ApprovalError, match="it is the refit of version 4, and it was withdrawn by a new champion"):
        rollback.restore(SPEC, services, late, "try it", "ada")
    assert deployment.package_release(SPEC, services, refits[one.version].version).name == name  # it serves itself


def test_it_is_no_candidate_and_is_not_evaluated(services: Services, proof: ModelRef) -> None:
    refit = refit_of(services, proof)
    assert approval.trained(services.approvals.history(SPEC)) == [proof.version]
    with pytest.raises(
        EvaluationError, match=r"version 2 of flight_delay is the refit of version 1.* evaluate version 1"
    ):
        retrain_evaluation.evaluate(SPEC, services, refit.version)


def test_it_is_registered_once_and_anew_when_it_names_another_proof(services: Services, proof: ModelRef) -> None:
    refit = refit_of(services, proof)
    about = {"by": "asset_triggered", "people": []}
    services.approvals.register(SPEC, refit, proof=Proof.of(proof), **about)
    assert [e.version for e in services.approvals.history(SPEC)] == [1, 2]
    services.approvals.register(SPEC, refit, **about)  # as a candidate of its own: it needs a verdict
    assert why_not(services, refit.version) == "it has no verdict"
