"""The model that really serves: what the server follows and what lies on disk, not what an alias says."""

from pathlib import Path

from include.contracts import ModelRef
from include.deployment import release
from include.errors import EvaluationError
from include.services import Services
from include.usecase import UseCase


def champion_model(spec: UseCase, services: Services) -> ModelRef | None:
    """The registered version behind the serving release; None before the first release.

    Raises
    ------
    DeploymentError
        a file of the release was changed.
    EvaluationError
        the server follows another rollout state than the one on disk.
    """
    state, serving = services.rollout_state(spec), services.champion(spec)
    if state is None or serving is None:
        return None
    release.verify(Path(serving.path))
    served = services.served_generation(spec)
    if served != state.generation:
        raise EvaluationError(
            f"alarm: the model server follows rollout generation {served}, the record says {state.generation} "
            f"({state.champion}); `make status`, then restart the server or run {spec.name}.rollback"
        )
    return services.tracker.model(spec.name, serving.model_version)
