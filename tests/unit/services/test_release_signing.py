"""A release of an earlier version is signed once, by hand, and only as what the record of approvals knows."""

from pathlib import Path

import pytest

from include.contracts.deployment import ENVELOPE
from include.deployment import release
from include.errors import ApprovalError, ConflictError, DamagedReleaseError
from include.loop import rollback, rollout
from include.loop.rollout import promote_release
from include.services.composition import Services
from include.services.release_signing import sign_earlier
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.loop.loop_worlds import SPEC

WHY = "packaged before the upgrade"


def unsigned(services: Services) -> Path:
    """The directory of a release as an earlier version left it."""
    home = Path(services.adapters.releases.get(SPEC.name, packaged(services, SPEC, 1)).path)
    (home / ENVELOPE).unlink()
    (home / "tested.json").write_text("{}")
    return home


def sign(services: Services, reason: str = WHY) -> str:
    return sign_earlier(SPEC, services, "r0001", reason, "ada", "command")


def test_it_is_signed_with_the_reason_and_an_event_and_once(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    unsigned(services)
    with pytest.raises(DamagedReleaseError, match="moebius release sign flight_delay r0001"):
        services.adapters.releases.verified(SPEC.name, "r0001")
    with pytest.raises(ApprovalError, match="give a reason"):
        sign(services, "why not")
    assert "r0001 of flight_delay is signed" in sign(services)
    assert services.adapters.releases.faults(SPEC.name, "r0001") == []
    (seen,) = services.adapters.audit.read()
    assert (seen.action, seen.by, seen.what, seen.reason) == ("sign_release", "ada", "release r0001", WHY)
    with pytest.raises(ConflictError, match="has a signature"):
        sign(services)


def test_what_is_not_the_recorded_model_or_was_changed_is_not_signed(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    home = unsigned(services)
    (home / "baseline.json").write_text("{ }")
    with pytest.raises(DamagedReleaseError, match=r"baseline\.json was changed"):
        sign(services)
    release.seal(home, {"usecase": SPEC.name, "model_version": 1, "model_hash": "1" * 64})
    with pytest.raises(ApprovalError, match="names the artifact 111111111111, and the record of approvals has 0000"):
        sign(services)
    assert not (home / ENVELOPE).exists()


def test_a_release_whose_signature_does_not_hold_gets_no_traffic(tmp_path: Path) -> None:
    services = services_in(tmp_path)
    first = packaged(services, SPEC, 1)
    promote_release(SPEC, services, first)
    second = packaged(services, SPEC, 2)
    home = Path(services.adapters.releases.get(SPEC.name, second).path)
    (home / "baseline.json").write_text("{ }")
    release.seal(home, {k: v for k, v in release.manifest(home).items() if k != "files"})
    for attempt in (rollout.shift_traffic, rollout.promote, rollback.rollback_target):
        with pytest.raises(DamagedReleaseError, match=r"r0002/baseline\.json was changed after packaging"):
            attempt(SPEC, services, second, *([0.5] if attempt is rollout.shift_traffic else []))
    state = services.serving.require_rollout_state(SPEC)
    assert (state.champion, state.weights) == (first, {first: 1.0})
