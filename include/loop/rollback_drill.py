"""Measures how long a rollback would take."""

from include.contracts.deployment import ReleaseRef
from include.deployment import drill, events
from include.deployment.drill import Drill
from include.errors import DeploymentError
from include.loop import rollback
from include.loop.deployment import verify_release
from include.services.composition import Services
from include.specification.usecase import UseCase


def pair(spec: UseCase, services: Services) -> tuple[ReleaseRef, ReleaseRef] | None:
    """The champion and the release that a roll back would put back; None without one."""
    champion = services.serving.champion(spec)
    if champion is None:
        return None
    earlier = rollback.previous(spec, services, champion.name)
    return (champion, earlier) if earlier else None


def drill_rollback(spec: UseCase, services: Services, by: str = "") -> Drill | None:
    """Roll back and forward on a private copy of the serving model; None when there is no earlier release.

    Raises DeploymentError or ServiceError when the roll back would: the earlier release was changed, does not load,
    answers differently than its model, or the router does not switch. Its figures are kept as a rollout event.
    """
    known = pair(spec, services)
    if known is None:
        return None
    champion, earlier = known
    services.adapters.releases.verified(spec.name, champion.name)
    verify_release(spec, services, earlier, stores=False)
    measured = _measure(spec, services, champion, earlier)
    _require_answers(measured)
    state = services.serving.require_rollout_state(spec)
    words = f"a roll back to {earlier.name} takes {measured.recovery_seconds:.2f} s"
    event = events.event(state, "drilled", by, words, earlier.name, measured.json_dict())
    events.record(spec, services.adapters.lake, event.model_copy(update={"rollout": ""}))
    return measured


def _measure(spec: UseCase, services: Services, champion: ReleaseRef, earlier: ReleaseRef) -> Drill:
    private, server = drill.private(spec), services.adapters.model_server(spec)
    with services.places.aside() as aside:
        releases = aside / "releases" / private.name
        drill.releases_aside(releases, champion, earlier)
        own = {"releases": services.settings.served(releases), "spool": services.settings.served(aside / "spool")}
        services.serving.write_pipeline(private, aside / "model", **own)
        server.remove(private.name)
        server.install(private.name, aside / "model")
        try:
            server.load(private.name)
            return drill.run(
                private, services.adapters.private_state(aside), champion, earlier, server,
                lambda: server.rollout_generation(private.name), services.settings.serving_timeout,
            )  # fmt: skip
        finally:
            server.remove(private.name)


def _require_answers(measured: Drill) -> None:
    """Raises DeploymentError when no request was answered, so that nothing was proved."""
    if measured.requests == measured.refused:
        raise DeploymentError(
            f"all {measured.requests} requests of the drill were refused ({measured.refusal}): nothing was proved "
            f"about {measured.back_to}; see the model server's log"
        )
