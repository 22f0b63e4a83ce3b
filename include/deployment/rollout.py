"""Rollout: the state that the router follows, and its transitions."""

import time
from collections.abc import Callable
from typing import Literal

from include.contracts import steady
from include.contracts.deployment import Lease, RolloutState, Shadowing, Strategy, release_number
from include.errors import ConflictError, DeploymentError, RolloutAbortedError, ServiceError
from include.ports.state import ABSENT, StateStore
from include.specification.usecase import UseCase

LEASE_MARGIN_SECONDS = 120.0
WORDS = {"ab_test": "A/B test", "blue_green": "blue/green", "shadow": "rollout", "canary": "canary"}


def first(spec: UseCase, release: str, rollout: str = "") -> RolloutState:
    """Nothing served before: everything to the release."""
    return RolloutState(
        usecase=spec.name, generation=1, champion=release, weights={release: 1.0}, strategy=spec.rollout.strategy,
        reason="first release", rollout=rollout, outcome="promoted", begun=steady.now(),
    )  # fmt: skip


def shift(
    state: RolloutState,
    release: str,
    share: float,
    lease: float,
    *,
    rollout: str = "",
    strategy: Strategy = "canary",
    sticky_by: str | None = None,
    opens: bool = True,
    continues: bool = False,
) -> RolloutState:
    """Give ``release`` a share of the traffic, the champion the rest, for ``lease`` seconds.

    At a share of 1 the champion has none, but stays the champion: what is unclear goes back to it. ``rollout`` names
    the rollout; only its first step ``opens`` it. With ``sticky_by`` a growing share keeps whom it had. Raises
    DeploymentError when another rollout is under way or came in between, the release serves already, or the share is
    no share; RolloutAbortedError when this rollout is over.

    With ``continues`` it is the split that was interrupted: what was answered since its beginning counts.
    """
    if not 0 < share <= 1:
        raise DeploymentError(f"{state.usecase}: a share of {share:g} for {release} must be above 0 and at most 1")
    _require_free(state, release, rollout, opens)
    about = f"all traffic to {release}, watched" if share == 1 else f"{share:.0%} {WORDS[strategy]} of {release}"
    return _next(
        state, weights={state.champion: 1 - share, release: share}, reason=about, lease=_lease(lease),
        strategy=strategy, sticky_by=sticky_by, salt=release if sticky_by else "", rollout=rollout, outcome="running",
        begun=state.begun if continues else steady.now(),
    )  # fmt: skip


def mirror(state: RolloutState, release: str, share: float, lease: float, rollout: str = "") -> RolloutState:
    """Copy a share of the requests to ``release``, which never answers; raises what ``shift`` raises."""
    _require_free(state, release, rollout, opens=True)
    return _next(
        state, weights={state.champion: 1.0}, reason=f"{share:.0%} of the requests copied to {release}",
        lease=_lease(lease), strategy="shadow", shadow=Shadowing(release=release, share=share), rollout=rollout,
        outcome="running",
    )  # fmt: skip


def renew(state: RolloutState, lease: float) -> RolloutState:
    """The watcher lives: the same split, for ``lease`` seconds from now."""
    return state.model_copy(update={"lease": _lease(lease), "generation": state.generation + 1})


def _lease(seconds: float) -> Lease:
    return Lease(seconds=seconds, given=steady.now())


def promote(state: RolloutState, release: str, reason: str = "", rollout: str = "") -> RolloutState:
    """All traffic to ``release``; it is the champion now.

    Raises RolloutAbortedError when the rollout that is named is over, or another came after it.
    """
    if rollout:
        going_on(state, rollout)
    return _ended(state, release, reason or f"{release} promoted", "promoted", rollout=rollout or state.rollout)


def abort(
    state: RolloutState, reason: str, outcome: Literal["aborted", "kept", "interrupted"] = "aborted"
) -> RolloutState:
    """All traffic back to the champion."""
    return _ended(state, state.champion, reason, outcome)


def take_back(before: RolloutState, wanted: RolloutState, reason: str) -> RolloutState:
    """What replaces ``wanted`` when no server proved that it follows it: the champion of ``before`` has everything.

    The rollout is interrupted, so the same one may go on; of an order to roll back nothing is left.
    """
    outcome = "interrupted" if wanted.outcome in ("running", "promoted") else "aborted"
    return _ended(wanted, before.champion, reason, outcome)


def roll_back(state: RolloutState, release: str, reason: str) -> RolloutState:
    """All traffic to another ``release``, earlier or later; it is the champion again, a rollout under way is over.

    Raises DeploymentError when it has all the traffic already.
    """
    if state.weights == {release: 1.0} and state.shadow is None:
        raise DeploymentError(f"{state.usecase}: {release} has all the traffic already; name an earlier release")
    way = "forward" if is_forward(state.champion, release) else "back"
    return _ended(state, release, f"rolled {way} to {release}: {reason}", "aborted")


def is_forward(champion: str, release: str) -> bool:
    """Whether ``release`` was packaged after the champion."""
    return release_number(release) > release_number(champion)


def going_on(state: RolloutState, rollout: str) -> RolloutState:
    """The state; raises RolloutAbortedError when somebody ended this rollout, or another came after it."""
    if state.rollout != rollout:
        raise RolloutAbortedError(
            f"{state.usecase}: the state is of rollout {state.rollout or 'unknown'} ({state.reason}), not of "
            f"{rollout}; no traffic was shifted: start a new deployment"
        )
    if state.outcome in ("aborted", "kept"):
        raise RolloutAbortedError(
            f"{state.usecase}: rollout {rollout} is over: {state.reason}. Its tasks move no more traffic; "
            "to try again, start a new deployment"
        )
    return state


def _require_free(state: RolloutState, release: str, rollout: str, opens: bool) -> None:
    other = state.challenger not in (None, release) or (state.challenger and state.rollout != rollout)
    if other and not state.lapsed:
        raise DeploymentError(
            f"{state.usecase}: a rollout of {state.challenger} is in progress ({state.rollout or 'by hand'}: "
            f"{state.reason}); wait for it, or run the rollback DAG with the operation `abort`"
        )
    if rollout and (state.rollout == rollout or not opens):
        going_on(state, rollout)
    if release == state.champion:
        raise DeploymentError(f"{state.usecase}: {release} serves already")


def _ended(state: RolloutState, champion: str, reason: str, outcome: str, **more: object) -> RolloutState:
    split: dict[str, object] = {"champion": champion, "weights": {champion: 1.0}, "lease": None}
    if outcome == "interrupted":  # the same rollout may go on
        split["begun"] = state.begun
    return _next(state, reason=reason, outcome=outcome, **split, **more)


def _next(state: RolloutState, **changes: object) -> RolloutState:
    """Another split from now on: not sticky and without a shadow, unless ``changes`` say more."""
    plain = {"sticky_by": None, "salt": "", "shadow": None, "begun": steady.now(), "generation": state.generation + 1}
    return RolloutState.model_validate(state.model_dump() | plain | changes)


def _key(usecase: str) -> str:
    """Where the router of the model server reads it: in the directory of the releases."""
    return f"releases/{usecase}/rollout.json"


def end(store: StateStore, usecase: str) -> None:
    """Nothing serves any more: the next release is a first one."""
    store.delete(_key(usecase))


def read(store: StateStore, usecase: str) -> RolloutState | None:
    """The state, or None before the first release."""
    value = store.get(_key(usecase))
    return RolloutState.read_back(value.text, f"{store}/{_key(usecase)}") if value else None


def write(store: StateStore, state: RolloutState) -> None:
    """Replace the state in one step; raises ConflictError when somebody else changed it since it was read."""
    value = store.get(_key(state.usecase))
    current = RolloutState.read_back(value.text, f"{store}/{_key(state.usecase)}") if value else None
    generation, reason = (current.generation, current.reason) if current else (0, "none")
    if generation != state.generation - 1:
        raise ConflictError(
            f"rollout state of {state.usecase} is at generation {generation} ({reason}), "
            f"not {state.generation - 1}: another rollout changed it"
        )
    store.put(_key(state.usecase), state.model_dump_json(indent=1), value.version if value else ABSENT)


def told(served_generation: Callable[[], int | None], generation: int, seconds: float) -> int | None:
    """The generation that the server says it follows, once it is this one at least, or when the time is up."""
    deadline = time.monotonic() + seconds
    while ((served := served_generation()) is None or served < generation) and time.monotonic() < deadline:
        time.sleep(0.05)
    return served


def confirm(served_generation: Callable[[], int | None], generation: int, seconds: float) -> None:
    """Wait until the server reports that it follows the generation; ServiceError when it does not in time."""
    served = told(served_generation, generation, seconds)
    if served is None:
        raise ServiceError(f"no model server says which rollout generation it follows, after {seconds:.0f} s")
    if served < generation:
        raise ServiceError(
            f"the model server follows rollout generation {served}, not {generation}, after {seconds:.0f} s"
        )
