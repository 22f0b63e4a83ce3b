"""What serves: the rollout state, the release that it names, and what the model server follows."""

from include.contracts.deployment import ReleaseRef, RolloutState
from include.errors import NotFoundError
from include.services.adapters import Adapters
from include.specification.usecase import UseCase


class Serving:
    """Answers from the rollout state and the model server."""

    def __init__(self, adapters: Adapters) -> None:
        self._adapters = adapters

    def rollout_state(self, spec: UseCase) -> RolloutState | None:
        from include.deployment import rollout

        return rollout.read(self._adapters.state, spec.name)

    def require_rollout_state(self, spec: UseCase) -> RolloutState:
        state = self.rollout_state(spec)
        if state is None:
            raise NotFoundError(f"{spec.name} has no serving release: deploy a release first")
        return state

    def champion(self, spec: UseCase) -> ReleaseRef | None:
        """The release that the rollout state names, or None before the first."""
        state = self.rollout_state(spec)
        return self._adapters.releases.get(spec.name, state.champion) if state else None

    def served_generation(self, spec: UseCase) -> int | None:
        """The rollout generation that every process of the model server follows at least; None when it does not say."""
        return self._adapters.model_server(spec).rollout_generation(spec.name)
