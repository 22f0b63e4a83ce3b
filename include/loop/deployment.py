"""From an approved model to the serving release; each function may be repeated."""

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from include.contracts.deployment import ReleaseRef
from include.contracts.development import ModelRef, Proof
from include.contracts.evaluation import Verdict
from include.contracts.features import FeatureServiceRef
from include.deployment import interface, looked_up, packaging, predeployment
from include.deployment.bom import Origin
from include.deployment.looked_up import LookedUp
from include.deployment.release import is_of, manifest, proof_fact
from include.development.datasets.building import as_it_lies
from include.development.datasets.encoded import labelled_part
from include.development.datasets.guarding import require_sound
from include.development.datasets.parts import incomplete_columns, read_part
from include.development.refitting import record
from include.development.trainers.trained_model import TrainedModel
from include.errors import DeploymentError, NotFoundError, PausedError
from include.governance import approval
from include.services import evidence
from include.services.approvals import verdict_of
from include.services.composition import Services
from include.specification.usecase import UseCase


def begin(spec: UseCase, services: Services, version: int | str | None, by_hand: bool = True) -> None:
    """Before anything is done for a version (None: the one that was approved last): it must be approved.

    Raises NotFoundError and ApprovalError as ``package_release``; PausedError when nobody asked for it ``by_hand`` and
    the use case is paused.
    """
    if not by_hand and (pause := services.controls.pause(spec.name)):
        raise PausedError(
            f"{spec.name} is paused by {pause.words}. Nothing is deployed by itself; a person may deploy the version "
            "by the form, with a reason, and the pause ends by the operation `resume` of `control`"
        )
    wanted = approval.to_deploy(services.approvals.history(spec), spec.name, version).version
    require_not_retired(spec, services, wanted)


def require_not_retired(spec: UseCase, services: Services, version: int) -> None:
    """Raises DeploymentError when a release of the version was retired: it neither serves nor comes back."""
    for one in services.adapters.releases.retired(spec.name):
        if one.model_version == version:
            raise DeploymentError(
                f"version {version} of {spec.name} was retired as {one.name} on {one.at:%Y-%m-%d} by {one.by} "
                f"({one.reason}): train again"
            )


def package_release(spec: UseCase, services: Services, version: int | str | None) -> ReleaseRef:
    """Package an approved version; one whose artifact has a release already is not packaged again.

    The signed record says what is approved and which bytes it is; nothing of that is taken from MLflow.

    Raises
    ------
    NotFoundError
        no version was named and none is approved.
    ApprovalError
        its newest verdict is not approved, or its evidence changed since.
    StaleVerdictError
        that verdict names another champion than the one that serves; it is withdrawn.
    DeploymentError
        the ONNX model answers differently, or a release of the version was retired.
    DataError
        the input guard finds a fault in the test part, which would be the monitoring baseline.
    DamagedFileError
        MLflow's artifact, or the training data, are not what was registered.
    """
    wanted = _approved(spec, services, version)
    with services.adapters.locks.hold(f"releases/{spec.name}/packaging-{wanted}"):  # two runs at once: one release
        require_not_retired(spec, services, wanted)
        model = services.approvals.model(spec, wanted)
        proof = services.approvals.proof(spec, model)
        for release in services.adapters.releases.all(spec.name):
            if is_of(Path(release.path), model, proof):
                return release
        judged = approval.newest_verdict(services.approvals.history(spec), version=proof.version)
        return _package(spec, services, model, proof, verdict_of(judged) if judged else None)


def _approved(spec: UseCase, services: Services, version: int | str | None) -> int:
    """The version asked for, else the one that was approved last; errors as ``package_release`` about its verdict."""
    wanted = approval.to_deploy(services.approvals.history(spec), spec.name, version).version
    services.approvals.require_current(spec, wanted, services.serving.champion(spec))
    evidence.require_unchanged(spec, services.adapters, services.approvals.history(spec), wanted)
    return wanted


def _package(
    spec: UseCase, services: Services, model: ModelRef, proof: ModelRef, verdict: Verdict | None
) -> ReleaseRef:
    trained, dataset = _loaded(services, model), as_it_lies(proof.dataset)
    require_sound(spec, services.adapters.lake, dataset)
    rows = labelled_part(spec, dataset, "test")
    features = services.adapters.feature_store.keep(spec.feature_service)
    _require_same_features(services, spec, features)
    base, fitted = services.approvals.recalibrated_from(spec, model), services.approvals.fitted(spec, model)
    baseline = _baseline(spec, services, trained, proof, rows, verdict)
    with services.places.aside() as aside:
        packaging.package(
            spec, model=trained, model_version=model.version, model_hash=model.artifact_hash, dataset=model.dataset,
            features=features, rows=rows, incomplete=incomplete_columns(as_it_lies(fitted.dataset).train),
            baseline=baseline, staging=aside / "release", store=services.adapters.tracker.store(),
            refit_of=proof_fact(model, proof), recalibrated_from=proof_fact(model, base or model),
            origin=_origin(services, model, proof, base, trained.trainer, verdict),
            require_valid_bom=services.adapters.require_valid_bom,
        )  # fmt: skip
        return services.adapters.releases.add(spec.name, aside / "release", model.version)


def _origin(
    services: Services, model: ModelRef, proof: ModelRef, base: ModelRef | None, trainer: str, verdict: Verdict | None
) -> Origin:
    """What the training and the evaluation left, for the bill of materials."""
    lineage = {
        "proof": Proof.of(proof) if proof != model else None,
        "recalibrated": Proof.of(base) if base else None,
        "members": verdict.members if verdict else [],
    }
    try:
        _, fit = record(services.adapters.tracker, model)
    except NotFoundError as error:
        return Origin(trainer=trainer, verdict=verdict, why_no_training=str(error), **lineage)
    costs = {stage: one.json_dict() for stage, one in fit.cost.items()}
    return Origin(
        trainer=trainer, verdict=verdict, parameters=fit.parameters, environment=fit.environment, cost=costs, **lineage
    )


def _baseline(
    spec: UseCase,
    services: Services,
    trained: TrainedModel,
    proof: ModelRef,
    rows: pd.DataFrame,
    verdict: Verdict | None,
) -> dict[str, Any]:
    """What the proof reached on its test set and answered there: a refit has learned from these rows.

    What answers are attributed to needs no labels: it is that of the model that will serve.
    """
    from include.operations.drift import attribution, drift
    from include.operations.performance import block_losses
    from include.operations.windows.window import Answering

    scores = _loaded(services, proof).predict_classes(rows, spec.event.classes)
    metrics = {c.metric: c.figure.json_dict() for c in verdict.cells if c.name == "D"} if verdict else {}
    losses = block_losses.of_test_set(spec, rows, scores)
    answering = Answering(trained.encoder.transform, trained.scores)
    effects = attribution.of_test_set(spec, trained.encoding()["features"], answering, rows)
    return drift.baseline(spec, rows, scores, metrics) | {"losses": losses, "attributions": effects}


def _loaded(services: Services, model: ModelRef) -> TrainedModel:
    """By what the artifact says, not by the spec, which may name another trainer by now."""
    return TrainedModel.from_bytes(services.adapters.tracker.load(model))


def _require_same_features(services: Services, spec: UseCase, features: FeatureServiceRef) -> None:
    """Raises DeploymentError when an earlier release has other definitions under the same feature service's name."""
    for earlier in services.adapters.releases.all(spec.name):
        known = manifest(Path(earlier.path)).get("features") or {"name": "", "definitions": ""}
        if known["name"] == features.name and known["definitions"] != features.definitions:
            raise DeploymentError(
                f"feature service {features.name!r} is not what release {earlier.name} was built with; give the "
                "changed service a new name in feature_repo and usecase.yaml, and train again"
            )


def verify_release(spec: UseCase, services: Services, release: ReleaseRef, *, stores: bool = True) -> dict:
    """Load the release privately on the real server, try it, unload; the report is kept with release and version.

    ``stores``: what the online store returns for entities of its test set is compared with the offline store, too. Of
    a release that served once it is not: its dataset may be gone. Raises DeploymentError when the release failed a
    check; see ``predeployment.verify``.
    """
    release = services.adapters.releases.verified(spec.name, release.name)  # what a task hands on is a name
    server, wire = services.adapters.model_server(spec), services.adapters.kserve
    try:
        with services.places.aside() as aside:
            write = partial(services.serving.write_pipeline, spec)
            look = partial(_looked_up, spec, services, release) if stores else lambda: None
            return predeployment.verify(spec, release, server, wire, write, aside / "model", look)
    finally:
        wire.close()
        _keep_report(spec, services, release)


def _looked_up(spec: UseCase, services: Services, release: ReleaseRef) -> LookedUp | None:
    """What both feature stores have for entities of the release's test set."""
    facts = manifest(Path(release.path))
    if not facts["views"]:
        return None
    model = services.serving.registered(spec, release)
    rows = read_part(as_it_lies(model.dataset).test)
    return looked_up.look_up(spec, facts, rows, services.adapters.feature_store, services.records.snapshot_refs(spec))


def _keep_report(spec: UseCase, services: Services, release: ReleaseRef) -> None:
    """What was packaged, agreed and tried, beside the model version, where people look for it."""
    if (Path(release.path) / predeployment.REPORT).is_file():  # nothing was tried of a release that was changed
        services.adapters.releases.sign_report(spec.name, release.name)
    model = services.serving.registered(spec, release)
    for name in ("report.json", interface.DOCUMENT, predeployment.REPORT):
        if (file := Path(release.path) / name).is_file():
            services.adapters.tracker.add_document(model, f"releases/{release.name}/{name}", file.read_text())
