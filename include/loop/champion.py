"""The model that really serves: what the server follows and what lies on disk, not what an alias says."""

from pathlib import Path

from include.contracts.deployment import ReleaseRef
from include.contracts.development import ModelRef
from include.deployment import release
from include.errors import EvaluationError
from include.services.composition import Services
from include.specification.usecase import UseCase


def champion_model(spec: UseCase, services: Services) -> ModelRef | None:
    """The registered version behind the serving release; None before the first release.

    Raises
    ------
    DeploymentError
        a file of the release was changed.
    EvaluationError
        the server follows another rollout state than the one on disk, or the release was packaged from another model
        than the registered version.
    """
    state, serving = services.serving.rollout_state(spec), services.serving.champion(spec)
    if state is None or serving is None:
        return None
    release.verify(Path(serving.path))
    served = services.serving.served_generation(spec)
    if served != state.generation:
        raise EvaluationError(
            f"alarm: the model server follows rollout generation {served}, the record says {state.generation} "
            f"({state.champion}); `make status`, then restart the server or run {spec.name}.rollback"
        )
    model = services.adapters.tracker.model(spec.name, serving.model_version)
    _require_same(spec, serving, model)
    return model


def _require_same(spec: UseCase, serving: ReleaseRef, model: ModelRef) -> None:
    """The release's own manifest, which its files are sealed with, names the version and the hash of its artifact."""
    packaged = release.manifest(Path(serving.path))
    said = (packaged["usecase"], packaged["model_version"], packaged.get("model_hash"))
    if said != (spec.name, model.version, model.artifact_hash):
        raise EvaluationError(
            f"alarm: release {serving.name}, the serving one, was packaged from {said[0]} version {said[1]} (artifact "
            f"{str(said[2])[:12]}), the registry has version {model.version} (artifact {model.artifact_hash[:12]}); "
            f"find out who changed either, then package the version again or run {spec.name}.rollback"
        )
