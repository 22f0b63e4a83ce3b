"""Rollout: the state that the router follows, and its transitions."""

import fcntl
import time
from collections.abc import Callable
from pathlib import Path

from include.contracts import RolloutState, write_atomically
from include.deployment.judgement import judge
from include.errors import ConflictError, DeploymentError, ServiceError
from include.usecase import UseCase

__all__ = ["abort", "confirm", "first", "judge", "promote", "read", "roll_back", "shift", "write"]

LEASE_MARGIN_SECONDS = 120.0


def first(spec: UseCase, release: str) -> RolloutState:
    """Nothing served before: everything to the release."""
    return RolloutState(
        usecase=spec.name,
        generation=1,
        champion=release,
        weights={release: 1.0},
        strategy=spec.rollout.strategy,
        reason="first release",
    )


def shift(state: RolloutState, release: str, share: float, lease_until: float) -> RolloutState:
    """Give ``release`` a share of the traffic, the champion the rest, until the lease ends.

    Raises
    ------
    DeploymentError
        another release is being rolled out, it serves already, or the share is no share.
    """
    if not 0 < share < 1:
        raise DeploymentError(
            f"{state.usecase}: a share of {share:g} for {release} is not between 0 and 1; promote instead"
        )
    if others := set(state.weights) - {state.champion, release}:
        raise DeploymentError(
            f"{state.usecase}: a rollout of {sorted(others)} is under way; wait for it, or run the rollback DAG"
        )
    if release == state.champion:
        raise DeploymentError(f"{state.usecase}: {release} serves already")
    weights = {state.champion: 1 - share, release: share}
    return _next(state, weights=weights, reason=f"{share:.0%} canary of {release}", lease_until=lease_until)


def promote(state: RolloutState, release: str, reason: str = "") -> RolloutState:
    """All traffic to ``release``; it is the champion now."""
    return _next(
        state, champion=release, weights={release: 1.0}, reason=reason or f"{release} promoted", lease_until=None
    )


def abort(state: RolloutState, reason: str) -> RolloutState:
    """All traffic back to the champion."""
    return _next(state, weights={state.champion: 1.0}, reason=reason, lease_until=None)


def roll_back(state: RolloutState, release: str, reason: str) -> RolloutState:
    """All traffic to an earlier ``release``; it is the champion again.

    Raises
    ------
    DeploymentError
        it has all the traffic already.
    """
    if state.weights == {release: 1.0}:
        raise DeploymentError(f"{state.usecase}: {release} has all the traffic already; name an earlier release")
    return promote(state, release, f"rolled back to {release}: {reason}")


def _next(state: RolloutState, **changes: object) -> RolloutState:
    return RolloutState.model_validate(state.model_dump() | changes | {"generation": state.generation + 1})


def read(path: Path) -> RolloutState | None:
    """The state, or None before the first release."""
    return RolloutState.model_validate_json(path.read_text()) if path.is_file() else None


def write(path: Path, state: RolloutState) -> None:
    """Replace the state in one step.

    Raises
    ------
    ConflictError
        somebody else changed the state since it was read.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(".rollout.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        current = read(path)
        found = current.generation if current else 0
        if found != state.generation - 1:
            raise ConflictError(
                f"rollout state of {state.usecase} is at generation {found} ({current.reason if current else 'none'}), "
                f"not {state.generation - 1}: another rollout changed it"
            )
        write_atomically(path, state.model_dump_json(indent=1))


def confirm(served_generation: Callable[[], int | None], generation: int, seconds: float) -> None:
    """Wait until the server reports that it follows the generation; ServiceError when it does not in time."""
    deadline = time.monotonic() + seconds
    while (served := served_generation()) is None or served < generation:
        if time.monotonic() > deadline:
            raise ServiceError(
                f"the model server follows rollout generation {served}, not {generation}, after {seconds:.0f} s"
            )
        time.sleep(0.05)
