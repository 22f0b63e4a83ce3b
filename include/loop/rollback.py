"""Put an earlier release back: model, features and baseline together."""

from pathlib import Path

from include.deployment import release, rollout
from include.errors import NotFoundError
from include.loop.deployment import promote_release
from include.services import Services
from include.usecase import UseCase


def rollback_target(spec: UseCase, services: Services, wanted: str | None) -> str:
    """The release to put back: the one named, or the newest before the champion.

    Raises
    ------
    NotFoundError
        there is no such release, or none before the champion.
    DeploymentError
        its files were changed.
    """
    state = services.require_rollout_state(spec)
    names = [r.name for r in services.releases.all(spec.name)]
    for one in services.releases.all(spec.name):
        print(f"{one.name}: model version {one.model_version}{' (serves)' if one.name == state.champion else ''}")
    earlier = [name for name in names if name < state.champion]
    if not wanted and not earlier:
        raise NotFoundError(
            f"{spec.name}: {state.champion} is the first release, there is none before it; there are {names}"
        )
    target = services.releases.get(spec.name, wanted or earlier[-1])
    release.verify(Path(target.path))
    return target.name


def restore_release(spec: UseCase, services: Services, name: str, reason: str) -> None:
    promote_release(spec, services, name, lambda state, release: rollout.roll_back(state, release, reason))
