"""What serves: the rollout state, the release that it names, and the model server that follows it."""

import time
from pathlib import Path

from include.contracts.deployment import ReleaseRef, RolloutState
from include.contracts.development import ModelRef
from include.deployment import pipeline, release, rollout
from include.errors import EvaluationError, MoebiusError, NotFoundError, ServiceError
from include.ports.serving import ModelServer
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
        self._adapters.releases.verified(spec.name, serving.name)
        timeout = self._adapters.settings.serving_timeout
        served = rollout.told(lambda: self.served_generation(spec), state.generation, timeout)
        if served != state.generation:
            raise EvaluationError(
                f"alarm: the model server follows rollout generation {served}, the record says {state.generation} "
                f"({state.champion}); `make status`, then restart the server or run {spec.name}.rollback"
            )
        model = self.registered(spec, serving)
        release.require_model(serving, model)
        release.require_store(serving, self._adapters.tracker.store)
        return model

    def registered(self, spec: UseCase, packaged: ReleaseRef) -> ModelRef:
        """The version that a release was packaged from.

        The record has none that was registered before there was a record: MLflow's is checked with the release.
        """
        known = self._approvals.registered(spec, packaged.model_version)
        return known or self._adapters.tracker.model(spec.name, packaged.model_version)

    def served_generation(self, spec: UseCase) -> int | None:
        """The rollout generation that every process of every server that runs follows at least.

        None when one of them does not say, or none runs. A server that does not run answers nobody, and reads the state
        when it starts.
        """
        generations = [one.rollout_generation(spec.name) for one in self._running()]
        known = [generation for generation in generations if generation is not None]
        return min(known) if known and len(known) == len(generations) else None

    def require_server(self, spec: UseCase) -> None:
        """Wait for a server that answers; raises ServiceError when none does in time: nothing was changed then."""
        deadline = time.monotonic() + self._adapters.settings.serving_timeout
        while not any(one.ready() for one in self._running()):
            if time.monotonic() > deadline:
                raise ServiceError(f"{spec.name}: no model server answers, so no traffic was moved; see `make status`")
            time.sleep(0.05)

    def switch(
        self, spec: UseCase, before: RolloutState | None, wanted: RolloutState, *, stands: bool = False
    ) -> RolloutState:
        """Write the state and wait until every server that runs says that it follows it.

        When one does not, the champion of ``before`` has everything again, and the error is raised. What ``stands`` is
        an order to go back: while no server runs it stays written, and the first one that starts follows it.

        Raises
        ------
        ConflictError
            somebody else changed the state since it was read: nothing was written.
        ServiceError
            a server did not follow in time: a release does not load, or the server hangs or is away.
        DeploymentError
            a server refused to load the serving code.
        """
        rollout.write(self._adapters.state, wanted)
        try:
            self.follow(spec, wanted)
        except BaseException as error:  # a time-out and a signal, too: nobody watches what is left here
            if before is not None and not (stands and not self._running()):
                self._take_back(spec, before, wanted, error)
            raise
        return wanted

    def _take_back(self, spec: UseCase, before: RolloutState, wanted: RolloutState, error: BaseException) -> None:
        """The state of before, proved by the servers' word; raises ServiceError when they do not give it."""
        what = f"the server did not follow: {type(error).__name__}: {error}"
        back = rollout.take_back(before, wanted, what)
        rollout.write(self._adapters.state, back)
        if not isinstance(error, MoebiusError):
            return
        try:
            self.confirm(spec, back)
        except ServiceError as silent:
            raise ServiceError(
                f"{error}; all traffic is written back to {back.champion}, and no server confirms it yet ({silent}): "
                "a server follows what is written as soon as it answers"
            ) from error
        print(f"{what}; all traffic is back on {back.champion}, and every server says so", flush=True)

    def end(self, spec: UseCase) -> None:
        """End the service: the stable name leaves every server, and nothing serves. May be repeated.

        Raises ServiceError when a server that runs does not answer; the state stands then.
        """
        for server in self._adapters.model_servers:
            server.remove(spec.name)
        rollout.end(self._adapters.state, spec.name)

    def follow(self, spec: UseCase, state: RolloutState) -> None:
        """Wait until the servers follow the written state, installing the stable name where it is not there."""
        self.require_server(spec)
        self._ensure_pipeline(spec)
        self.confirm(spec, state)

    def confirm(self, spec: UseCase, state: RolloutState) -> None:
        """Raises ServiceError unless every server that runs says in time that it follows the state, or a later one."""
        timeout = self._adapters.settings.serving_timeout
        rollout.confirm(lambda: self.served_generation(spec), state.generation, timeout)

    def _running(self) -> list[ModelServer]:
        return [one for one in self._adapters.model_servers if one.runs()]

    def write_pipeline(self, spec: UseCase, directory: Path, pinned: str = "", **other: str) -> None:
        """The model that routes and answers, as a model directory; ``other`` parameters replace the usual ones."""
        pipeline.write(spec, PIPELINE, directory, self._parameters(spec) | other, pinned=pinned)

    def _ensure_pipeline(self, spec: UseCase) -> None:
        servers, config = self._running(), pipeline.config(spec, self._parameters(spec))
        installed = self._adapters.settings.triton_repository / spec.name / pipeline.CONFIG
        # other settings (another online store, say) and other code reach the server with the next deployment
        same = installed.is_file() and installed.read_text() == config
        lacking = [one for one in servers if not (same and one.model_ready(spec.name))]
        if not lacking:
            return
        with self._places.aside() as aside:
            self.write_pipeline(spec, aside / "model")
            lacking[0].install(spec.name, aside / "model")
        for server in lacking:
            server.load(spec.name)

    def _parameters(self, spec: UseCase) -> dict[str, str]:
        settings = self._adapters.settings
        return {
            "releases": settings.served(settings.releases / spec.name),
            "online_store": settings.served_store_url,
            "online_timeout": str(settings.online_timeout),
            "project": settings.feature_project,
            "spool": settings.served(settings.prediction_spool / spec.name),
            "privacy": settings.served(self._places.privacy_state(spec)),
            "code": pipeline.code(PIPELINE),
        }
