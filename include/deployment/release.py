"""A release directory: its manifest contains the hash of every file, so a changed file is noticed before it serves."""

import hashlib
import json
from pathlib import Path
from typing import Any

from include.contracts.deployment import ReleaseRef
from include.contracts.development import ModelRef
from include.deployment import pipeline
from include.errors import DeploymentError, EvaluationError

MANIFEST = "release.json"
SERVING = Path(__file__).resolve().parents[2] / "triton_models" / "pipeline" / "1"


def seal(directory: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest with the SHA-256 of every file that is there."""
    inside = (p for p in sorted(directory.rglob("*")) if p.is_file() and p.name != MANIFEST)
    files = {p.relative_to(directory).as_posix(): _sha256(p) for p in inside}
    (directory / MANIFEST).write_text(json.dumps({**manifest, "files": files}, indent=1))


def code_hash(directory: Path) -> str:
    """SHA-256 of the code that answers: the serving code of this installation and the release's ``request.py``."""
    own = directory / "request.py"
    files = [*sorted(SERVING.glob("*.py")), *pipeline.SHARED, *([own] if own.is_file() else [])]
    return hashlib.sha256("".join(f"{p.name}:{_sha256(p)}\n" for p in files).encode()).hexdigest()


def manifest(directory: Path) -> dict[str, Any]:
    return json.loads((directory / MANIFEST).read_text())


def verify(directory: Path) -> None:
    """Raises DeploymentError when a file lacks or was changed since packaging."""
    for name, expected in manifest(directory)["files"].items():
        path = directory / name
        if not path.is_file():
            raise DeploymentError(
                f"release {directory} lacks {name}; package the version again, or serve another release"
            )
        if (digest := _sha256(path)) != expected:
            raise DeploymentError(
                f"{path} was changed after packaging (sha256 {digest[:12]}, not {expected[:12]}): it will not serve; "
                "package the model version again, or serve another release"
            )


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


def document(directory: Path, name: str) -> Any:
    """The content of one JSON file of the release, after its hash was checked."""
    path = directory / name
    if not path.is_file():
        raise DeploymentError(f"release {directory} lacks {name}: it was packaged by an earlier version; train again")
    if _sha256(path) != manifest(directory)["files"].get(name):
        raise DeploymentError(f"{path} was changed after packaging; it is not used")
    return json.loads(path.read_text())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
