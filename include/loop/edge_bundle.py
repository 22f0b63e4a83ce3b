"""A release for machines without a server."""

from pathlib import Path
from typing import Any

from include.deployment import edge
from include.errors import NotFoundError
from include.loop.rollback import require_may_serve
from include.services.composition import Services
from include.specification.usecase import UseCase


def make(spec: UseCase, services: Services, release: str | None) -> dict[str, Any]:
    """The edge bundle of a release, by default of the one that serves, as ``edge/<usecase>/<release>.zip``.

    Raises
    ------
    NotFoundError
        there is no such release, or none was named and none serves.
    ApprovalError
        it was never champion and is not approved: a bundle serves where nobody can take it back.
    DeploymentError
        the bundle does not answer as the release does.
    """
    state = services.serving.rollout_state(spec)
    if not release and state is None:
        raise NotFoundError(f"{spec.name} has no serving release: name a release, or deploy a model first")
    ref = services.adapters.releases.verified(spec.name, release or state.champion)  # type: ignore[union-attr]
    require_may_serve(spec, services, ref)
    target = services.settings.edge_bundles / spec.name / f"{ref.name}.zip"
    with services.places.aside() as aside:
        return edge.bundle(Path(ref.path), ref.name, aside / "bundle", target)
