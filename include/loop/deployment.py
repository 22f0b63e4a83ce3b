"""From an approved model to the release that serves; each function may be repeated."""

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from include.contracts import Judgement, ModelRef, ReleaseRef
from include.deployment import packaging, predeployment, rollout
from include.errors import DeploymentError, NotFoundError, RolloutAbortedError
from include.loop.retrain_evaluation import stored_verdict
from include.operations import drift
from include.services import Services
from include.usecase import UseCase


def package_release(spec: UseCase, services: Services, version: int | str | None) -> ReleaseRef:
    """Package an approved version; a version that has a release already is not packaged again.

    Raises
    ------
    NotFoundError
        no version was named and none is approved.
    DeploymentError
        it has no approval for its verdict, or the ONNX model answers differently.
    """
    wanted = int(version) if version else services.tracker.alias(spec.name, "challenger")
    if wanted is None:
        raise NotFoundError(f"{spec.name} has no approved model version: name one, or approve a candidate first")
    for release in services.releases.all(spec.name):
        if release.model_version == wanted:
            return release
    model = services.tracker.model(spec.name, wanted)
    _require_approval(spec, services, model)
    return _package(spec, services, model)


def _require_approval(spec: UseCase, services: Services, model: ModelRef) -> None:
    bound = services.tracker.tags(spec.name, model.version).get("approved_verdict")
    if bound != stored_verdict(services, model).digest:
        raise DeploymentError(f"version {model.version} of {spec.name} has no approval of its verdict; approve it first")


def _package(spec: UseCase, services: Services, model: ModelRef) -> ReleaseRef:
    from include.development.trainers import load

    trained = load(spec.trainer.name, services.tracker.load(model))
    rows = pd.read_parquet(model.dataset.test.path)
    probabilities = trained.predict(rows)
    verdict = stored_verdict(services, model)
    metrics = {c.metric: c.figure.json_dict() for c in verdict.cells if c.name == "D"}
    baseline = drift.baseline(spec, rows, probabilities, metrics)
    services.settings.staging.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=services.settings.staging) as aside:
        staging = Path(aside) / "release"
        packaging.package(
            spec,
            model=trained,
            model_version=model.version,
            rows=rows,
            baseline=baseline,
            dataset_name=model.dataset.name,
            staging=staging,
        )
        return services.releases.add(spec.name, staging, model.version)


def test_release(spec: UseCase, services: Services, release: ReleaseRef) -> dict:
    """Load the release privately on the real server, replay real rows, compare, unload."""
    return predeployment.test(spec, release, services.model_server(spec))


def shift_traffic(spec: UseCase, services: Services, release: str, share: float) -> int:
    """Give the release a share of the traffic; returns the generation that the server confirmed."""
    state = services.require_rollout_state(spec)
    return _switch(spec, services, rollout.shift(state, release, share))


def judge_rollout(spec: UseCase, services: Services, release: str) -> Judgement:
    """Watch both arms until there is enough to judge.

    Raises
    ------
    RolloutAbortedError
        an abort criterion is breached, or too little traffic came within the spec's time.
    """
    state, limits, begun = services.require_rollout_state(spec), spec.rollout, time.monotonic()
    while True:
        watched = time.monotonic() - begun
        if watched >= limits.bake_seconds:
            judgement = rollout.judge(
                spec, services.metrics_server, champion=state.champion, challenger=release, seconds=watched
            )
            if judgement.enough and not judgement.passed:
                raise RolloutAbortedError(judgement.reason)
            if judgement.enough:
                return judgement
            if watched > limits.max_wait_seconds:
                raise RolloutAbortedError(f"not judged: {judgement.reason}. The champion keeps serving")
        time.sleep(1.0)


def promote_release(spec: UseCase, services: Services, release: str) -> None:
    """All traffic to the release; the model gets the alias ``champion``."""
    state = services.rollout_state(spec)
    services.ensure_pipeline(spec)
    following = rollout.first(spec, release) if state is None else rollout.promote(state, release)
    _switch(spec, services, following)
    model_version = services.releases.get(spec.name, release).model_version
    services.tracker.set_alias(spec.name, "champion", model_version)
    stamp = {"released_as": release, "serving_since": datetime.now(UTC).isoformat(timespec="seconds")}
    services.tracker.tag(spec.name, model_version, stamp)


def abort_rollout(spec: UseCase, services: Services) -> str:
    """All traffic back to the champion."""
    state = services.rollout_state(spec)
    if state is None or state.weights == {state.champion: 1.0}:
        return "nothing had been given traffic"
    _switch(spec, services, rollout.abort(state, "a deployment task failed"))
    return f"all traffic is back on {state.champion}"


def _switch(spec: UseCase, services: Services, state: rollout.RolloutState) -> int:
    rollout.write(services.rollout_file(spec), state)
    rollout.confirm(services.metrics_text, spec.name, state.generation, services.settings.serving_timeout)
    return state.generation
