"""Puts an earlier release back (model, features and baseline together), or ends the rollout in progress."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from include.contracts.deployment import ReleaseRef, RolloutEvent
from include.contracts.evaluation import Interval
from include.deployment import release, rollback_form, rollout
from include.deployment.rollback_form import Choice
from include.errors import ApprovalError, DeploymentError, NotFoundError
from include.loop.rollout import end_rollout, promote_release
from include.services.composition import Services
from include.specification.usecase import UseCase

PREVIOUS = "previous"


def choices(spec: UseCase, services: Services) -> list[Choice]:
    """Every release with its figures, oldest first; raises NotFoundError when nothing serves."""
    state, metric = services.serving.require_rollout_state(spec), spec.metrics.primary
    events = services.records.rollout_events(spec, event=[*rollback_form.SERVING])
    figures = services.records.history(spec, metric, rollback_form.GAIN)
    releases = services.adapters.releases.all(spec.name)
    barred = objections(spec, services, releases, events)
    return [
        Choice(
            name=one.name, model_version=one.model_version, serves=one.name == state.champion,
            test=_test_figure(one, metric), served=rollback_form.served(figures, one.name, metric),
            spans=rollback_form.spans(events, one.name), barred=barred.get(one.name, ""),
            proof=release.shown_proof(Path(one.path)), gain=rollback_form.gain(figures, one.name),
        )
        for one in releases
    ]  # fmt: skip


def _test_figure(one: ReleaseRef, metric: str) -> Interval | None:
    """What the model reached on the new test set of its evaluation: cell D, as it is in the release's baseline."""
    try:
        known = release.document(Path(one.path), "baseline.json").get("metrics", {}).get(metric)
    except DeploymentError:  # its files were changed: `restore` says so when it is chosen
        return None
    return Interval.model_validate(known) if known else None


def objections(
    spec: UseCase, services: Services, releases: Sequence[ReleaseRef], events: Sequence[RolloutEvent]
) -> dict[str, str]:
    """Name → why a release may not be put back; former champions and approved releases are not among them.

    A former champion is one that the rollout record says took all of the traffic; its name alone proves nothing.
    """
    serving = services.serving.champion(spec)
    return services.approvals.objections(spec, [one for one in releases if not _was_champion(one, events)], serving)


def _was_champion(one: ReleaseRef, events: Sequence[RolloutEvent]) -> bool:
    return any(e.event in rollback_form.SERVING and e.champion == e.release == one.name for e in events)


def require_may_serve(spec: UseCase, services: Services, one: ReleaseRef) -> None:
    """Raises ApprovalError unless the release serves, was the champion, or is approved."""
    state = services.serving.rollout_state(spec)
    events = services.records.rollout_events(spec, event=[*rollback_form.SERVING])
    serves = state is not None and state.champion == one.name
    if not serves and (why := objections(spec, services, [one], events).get(one.name)):
        raise ApprovalError(f"{one.name} was never the champion of {spec.name}, so it needs an approval: {why}")


def previous(spec: UseCase, services: Services, champion: str) -> ReleaseRef | None:
    """The newest former champion before this one: what was aborted is never taken unless somebody names it."""
    events = services.records.rollout_events(spec, event=[*rollback_form.SERVING])
    earlier = (r for r in services.adapters.releases.all(spec.name) if rollout.is_forward(r.name, champion))
    return next((one for one in reversed(list(earlier)) if _was_champion(one, events)), None)


def question(spec: UseCase, services: Services) -> tuple[list[str], str]:
    """Names to choose from, newest first, and the form's text: what may not be put back is listed, not offered.

    Raises NotFoundError when nothing serves, or no other release may be put back.
    """
    known = choices(spec, services)
    others = [one.name for one in reversed(known) if not one.serves and not one.barred]
    champion = services.serving.require_rollout_state(spec).champion
    if not others:
        barred = "".join(f"; {one.name} may not be put back: {one.barred}" for one in known if one.barred)
        raise NotFoundError(
            f"{spec.name}: {champion} is the only release that may serve, so there is nothing to roll back to{barred}"
        )
    return others, rollback_form.body(spec.metrics.primary, champion, known)


def chosen(spec: UseCase, services: Services, answer: Mapping[str, Any]) -> str:
    """The release that a person named in the form; raises NotFoundError when it is not offered (any more)."""
    (name,), (offered, _) = answer["chosen_options"], question(spec, services)
    if name not in offered:
        raise NotFoundError(f"{spec.name}: {name} is not among the releases that may be put back: {offered}")
    return str(name)


def rollback_target(spec: UseCase, services: Services, wanted: str | None) -> str:
    """The release to put back: the one named, or (None, ``previous``) the newest former champion before the present.

    Raises
    ------
    NotFoundError
        there is no such release, or none before the champion.
    ApprovalError
        it was never champion and is not approved.
    DeploymentError
        its files were changed.
    """
    state = services.serving.require_rollout_state(spec)
    if wanted and wanted != PREVIOUS:
        target = services.adapters.releases.get(spec.name, wanted)
    elif (earlier := previous(spec, services, state.champion)) is not None:
        target = earlier
    else:
        names = [r.name for r in services.adapters.releases.all(spec.name)]
        raise NotFoundError(f"{spec.name}: no former champion is before {state.champion}; there are {names}")
    require_may_serve(spec, services, target)
    return services.adapters.releases.verified(spec.name, target.name).name


def restore(spec: UseCase, services: Services, wanted: str, reason: str, by: str) -> str:
    """All traffic to the release ``wanted`` or to the ``previous`` one; its name. Errors as the two functions below."""
    release = rollback_target(spec, services, wanted)
    restore_release(spec, services, release, reason, by)
    return release


def restore_release(spec: UseCase, services: Services, name: str, reason: str, by: str = "") -> None:
    """All traffic to the release; a rollout under way is over. Raises DeploymentError when it has it already.

    A release that is newer than the champion is recorded as rolled forward.
    """
    services.adapters.releases.verified(spec.name, name)
    state = services.serving.require_rollout_state(spec)
    forward = rollout.is_forward(state.champion, name) or state.reason.startswith(f"rolled forward to {name}:")
    promote_release(
        spec, services, name, lambda state, release: rollout.roll_back(state, release, reason), by=by,
        what="rolled_forward" if forward else "rolled_back",
    )  # fmt: skip


def abort(spec: UseCase, services: Services, reason: str, by: str = "") -> str:
    """End the rollout that is under way; its tasks notice at once and shift nothing again.

    Raises NotFoundError when no rollout is under way.
    """
    state = services.serving.require_rollout_state(spec)
    words = f"aborted by {by or 'an operator'}: {reason}"
    if state.challenger is None and state.reason != words:  # this one was written, and is repeated to be proved
        raise NotFoundError(
            f"{spec.name}: no rollout is in progress, {state.champion} has all the traffic; to go back to an earlier "
            "release choose the operation `roll_back`"
        )
    return end_rollout(spec, services, words, by)
