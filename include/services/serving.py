"""What serves: the rollout state, the release that it names, and the model server that follows it."""

from pathlib import Path

from include.contracts.deployment import ReleaseRef, RolloutState
from include.contracts.development import ModelRef
from include.deployment import pipeline, release, rollout
from include.errors import EvaluationError, NotFoundError
from include.services.adapters import Adapters
from include.services.approvals import Approvals
from include.services.places import Places
from include.settings import ROOT
from include.specification.usecase import UseCase

PIPELINE = ROOT / "triton_models" / "pipeline"


class Serving:
    """Answers from the rollout state and the model server, and makes the server follow a new state."""

    def __init__(self, adapters: Adapters, places: Places, approvals: Approvals) -> None:
        self._adapters, self._places, self._approvals = adapters, places, approvals

    def rollout_state(self, spec: UseCase) -> RolloutState | None:
        return rollout.read(self._adapters.state, spec.name)

    def require_rollout_state(self, spec: UseCase) -> RolloutState:
        if (state := self.rollout_state(spec)) is None:
            raise NotFoundError(f"{spec.name} has no serving release: deploy a release first")
        return state

    def champion(self, spec: UseCase) -> ReleaseRef | None:
        """The release that the rollout state names, or None before the first."""
        state = self.rollout_state(spec)
        return self._adapters.releases.get(spec.name, state.champion) if state else None

    def champion_model(self, spec: UseCase) -> ModelRef | None:
        """The registered version behind the release that really serves; None before the first release.

        Raises DeploymentError when a file of the release was changed; EvaluationError when the server follows another
        rollout state than the one on disk, or the release was packaged from another model than the registered version.
        """
        state, serving = self.rollout_state(spec), self.champion(spec)
        if state is None or serving is None:
            return None
        release.verify(Path(serving.path))
        served = self.served_generation(spec)
        if served != state.generation:
            raise EvaluationError(
                f"alarm: the model server follows rollout generation {served}, the record says {state.generation} "
                f"({state.champion}); `make status`, then restart the server or run {spec.name}.rollback"
            )
        # the record has no champion that was registered before there was one: MLflow's is checked with the release
        known = self._approvals.registered(spec, serving.model_version)
        model = known or self._adapters.tracker.model(spec.name, serving.model_version)
        release.require_model(serving, model)
        return model

    def served_generation(self, spec: UseCase) -> int | None:
        """The rollout generation that every process of the model server follows at least; None when it does not say."""
        return self._adapters.model_server(spec).rollout_generation(spec.name)

    def switch(self, spec: UseCase, state: RolloutState) -> RolloutState:
        """Write the state and wait until the server follows it.

        Raises ConflictError when somebody else changed the state since it was read; ServiceError when the server does
        not follow it in time: a release does not load, or the server is down.
        """
        rollout.write(self._adapters.state, state)
        self.follow(spec, state)
        return state

    def follow(self, spec: UseCase, state: RolloutState) -> None:
        """Wait until the server follows the written state, installing the stable name when it is not there."""
        self._ensure_pipeline(spec)
        timeout = self._adapters.settings.serving_timeout
        rollout.confirm(lambda: self.served_generation(spec), state.generation, timeout)

    def write_pipeline(self, spec: UseCase, directory: Path, pinned: str = "", **other: str) -> None:
        """The model that routes and answers, as a model directory; ``other`` parameters replace the usual ones."""
        pipeline.write(spec, PIPELINE, directory, self._parameters(spec) | other, pinned=pinned)

    def _ensure_pipeline(self, spec: UseCase) -> None:
        server, config = self._adapters.model_server(spec), pipeline.config(spec, self._parameters(spec))
        installed = self._adapters.settings.triton_repository / spec.name / pipeline.CONFIG
        # other settings (another online store, say) reach the server with the next deployment
        if installed.is_file() and installed.read_text() == config and server.model_ready(spec.name):
            return
        with self._places.aside() as aside:
            self.write_pipeline(spec, aside / "model")
            server.install(spec.name, aside / "model")
        server.load(spec.name)

    def _parameters(self, spec: UseCase) -> dict[str, str]:
        settings = self._adapters.settings
        return {
            "releases": str(settings.releases / spec.name),
            "online_store": settings.online_store_url,
            "online_timeout": str(settings.online_timeout),
            "project": settings.feature_project,
            "spool": str(settings.prediction_spool / spec.name),
            "privacy": str(self._places.privacy_state(spec)),
        }
