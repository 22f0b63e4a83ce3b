"""Rollout: the state that the router follows, its transitions, and the judgement of a step."""

import fcntl
import time
from collections.abc import Callable
from pathlib import Path

from include.contracts import Judgement, RolloutState, write_atomically
from include.errors import ConflictError, DeploymentError, ServiceError
from include.ports import MetricsServer
from include.usecase import UseCase

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
        another release is being rolled out.
    """
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
        if current is not None and current.generation != state.generation - 1:
            raise ConflictError(
                f"rollout state of {state.usecase} is at generation {current.generation} ({current.reason}), "
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


def judge(spec: UseCase, metrics: MetricsServer, champion: str, challenger: str, seconds: float) -> Judgement:
    """Both arms over the last ``seconds``, from Prometheus, against the spec's abort criteria."""
    arms, limits = (champion, challenger), spec.rollout.abort
    window = f"{max(int(seconds), 3)}s"

    def ask(expression: str) -> dict[str, float]:
        found = {labels.get("release", ""): value for labels, value in metrics.query(expression)}
        return {arm: found.get(arm, 0.0) for arm in arms}

    def rows(metric: str, more: str = "") -> str:
        return f'sum by (release) (increase({metric}{{usecase="{spec.name}"{more}}}[{window}]))'

    answered, failed = (
        ask(rows("moebius_requests_total", ',outcome="ok"')),
        ask(rows("moebius_requests_total", ',outcome="error"')),
    )
    buckets = f'sum by (release, le) (increase(moebius_latency_seconds_bucket{{usecase="{spec.name}"}}[{window}]))'
    p99 = {arm: value * 1000 for arm, value in ask(f"histogram_quantile(0.99, {buckets})").items()}
    totals = ask(rows("moebius_probability_total"))
    requests = {arm: answered[arm] + failed[arm] for arm in arms}
    errors = {arm: failed[arm] / requests[arm] if requests[arm] else 0.0 for arm in arms}
    mean = {arm: totals[arm] / answered[arm] if answered[arm] else 0.0 for arm in arms}
    faults = [
        f"{challenger} fails {errors[challenger]:.2%} of its requests, allowed {limits.max_error_rate:.2%}"
        if errors[challenger] > limits.max_error_rate
        else "",
        f"p99 of {challenger} is {p99[challenger]:.1f} ms, allowed {limits.max_p99_ms:g} ms"
        if p99[challenger] > limits.max_p99_ms
        else "",
        f"mean probability of {challenger} is {mean[challenger]:.3f}, of {champion} {mean[champion]:.3f}: "
        f"further apart than {limits.max_prediction_shift:g}"
        if abs(mean[challenger] - mean[champion]) > limits.max_prediction_shift and requests[champion]
        else "",
    ]
    found = [fault for fault in faults if fault]
    enough = requests[challenger] >= spec.rollout.min_requests
    return Judgement(
        enough=enough,
        passed=enough and not found,
        reason=_words(challenger, requests[challenger], spec.rollout.min_requests, p99[challenger], found),
        requests=requests,
        error_rate=errors,
        p99_ms=p99,
        mean_probability=mean,
    )


def _words(challenger: str, requests: float, wanted: int, p99: float, faults: list[str]) -> str:
    if faults:
        return "; ".join(faults)
    if requests < wanted:
        return f"{challenger} had {requests:.0f} requests, {wanted} are needed to judge"
    return f"{challenger} answered {requests:.0f} requests without a breach, p99 {p99:.1f} ms"
