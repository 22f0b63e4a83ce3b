"""A release directory: its manifest contains the hash of every file, so a changed file is noticed before it serves."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from include.contracts.deployment import DAMAGED_RELEASE, ENVELOPE, TEST_ENVELOPE, TEST_REPORT, ReleaseRef
from include.contracts.development import ModelRef, Proof
from include.deployment import pipeline
from include.errors import DamagedReleaseError, DamagedStateError, DeploymentError, EvaluationError
from include.formats import state_file
from include.formats.file_proof import sha256
from include.formats.signed_files import below

MANIFEST = "release.json"
WAY_OUT = DAMAGED_RELEASE
LATER = frozenset({MANIFEST, "model_version", ENVELOPE, TEST_REPORT, TEST_ENVELOPE})
"""Files that are written after the others were hashed."""
SERVING = Path(__file__).resolve().parents[2] / "triton_models" / "pipeline" / "1"


def seal(directory: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest with the SHA-256 of every file that is there."""
    inside = sorted({name for name in below(directory) if not _hidden(name)} - LATER)
    files = {name: sha256(directory / name) for name in inside}
    state_file.write(directory / MANIFEST, json.dumps({**manifest, "files": files}, indent=1))


def code_hash(directory: Path) -> str:
    """SHA-256 of the code that answers: the serving code of this installation and the release's ``request.py``."""
    own = directory / "request.py"
    files = [*sorted(SERVING.glob("*.py")), *pipeline.SHARED, *([own] if own.is_file() else [])]
    return hashlib.sha256("".join(f"{p.name}:{sha256(p)}\n" for p in files).encode()).hexdigest()


def manifest(directory: Path) -> dict[str, Any]:
    """Raises DamagedReleaseError when neither the manifest nor its good copy is as it was sealed."""
    try:
        return dict(json.loads(state_file.read(directory / MANIFEST)))
    except (OSError, DamagedStateError, ValueError, TypeError) as error:
        raise DamagedReleaseError(f"{directory / MANIFEST} is damaged ({error}); {WAY_OUT}") from error


def class_names(directory: Path) -> list[str]:
    """What its classes are called, in the order of its scores; [] where classes have no names."""
    return [*manifest(directory).get("classes", ())]


def verify(directory: Path) -> None:
    """Raises DamagedReleaseError when a file lacks, was changed or was added since packaging.

    Who signed the manifest is not asked here: ``ReleaseStore.verified`` does.
    """
    files = manifest(directory)["files"]
    if added := sorted({name for name in below(directory) if not _hidden(name)} - {*files} - LATER):
        raise DamagedReleaseError(f"{directory / added[0]} was added after packaging: it will not serve; {WAY_OUT}")
    for name, expected in files.items():
        path = directory / name
        if not path.is_file():
            raise DamagedReleaseError(f"release {directory} lacks {name}; {WAY_OUT}")
        if (digest := sha256(path)) != expected:
            hashes = f"sha256 {digest[:12]}, not {expected[:12]}"
            raise DamagedReleaseError(f"{path} was changed after packaging ({hashes}): it will not serve; {WAY_OUT}")


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def proof_fact(model: ModelRef, proof: ModelRef) -> dict[str, Any] | None:
    """Version and artifact of the model that was judged, as the manifest of another one names them; None of itself."""
    return None if model == proof else Proof.of(proof).json_dict()


def shown_proof(directory: Path) -> int | None:
    """The version that was judged, where the release is its refit, for people to read; None of a damaged manifest."""
    try:
        named = manifest(directory).get("proof")
    except DamagedReleaseError:  # whoever uses the release says so
        return None
    return int(named["version"]) if named else None


def is_of(directory: Path, model: ModelRef, proof: ModelRef) -> bool:
    """Whether the release was packaged from this model, as the refit of this proof."""
    packaged = manifest(directory)
    origin = (packaged["model_version"], packaged.get("model_hash"), packaged.get("proof"))
    return origin == (model.version, model.artifact_hash, proof_fact(model, proof))


def require_model(serving: ReleaseRef, model: ModelRef) -> None:
    """Raises EvaluationError unless the release's own manifest, sealed with its files, names this model's artifact."""
    packaged = manifest(Path(serving.path))
    origin = (packaged["usecase"], packaged["model_version"], packaged.get("model_hash"))
    if origin != (model.usecase, model.version, model.artifact_hash):
        raise EvaluationError(
            f"alarm: release {serving.name}, the serving one, was packaged from {origin[0]} version {origin[1]} "
            f"(artifact {str(origin[2])[:12]}), the registry has version {model.version} "
            f"(artifact {model.artifact_hash[:12]}); "
            f"find out who changed either, then package the version again or run {model.usecase}.rollback"
        )


def require_store(serving: ReleaseRef, ask: Callable[[], str]) -> None:
    """Raises EvaluationError when the release was packaged from a model in another store of MLflow."""
    packaged = manifest(Path(serving.path)).get("store")
    if packaged and packaged != (store := ask()):
        raise EvaluationError(
            f"release {serving.name}, the serving one, was packaged from a model in MLflow's store {packaged}, and "
            f"this is {store or 'a store without an id'}: put the database of MLflow back (`moebius doctor`, or your "
            "backup), or train, evaluate and deploy a version of this store"
        )


def document(directory: Path, name: str) -> Any:
    """The content of one JSON file of the release, after its hash was checked."""
    path = directory / name
    if not path.is_file():
        raise DeploymentError(f"release {directory} lacks {name}: it was packaged by an earlier version; train again")
    if sha256(path) != manifest(directory)["files"].get(name):
        raise DamagedReleaseError(f"{path} was changed after packaging; it is not used; {WAY_OUT}")
    return json.loads(path.read_text())
