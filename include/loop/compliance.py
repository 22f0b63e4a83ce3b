"""Writes the evidence bundle of a release: JSON, HTML, PDF, copies of the evidence, and a signed manifest."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.contracts.compliance import Bundle, BundleFile, BundleManifest
from include.deployment import release as releases
from include.errors import DamagedStateError, NotFoundError, SettingsError
from include.formats.file_proof import sha256
from include.governance.compliance import assembly, law
from include.governance.compliance.facts import EVIDENCE, Facts
from include.ports.signatures import Signature
from include.records.registry import APPROVALS
from include.services import compliance
from include.services.composition import Services
from include.specification.usecase import UseCase

MANIFEST, TREE = "manifest.json", "bundle.json"


def write_bundle(spec: UseCase, services: Services, release: str | None) -> dict[str, Any]:
    """What ``make`` does, asked for by a form: an action of the registry, which audits it."""
    return make(spec, services, release)


def make(spec: UseCase, services: Services, release: str | None, out: Path | None = None) -> dict[str, Any]:
    """Write the bundle of a release, by default of the one that serves, below ``<home>/compliance``.

    A bundle with the same content that is there already stays, with its time. ``out``: a new directory for a copy.
    Returns ``{"bundle", "new", "items", "missing"}``.

    Raises
    ------
    NotFoundError
        there is no such release, or none was named and none serves.
    DamagedReleaseError, DeploymentError
        the release, or the record of approvals, was altered: it is no evidence.
    SettingsError
        this process has no key to sign with, or ``out`` is there already.
    """
    if out is not None and out.exists():
        raise SettingsError(f"{out} exists already; name a new directory")
    ref = services.adapters.releases.get(spec.name, release or services.serving.require_rollout_state(spec).champion)
    facts = compliance.gather(spec, services, ref)
    made_at = datetime.now(UTC)
    bundle = assembly.bundle(facts, law.laws(), services.settings.environment, made_at)
    earlier = _same(spec, services, bundle)
    place = earlier or _place(spec, services, bundle)
    if not earlier:
        with services.places.aside() as aside:
            _write(spec, services, facts, bundle, aside / "bundle")
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            (aside / "bundle").rename(place)
    if out is not None:
        _copy(place, out)
    missing = [f"{item.key}: {gap.because}" for item in bundle.items for gap in item.gaps]
    return {"bundle": str(place), "new": not earlier, "items": bundle.counts, "missing": missing}


def _place(spec: UseCase, services: Services, bundle: Bundle) -> Path:
    return services.settings.compliance / spec.name / f"{bundle.release}-{bundle.made_at:%Y%m%dT%H%M%S.%fZ}"


def _same(spec: UseCase, services: Services, bundle: Bundle) -> Path | None:
    """The newest bundle of the release, when it has this content and is as it was signed."""
    known = sorted((services.settings.compliance / spec.name).glob(f"{bundle.release}-*/{MANIFEST}"))
    if not known or verify(services, known[-1].parent):
        return None
    return known[-1].parent if manifest(known[-1].parent).content == bundle.content else None


def _write(spec: UseCase, services: Services, facts: Facts, bundle: Bundle, directory: Path) -> None:
    """Every file of the bundle, for its owner alone, and the signed manifest last."""
    from include.governance.compliance.page import page
    from include.governance.compliance.pdf import pdf

    directory.mkdir(mode=0o700)
    contents = {
        TREE: bundle.model_dump_json(indent=1).encode(),
        "bundle.html": page(bundle).encode(),
        "bundle.pdf": pdf(bundle),
    }
    contents |= {f"{EVIDENCE}/{name}": content for name, content in _copies(spec, services, facts)}
    for name, content in contents.items():
        _put(directory / name, content)
    files = {n: BundleFile(sha256=hashlib.sha256(c).hexdigest(), bytes=len(c)) for n, c in sorted(contents.items())}
    about = {name: getattr(bundle, name) for name in ("usecase", "release", "made_at", "content")}
    unsigned = BundleManifest(**about, files=files)
    signature = services.adapters.signatures.sign(unsigned.signed)
    signed = unsigned.model_copy(update={"signature": signature.value, "key": signature.key})
    _put(directory / MANIFEST, signed.model_dump_json(indent=1).encode())


def _put(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(content)


def _copies(spec: UseCase, services: Services, facts: Facts) -> Iterator[tuple[str, bytes]]:
    for kept in [*facts.documents.values(), *facts.sheets.values(), *facts.authored.values()]:
        if kept.copy:
            yield kept.copy, kept.text.encode()
    yield "release.json", (Path(facts.release.path) / releases.MANIFEST).read_bytes()
    numbers = [entry.sequence for entry in facts.entries]
    rows = APPROVALS.read(spec.name, services.adapters.lake, sequence=numbers) if numbers else []
    signed = [{"content": row.content, "signature": row.signature, "key": row.key} for row in rows]
    yield "approvals.json", json.dumps(signed, indent=1, ensure_ascii=False).encode()


def _copy(place: Path, out: Path) -> None:
    """The files are for their owner alone there, too."""
    out.mkdir(parents=True, mode=0o700)
    for file in (file for file in place.rglob("*") if file.is_file()):
        _put(out / file.relative_to(place), file.read_bytes())


# -- proof of a bundle
def manifest(directory: Path) -> BundleManifest:
    """Raises NotFoundError, DamagedStateError."""
    file = directory / MANIFEST
    if not file.is_file():
        raise NotFoundError(f"{directory} is no evidence bundle: it has no {MANIFEST}")
    return BundleManifest.read_back(file.read_text(errors="replace"), file)


def verify(services: Services, directory: Path) -> list[str]:
    """What is not as it was signed, one line each; [] when all is. Raises as ``manifest``."""
    try:
        kept = manifest(directory)
    except DamagedStateError as error:
        return [str(error)]
    there = {file.relative_to(directory).as_posix() for file in directory.rglob("*") if file.is_file()} - {MANIFEST}
    faults = [f"{name} is not in the manifest" for name in sorted(there - set(kept.files))]
    for name, file in kept.files.items():
        if name not in there:
            faults.append(f"{name} is gone")
        elif (found := sha256(directory / name)) != file.sha256:
            faults.append(f"{name} was altered: SHA-256 {found[:12]}, not {file.sha256[:12]}")
    if not services.adapters.signatures.verifier()(kept.signed, Signature(kept.signature, kept.key)):
        faults.append(f"{MANIFEST} was altered, or signed by a key {kept.key} that this state root does not trust")
    return faults
