"""Moves traffic to a tested release and watches it; each function may be repeated, also after a kill.

Only the rollout state says what a rollout is doing: a repeated task reads it and continues.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from include.contracts import steady
from include.contracts.deployment import Judgement, ReadOut, RolloutState
from include.deployment import ab_readout, events, judgement, rollout, shadow
from include.deployment.release import class_names
from include.errors import ConflictError, NotFoundError, RolloutAbortedError, ServiceError
from include.families.registry import family
from include.families.serving import logged_in_order, logged_scores
from include.operations.windows import maturity
from include.services.composition import Services
from include.specification.usecase import UseCase

Opening = Literal["promotion", "shadow", "ab_test", "shift"]
LOOK_SECONDS = 1.0
BLIND_SECONDS = 60.0
CONFLICTS = 5


def opening(spec: UseCase, services: Services) -> Opening:
    """How the rollout of a release begins: with its promotion when nothing serves yet to compare it with."""
    if services.serving.rollout_state(spec) is None:
        return "promotion"
    strategy = spec.rollout.strategy
    return strategy if strategy in ("shadow", "ab_test") else "shift"


def shift_traffic(
    spec: UseCase,
    services: Services,
    release: str,
    share: float,
    rollout_id: str = "",
    by: str = "",
    opens: bool = True,
    continues: bool = False,
) -> int:
    """Give the release a share of the traffic; returns the generation that the server confirmed.

    The share is a lease: should nobody judge it in time, the router itself gives everything back. A release that a
    server does not follow gets nothing: the champion has everything again before the error is raised. Raises
    ApprovalError unless the release's model is approved, StaleVerdictError when its verdict names another champion.
    """
    before = _open_to(spec, services, release)
    sticky = spec.rollout.sticky_by
    wanted = rollout.shift(
        before, release, share, _lease(spec), rollout=rollout_id, strategy=spec.rollout.strategy, sticky_by=sticky,
        opens=opens, continues=continues,
    )  # fmt: skip
    return _give(spec, services, before, wanted, by).generation


def mirror_traffic(spec: UseCase, services: Services, release: str, rollout_id: str = "", by: str = "") -> int:
    """Copy requests to the release, which never answers; returns the generation that the server confirmed.

    Raises as ``shift_traffic`` does: a shadow sees every request.
    """
    before = _open_to(spec, services, release)
    wanted = rollout.mirror(before, release, spec.rollout.shadow.share, _lease(spec), rollout_id)
    return _give(spec, services, before, wanted, by, "shadowed").generation


def _open_to(spec: UseCase, services: Services, release: str) -> RolloutState:
    """The state, of whose champion the release's verdict is, while a server answers; nothing is changed before."""
    state = services.serving.require_rollout_state(spec)
    _require_approved(spec, services, release, state)
    services.serving.require_server(spec)
    return state


def _require_approved(spec: UseCase, services: Services, release: str, state: RolloutState | None) -> None:
    known = services.adapters.releases
    serving = known.get(spec.name, state.champion) if state else None
    services.approvals.require_release(spec, known.verified(spec.name, release), serving)


def _give(
    spec: UseCase,
    services: Services,
    before: RolloutState | None,
    wanted: RolloutState,
    by: str,
    what: str = "shifted",
    *,
    stands: bool = False,
) -> RolloutState:
    """The state, followed by every server and recorded; errors as ``Serving.switch``, recorded instead."""
    try:
        services.serving.switch(spec, before, wanted, stands=stands)
    except BaseException:
        state = services.serving.rollout_state(spec)
        if state and state.generation == wanted.generation + 1 and state.rollout == wanted.rollout:
            _record(spec, services, state, "interrupted", by, state.reason, wanted.challenger or wanted.champion)
        elif state == wanted and stands:
            _record(spec, services, state, what, by)
        raise
    _record(spec, services, wanted, what, by)
    return wanted


def _record(spec: UseCase, services: Services, state: RolloutState, *about: Any) -> None:
    """Keep what happened at this state; ``about`` as ``events.event`` takes it."""
    events.record(spec, services.adapters.lake, events.event(state, *about))


def _lease(spec: UseCase, seconds: float = 0.0) -> float:
    return max(spec.rollout.max_wait_seconds, seconds) + rollout.LEASE_MARGIN_SECONDS


def judge_rollout(
    spec: UseCase, services: Services, release: str, share: float = 0.0, rollout_id: str = "", by: str = ""
) -> Judgement:
    """Watch the release with its share (0: as a shadow) from the moment it began until there is enough to judge.

    Raises RolloutAbortedError when an abort criterion is breached, too little traffic came within the spec's time (the
    champion has everything again by then), or somebody ended the rollout meanwhile; ConflictError when the traffic was
    taken back because this task stood still, ServiceError when Prometheus did not answer for a minute: the champion has
    everything then, and this task, repeated, gives the share again.
    """
    _resume(spec, services, release, share, rollout_id, by)
    last_reason, seen = "", time.monotonic()
    while True:
        time.sleep(LOOK_SECONDS)
        state = _still_given(services.serving.require_rollout_state(spec), release, rollout_id)
        try:
            found, stands = _look(spec, services, state, release)
        except ServiceError as blind:
            _bear(spec, services, blind, time.monotonic() - seen, rollout_id, by)
            continue
        seen = time.monotonic()
        if found.reason != last_reason:
            print(last_reason := found.reason, flush=True)
        if stands == "go":
            _record(spec, services, state, "judged", by, found.reason, release, found.json_dict())
            return found
        if stands != "wait":
            _break_off(spec, services, found, stands, by)


def _look(spec: UseCase, services: Services, state: RolloutState, release: str) -> tuple[Judgement, str]:
    watched = state.watched
    metrics, full = services.adapters.metrics_server, state.weights.get(release) == 1
    found = (
        shadow.judge(spec, metrics, state.champion, release, watched)
        if state.shadow
        else judgement.judge(spec, metrics, state.champion, release, watched, full)
    )
    return found, judgement.standing(spec, found, watched, full)


def _resume(
    spec: UseCase, services: Services, release: str, share: float, rollout_id: str, by: str, continues: bool = False
) -> None:
    """Give the share again when a task died meanwhile, or nobody watched for longer than the lease.

    It is judged on what it answers from now on, or ``continues`` with what it answered before.
    """
    state = rollout.going_on(services.serving.require_rollout_state(spec), rollout_id)
    if state.outcome != "interrupted" and not state.lapsed:
        return
    services.adapters.metrics_server.query("1")  # nothing is given that nobody could watch
    if share:
        shift_traffic(spec, services, release, share, rollout_id, by, opens=False, continues=continues)
    else:
        mirror_traffic(spec, services, release, rollout_id, by)


def _bear(spec: UseCase, services: Services, blind: ServiceError, seconds: float, rollout_id: str, by: str) -> None:
    """Wait for what cannot be seen now; after too many ``seconds`` all traffic goes back, and the error is raised."""
    print(f"not seen for {seconds:.0f} s: {blind}", flush=True)
    if seconds > BLIND_SECONDS:
        end_rollout(spec, services, f"nobody could watch: {blind}", by, "interrupted", rollout_id=rollout_id)
        raise blind


def _still_given(state: RolloutState, release: str, rollout_id: str) -> RolloutState:
    """The state while the release has what it was given; errors as ``judge_rollout``."""
    rollout.going_on(state, rollout_id)
    if state.challenger != release or state.lapsed:
        raise ConflictError(
            f"{state.usecase}: {release} has no traffic any more ({state.reason}): nobody watched it for longer than "
            "its lease, or a task of the rollout failed; clear this task to give the share again"
        )
    return state


def _break_off(spec: UseCase, services: Services, found: Judgement, stands: str, by: str) -> None:
    """All traffic back at once, not when the next task comes."""
    words = found.reason if stands == "breached" else f"not judged: {found.reason}"
    end_rollout(spec, services, f"aborted: {words}", by, figures=found.json_dict())
    raise RolloutAbortedError(f"{words}. The champion keeps serving")


def look_at_ab_test(
    spec: UseCase, services: Services, release: str, rollout_id: str = "", by: str = ""
) -> ReadOut | None:
    """One look: the abort criteria, a new lease, and the read-out; None while the test goes on.

    Raises RolloutAbortedError when an abort criterion is breached, or somebody ended the test.
    """
    _resume(spec, services, release, spec.rollout.ab_test.share, rollout_id, by, continues=True)
    state = _still_given(services.serving.require_rollout_state(spec), release, rollout_id)
    found, _ = _look(spec, services, state, release)
    if found.enough and found.breaches:
        _break_off(spec, services, found, "breached", by)
    result = read_out(spec, services, state, release)
    print(result.reason, flush=True)
    if result.decision != "wait":
        _record(spec, services, state, "judged", by, result.reason, release, result.json_dict())
        return result
    lease = _lease(spec, 3 * spec.rollout.ab_test.look_seconds)
    rollout.write(services.adapters.state, rollout.renew(state, lease))
    return None


def read_out(spec: UseCase, services: Services, state: RolloutState, challenger: str) -> ReadOut:
    """How an A/B test stands: rows that were answered since the split began and whose label is due and known, each
    arm's latest per event.

    Its hours are those of a clock that nobody sets; what was answered since is told by the wall clock of the answers.
    """
    begun = state.begun or steady.now()
    answered = services.predictions.since(spec, begun.at, [state.champion, challenger])
    until = services.predictions.truth(spec).until
    due = maturity.due(spec, answered, datetime.now(UTC), until)
    rows = services.predictions.labelled(spec, answered[due])
    waiting = ab_readout.Waiting(not_due=int((~due).sum()), overdue=int(due.sum()) - len(rows))
    scored = rows[["release"]].assign(entity=rows[state.sticky_by or spec.event.id], loss=0.0)
    if len(rows):
        rows = _in_order(spec, services, rows, (state.champion, challenger))
        scored["loss"] = ab_readout.losses(spec, logged_scores(spec, rows), family(spec).truth(spec, rows))
    return ab_readout.read_out(spec, state.champion, challenger, scored, state.watched / 3600, waiting)


def _in_order(spec: UseCase, services: Services, rows: pd.DataFrame, arms: Sequence[str]) -> pd.DataFrame:
    """The rows with the scores of the spec's classes, whatever the order of the classes of each arm."""
    if not spec.event.classes:
        return rows
    homes = {name: Path(services.adapters.releases.get(spec.name, name).path) for name in arms}
    parts = [
        logged_in_order(spec, rows[rows["release"] == name], name, class_names(home)) for name, home in homes.items()
    ]
    return pd.concat(parts).loc[rows.index]


def promote_release(
    spec: UseCase,
    services: Services,
    release: str,
    transition: Callable[[RolloutState, str], RolloutState] = rollout.promote,
    *,
    rollout_id: str = "",
    by: str = "",
    what: Literal["promoted", "rolled_back", "rolled_forward"] = "promoted",
) -> None:
    """All traffic to the release; its model gets the alias ``champion``.

    A run that was killed after it wrote the state finishes here: the server is made to follow in any case. A promotion
    that a server does not follow is taken back; a first release and an order to go back stand, and servers follow them
    when they run again.
    """
    state = services.serving.rollout_state(spec)
    if state is not None and state.weights == {release: 1.0} and not state.shadow:
        services.serving.follow(spec, state)
        _record(spec, services, state, what, by)
    else:
        wanted = transition(state, release) if state else rollout.first(spec, release, rollout_id)
        _give(spec, services, state, wanted, by, what, stands=what != "promoted")
    _display(spec, services, release)


def _display(spec: UseCase, services: Services, release: str) -> None:
    """What MLflow shows of the champion; a version that somebody deleted there serves all the same."""
    tracker, version = services.adapters.tracker, services.adapters.releases.get(spec.name, release).model_version
    stamp = {"released_as": release, "serving_since": datetime.now(UTC).isoformat(timespec="seconds")}
    try:
        tracker.set_alias(spec.name, "champion", version)
        tracker.tag(spec.name, version, stamp)
    except NotFoundError as error:
        print(f"{release} serves, but MLflow cannot show it: {error}", flush=True)


def promote(spec: UseCase, services: Services, release: str, rollout_id: str = "", by: str = "") -> None:
    """The watched release becomes the champion.

    Raises ApprovalError when it is not approved (any more), StaleVerdictError when its verdict names another champion,
    RolloutAbortedError when somebody ended its rollout.
    """
    _require_approved(spec, services, release, services.serving.rollout_state(spec))
    services.serving.require_server(spec)
    transition = partial(rollout.promote, rollout=rollout_id)
    promote_release(spec, services, release, transition, rollout_id=rollout_id, by=by)


def end_rollout(
    spec: UseCase,
    services: Services,
    reason: str,
    by: str = "",
    outcome: Any = "aborted",
    figures: dict[str, Any] | None = None,
    rollout_id: str = "",
) -> str:
    """All traffic back to the champion; with ``rollout_id`` only when that rollout is the one under way.

    What was written stands also when no server answers: ServiceError then, and the repeated call has it proved.
    """
    for _ in range(CONFLICTS):
        state = services.serving.rollout_state(spec)
        if state is None or state.challenger is None or (rollout_id and state.rollout != rollout_id):
            return _nothing_to_end(spec, services, state, rollout_id, by)
        ended = rollout.abort(state, reason, outcome)
        try:
            rollout.write(services.adapters.state, ended)
        except ConflictError:  # a watcher renewed its lease in this moment
            continue
        _record(spec, services, ended, outcome, by, reason, state.challenger, figures)
        services.serving.follow(spec, ended)
        return f"all traffic is back on {ended.champion}: {reason}"
    raise ConflictError(f"{spec.name}: the rollout state changed {CONFLICTS} times during its end; try again")


def _nothing_to_end(spec: UseCase, services: Services, state: RolloutState | None, rollout_id: str, by: str) -> str:
    """In words, after the servers' word that they follow it; a promotion that died before its record is recorded."""
    if state is None:
        return "nothing serves yet; nothing to take back"
    services.serving.follow(spec, state)
    if state.outcome == "promoted" and rollout_id and state.rollout == rollout_id:
        _record(spec, services, state, "promoted", by)
        _display(spec, services, state.champion)
        return f"{state.champion} was promoted before; nothing to take back"
    return f"no rollout is under way; nothing to take back: every server follows {state.champion}"


def end_lapsed(spec: UseCase, services: Services) -> str:
    """End a rollout that nobody watched for longer than its lease: what is written is what routers do by then.

    Its tasks may go on with it. Returns what was done, in words; '' for nothing.
    """
    state = services.serving.rollout_state(spec)
    if state is None or state.challenger is None or not state.lapsed:
        return ""
    reason = f"nobody watched it for longer than its lease of {state.lease.seconds if state.lease else 0:.0f} s"
    ended = rollout.abort(state, reason, "interrupted")
    rollout.write(services.adapters.state, ended)
    _record(spec, services, ended, "interrupted", "the keeper", reason, state.challenger)
    return f"{spec.name}: all traffic is back on {ended.champion}, not on {state.challenger}: {reason}"


def keep_champion(spec: UseCase, services: Services, reason: str, rollout_id: str = "", by: str = "") -> str:
    """The read-out says that the champion stays: the rollout ends well, without a promotion."""
    return end_rollout(spec, services, reason, by, "kept", rollout_id=rollout_id)


def watch(spec: UseCase, services: Services) -> dict[str, Any]:
    """What an operator sees of a rollout under way: ``state``, seconds ``watched``, ``judgement``, ``read_out``.

    {} when none is. Raises ServiceError when Prometheus does not answer.
    """
    state = services.serving.rollout_state(spec)
    if state is None or state.challenger is None:
        return {}
    found, stands = _look(spec, services, state, state.challenger)
    result = read_out(spec, services, state, state.challenger) if state.strategy == "ab_test" else None
    return {"state": state, "watched": state.watched, "stands": stands, "judgement": found, "read_out": result}
