"""Signs a release that an earlier version of Moebius packaged, after what can still be checked of it was checked."""

from datetime import UTC, datetime
from pathlib import Path

from include.contracts.audit import AuditEvent, Via
from include.contracts.deployment import ENVELOPE
from include.deployment import release
from include.errors import ApprovalError, ConflictError
from include.services.composition import Services
from include.specification.usecase import UseCase

LEAST_REASON = 10


def sign_earlier(spec: UseCase, services: Services, name: str, reason: str, by: str, via: Via) -> str:
    """Sign a release that has no signature, with the reason in its signature; in words what was done.

    Raises
    ------
    ConflictError
        it has a signature already: a release is signed once, when it is packaged.
    DamagedReleaseError
        its files are not those of its manifest.
    ApprovalError
        no reason was given, or the manifest names another artifact than the signed record has of its version.
    """
    found = services.adapters.releases.get(spec.name, name)
    if (Path(found.path) / ENVELOPE).exists():
        raise ConflictError(
            f"{name} of {spec.name} has a signature: it is signed once, when it is packaged; "
            f"`moebius release verify {spec.name} {name}` says whether it holds"
        )
    if len(reason.strip()) < LEAST_REASON:
        raise ApprovalError(f"give a reason of {LEAST_REASON} letters or more: it stands in the signature")
    release.verify(Path(found.path))
    _require_recorded(spec, services, found.name, found.model_version)
    event = AuditEvent(
        at=datetime.now(UTC), kind="change", action="sign_release", by=by, via=via, usecase=spec.name,
        what=f"release {name}", reason=reason.strip(),
    )  # fmt: skip
    services.adapters.audit.append([event])
    services.adapters.releases.sign(spec.name, name, f"signed later by {by}: {reason.strip()}")
    return f"{name} of {spec.name} is signed: its files are those of its manifest, and its model is the recorded one"


def _require_recorded(spec: UseCase, services: Services, name: str, version: int) -> None:
    manifest = release.manifest(Path(services.adapters.releases.get(spec.name, name).path))
    model = services.approvals.model(spec, version)
    if (manifest["model_version"], manifest.get("model_hash")) != (version, model.artifact_hash):
        raise ApprovalError(
            f"{name} of {spec.name} names the artifact {str(manifest.get('model_hash'))[:12]}, and the record of "
            f"approvals has {model.artifact_hash[:12]} for version {version}: it is not signed; {release.WAY_OUT}"
        )
