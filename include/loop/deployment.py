"""From an approved model to the release that serves; each function may be repeated."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pandas as pd

from include.contracts.deployment import ReleaseRef, RolloutState
from include.contracts.development import ModelRef
from include.contracts.features import FeatureServiceRef
from include.deployment import events, interface, packaging, pipeline, predeployment, rollout
from include.deployment.release import manifest
from include.development.trainers.trained_model import TrainedModel
from include.errors import DeploymentError, NotFoundError
from include.loop import verdicts
from include.services.composition import Services
from include.settings import ROOT
from include.specification.usecase import UseCase

PIPELINE = ROOT / "triton_models" / "pipeline"


def package_release(spec: UseCase, services: Services, version: int | str | None) -> ReleaseRef:
    """Package an approved version; a version that has a release already is not packaged again.

    Raises
    ------
    NotFoundError
        no version was named and none is approved.
    DeploymentError
        its verdict is not approved, or the ONNX model answers differently.
    """
    wanted = int(version) if version else services.adapters.tracker.alias(spec.name, "challenger")
    if wanted is None:
        raise NotFoundError(f"{spec.name} has no approved model version: name one, or approve a candidate first")
    for release in services.adapters.releases.all(spec.name):
        if release.model_version == wanted:
            return release
    model = services.adapters.tracker.model(spec.name, wanted)
    _require_approval(spec, services, model)
    return _package(spec, services, model)


def _require_approval(spec: UseCase, services: Services, model: ModelRef) -> None:
    bound = services.adapters.tracker.tags(spec.name, model.version).get("approved_verdict")
    if bound != verdicts.of(services, model).digest:
        raise DeploymentError(
            f"version {model.version} of {spec.name} has no approval of its verdict; approve it first"
        )


def _package(spec: UseCase, services: Services, model: ModelRef) -> ReleaseRef:
    from include.operations import drift

    # by what the artifact says, not by the spec, which may name another trainer by now
    trained = TrainedModel.from_bytes(services.adapters.tracker.load(model))
    rows = pd.read_parquet(model.dataset.test.path)
    features = services.adapters.feature_store.keep(spec.feature_service)
    _require_same_features(services, spec, features)
    metrics = {c.metric: c.figure.json_dict() for c in verdicts.of(services, model).cells if c.name == "D"}
    baseline = drift.baseline(spec, rows, trained.predict(rows), metrics)
    with aside_on_disk(services) as aside:
        packaging.package(
            spec,
            model=trained,
            model_version=model.version,
            model_hash=model.artifact_hash,
            dataset=model.dataset,
            features=features,
            rows=rows,
            baseline=baseline,
            staging=aside / "release",
        )
        return services.adapters.releases.add(spec.name, aside / "release", model.version)


def _require_same_features(services: Services, spec: UseCase, features: FeatureServiceRef) -> None:
    """Raises DeploymentError when an earlier release has other definitions under the same feature service's name."""
    for earlier in services.adapters.releases.all(spec.name):
        known = manifest(Path(earlier.path)).get("features") or {"name": "", "definitions": ""}
        if known["name"] == features.name and known["definitions"] != features.definitions:
            raise DeploymentError(
                f"feature service {features.name!r} is not what release {earlier.name} was built with; give the "
                "changed service a new name in feature_repo and usecase.yaml, and train again"
            )


def verify_release(spec: UseCase, services: Services, release: ReleaseRef) -> dict:
    """Load the release privately on the real server, try it, unload; the report is kept with release and version.

    Raises
    ------
    DeploymentError
        it failed a check; see ``predeployment.verify``.
    """

    def write(directory: Path, name: str) -> None:
        pipeline.write(spec, PIPELINE, directory, pipeline_parameters(spec, services), pinned=name)

    server, wire = services.adapters.model_server(spec), services.adapters.kserve
    try:
        with aside_on_disk(services) as aside:
            return predeployment.verify(spec, release, server, wire, write, aside / "model")
    finally:
        wire.close()
        _keep_report(spec, services, release)


def _keep_report(spec: UseCase, services: Services, release: ReleaseRef) -> None:
    """What was packaged, agreed and tried, beside the model version, where people look for it."""
    model = services.adapters.tracker.model(spec.name, release.model_version)
    for name in ("report.json", interface.DOCUMENT, predeployment.REPORT):
        if (file := Path(release.path) / name).is_file():  # nothing was tried of a release that was changed
            services.adapters.tracker.add_document(model, f"releases/{release.name}/{name}", file.read_text())


def promote_release(
    spec: UseCase,
    services: Services,
    release: str,
    transition: Callable[[RolloutState, str], RolloutState] = rollout.promote,
    *,
    rollout_id: str = "",
    by: str = "",
    what: Literal["promoted", "rolled_back"] = "promoted",
) -> None:
    """All traffic to the release; its model gets the alias ``champion``.

    A run that was killed after it wrote the state finishes here: the server is made to follow in any case.
    """
    state = services.serving.rollout_state(spec)
    if state is None:
        state = switch(spec, services, rollout.first(spec, release, rollout_id))
    elif state.weights != {release: 1.0} or state.shadow:
        state = switch(spec, services, transition(state, release))
    else:
        follow(spec, services, state)
    model_version = services.adapters.releases.get(spec.name, release).model_version
    services.adapters.tracker.set_alias(spec.name, "champion", model_version)
    stamp = {"released_as": release, "serving_since": datetime.now(UTC).isoformat(timespec="seconds")}
    services.adapters.tracker.tag(spec.name, model_version, stamp)
    events.record(spec, services.adapters.lake, events.event(state, what, by))


def switch(spec: UseCase, services: Services, state: RolloutState) -> RolloutState:
    """Write the state and wait until the server follows it.

    Raises
    ------
    ConflictError
        somebody else changed the state since it was read.
    ServiceError
        the server does not follow it in time: a release does not load, or the server is down.
    """
    rollout.write(services.adapters.state, state)
    follow(spec, services, state)
    return state


def follow(spec: UseCase, services: Services, state: RolloutState) -> None:
    """Wait until the server follows the written state, installing the stable name when it is not there."""
    _ensure_pipeline(spec, services)
    rollout.confirm(
        lambda: services.serving.served_generation(spec), state.generation, services.settings.serving_timeout
    )


def _ensure_pipeline(spec: UseCase, services: Services) -> None:
    server, parameters = services.adapters.model_server(spec), pipeline_parameters(spec, services)
    installed = services.settings.triton_repository / spec.name / pipeline.CONFIG
    # other settings (another online store, say) reach the server with the next deployment
    if _says(installed, pipeline.config(spec, parameters)) and server.model_ready(spec.name):
        return
    with aside_on_disk(services) as aside:
        pipeline.write(spec, PIPELINE, aside / "model", parameters)
        server.install(spec.name, aside / "model")
    server.load(spec.name)


def _says(file: Path, text: str) -> bool:
    return file.is_file() and file.read_text() == text


def pipeline_parameters(spec: UseCase, services: Services) -> dict[str, str]:
    settings = services.settings
    return {
        "releases": str(settings.releases / spec.name),
        "online_store": settings.online_store_url,
        "online_timeout": str(settings.online_timeout),
        "project": settings.feature_project,
        "spool": str(settings.prediction_spool / spec.name),
        "privacy": str(services.places.privacy_state(spec)),
    }


@contextmanager
def aside_on_disk(services: Services) -> Iterator[Path]:
    """A directory on the state root's disk, so that what is complete can be renamed into place."""
    services.settings.staging.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=services.settings.staging) as directory:
        yield Path(directory)
