"""One training as it was ordered: search parameters, then fit one model. Only the order's workspace is written."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pandas as pd

from include.contracts.development import DatasetRef, TrialRecord
from include.development.cost import Meter
from include.development.datasets.encoded import LEARNING, Parts, labelled_part, read
from include.development.order import Fit, Order, Workspace
from include.development.search.tuning import Tuning, open_study, outcome, work
from include.development.trainers.protocol import Fitted, Parameters, Run, merged
from include.development.trainers.registry import trainer
from include.development.trainers.trained_model import TrainedModel, artifact_hash
from include.errors import TrainingError
from include.evaluation import calibration
from include.evaluation.calibrator import UNCALIBRATED, Calibrator
from include.families.class_names import require
from include.families.registry import family
from include.specification.learning import Tuning as Policy
from include.specification.usecase import UseCase

if TYPE_CHECKING:
    from include.development.search.study import Study


def train(spec: UseCase, place: Workspace, threads: int, environment: Mapping[str, str]) -> Fit:
    """Search to the end of the budget, and fit; once: a repeated call finds the model, a killed one goes on.

    ``environment`` is written down beside the model (see ``include.development.environment``).

    Raises
    ------
    NotFoundError
        nothing was ordered in ``place``, or a file of the dataset is gone.
    DataError
        a part's content is not what the dataset says.
    TrainingError
        unknown parameters, a failed fit, or a model to start from that does not fit the spec.
    """
    with place.alone():
        return place.fit()[1] if place.fitted() else _trained(spec, place, threads, environment)


def _trained(spec: UseCase, place: Workspace, threads: int, environment: Mapping[str, str]) -> Fit:
    meter, order = Meter(), place.order()
    if order.recalibrates:
        return _recalibrated(spec, place, order, threads, environment)
    with meter.stage("read"):
        parts, run = _prepared(spec, place, order, threads)
    with meter.stage("search"):
        tuning = _searched(spec, place, order, parts, run)
    with meter.stage("fit"):
        model = fit(spec, order.dataset, parts, tuning.parameters, run, order.calibrator)
    content = model.to_bytes()
    length = dict(model.fitted.length()) if hasattr(model.fitted, "length") else None  # not of every trainer of its own
    done = Fit(
        artifact_hash=artifact_hash(content), parameters=tuning.parameters, length=length,
        threads=run.threads, tuning=tuning,
        curve=[dict(step) for step in model.fitted.curve], cost=meter.stages, environment=dict(environment),
    )  # fmt: skip
    place.write_fit(content, done)
    return place.fit()[1]


def _recalibrated(spec: UseCase, place: Workspace, order: Order, threads: int, environment: Mapping[str, str]) -> Fit:
    meter = Meter()
    with meter.stage("read"):
        known = TrainedModel.from_bytes(place.start() or b"")
        frame = labelled_part(spec, order.dataset, "validation")
    with meter.stage("calibration"):
        model = recalibrated(spec, known, frame)
    content = model.to_bytes()
    done = Fit(
        artifact_hash=artifact_hash(content), parameters=order.parameters, threads=threads,
        tuning=Tuning(metric=spec.metrics.primary, parameters=order.parameters), curve=[], cost=meter.stages,
        environment=dict(environment),
    )  # fmt: skip
    place.write_fit(content, done)
    return place.fit()[1]


def recalibrated(spec: UseCase, known: TrainedModel, frame: pd.DataFrame) -> TrainedModel:
    """The model as it is, with a calibrator that is fitted anew on the labelled rows ``frame``, their share included.

    Raises TrainingError when it reads other features or has other classes than the spec says, or the rows are too few.
    """
    require(known.called, known.class_names, spec.event.classes)
    if [entry["name"] for entry in known.encoder.features] != spec.feature_names or known.task != spec.task:
        raise TrainingError(
            f"{spec.name}: the model that serves is one for {known.task} on {len(known.encoder.features)} features, "
            f"the spec says {spec.task} on {len(spec.feature_names)}: recalibrated, it would still not be the model of "
            "this spec; train a new one"
        )
    scores = known.fitted.predict(known.encoder.transform(frame))
    return known.with_calibrator(calibration.anew(spec, frame, scores, family(spec).truth(spec, frame)))


def search(spec: UseCase, place: Workspace, threads: int, report: Callable[[TrialRecord], None]) -> None:
    """One worker of the search of an order: trials of the shared study until its budget is used up."""
    order = place.order()
    parts, run = _prepared(spec, place, order, threads)
    _work(spec, place, order, parts, run, report)


def fit(
    spec: UseCase,
    dataset: DatasetRef,
    parts: Parts,
    parameters: Parameters,
    run: Run,
    calibrator: Calibrator | None = None,
) -> TrainedModel:
    """One model by the spec's trainer, calibrated on the validation part.

    A refit gives the ``calibrator`` of its proof: it learns from the validation rows, so they calibrate nothing.
    """
    algorithm = trainer(spec.trainer.name, spec.name)
    fitted = algorithm.fit(parts.problem, parts.matrices["train"], parts.matrices["validation"], parameters, run)
    model = TrainedModel(
        spec.name, dataset.feature_service, algorithm.name, spec.task, parts.problem.classes, parts.encoder, fitted,
        tuple(spec.event.classes),
    )  # fmt: skip
    return model.with_calibrator(calibrator or _calibrated(spec, parts, fitted))


def _calibrated(spec: UseCase, parts: Parts, fitted: Fitted) -> Calibrator:
    if not parts.problem.facts.probabilities:
        return UNCALIBRATED
    scores = fitted.predict(parts.matrices["validation"].X)
    return calibration.calibrator(spec, parts.frames["validation"], scores, parts.truth["validation"])


def parameters_of(spec: UseCase, overlay: Parameters) -> dict[str, int | float | str]:
    """All parameters of a fit: the trainer's own, over them the spec's, over them ``overlay``."""
    return merged(trainer(spec.trainer.name, spec.name), spec.trainer.parameters, overlay)


def start_of(spec: UseCase, content: bytes | None) -> TrainedModel | None:
    """The model to go on from, in ``content``; None from scratch.

    Raises TrainingError when it is of another trainer, or reads other features: its weights mean nothing here.
    """
    if content is None:
        return None
    model = TrainedModel.from_bytes(content)
    same = [e["name"] for e in model.encoder.features] == spec.feature_names and model.task == spec.task
    if model.trainer != trainer(spec.trainer.name, spec.name).name or not same:
        raise TrainingError(
            f"{spec.name}: the champion is a {model.trainer} for {model.task} on {len(model.encoder.names)} features, "
            f"the spec says {spec.trainer.name} for {spec.task} on {len(spec.feature_names)}: its weights do not fit; "
            "train with start_from: scratch"
        )
    if list(model.class_names) != spec.event.classes:
        raise TrainingError(
            f"{spec.name}: the champion learned the classes {list(model.class_names)}, event.classes are "
            f"{spec.event.classes}: its weights belong to other classes; train with start_from: scratch"
        )
    return model


def study_of(spec: UseCase, place: Workspace, order: Order) -> "Study":
    """The study that the trials of an order are kept in."""
    algorithm, start = trainer(spec.trainer.name, spec.name), parameters_of(spec, order.parameters)
    return open_study(place.study(order), algorithm, _policy(spec, order), start, spec.metrics.primary)


def _prepared(spec: UseCase, place: Workspace, order: Order, threads: int) -> tuple[Parts, Run]:
    start = start_of(spec, place.start())
    parts = read(spec, order.dataset, start.encoder if start else None, LEARNING)
    return parts, Run(threads, place.checkpoint, start.fitted if start else None)


def _policy(spec: UseCase, order: Order) -> Policy:
    """How the order searches: the spec's way, with its budget."""
    budget = {"trials": order.trials, "minutes": order.minutes, "sampler": order.sampler}
    return spec.trainer.tuning.model_copy(update=budget)


def _work(
    spec: UseCase, place: Workspace, order: Order, parts: Parts, run: Run, report: Callable[[TrialRecord], None]
) -> "Study":
    study, algorithm = study_of(spec, place, order), trainer(spec.trainer.name, spec.name)
    work(study, algorithm, parts, _policy(spec, order), spec.metrics.primary, run, report)
    return study


def _searched(spec: UseCase, place: Workspace, order: Order, parts: Parts, run: Run) -> Tuning:
    start = parameters_of(spec, order.parameters)
    if not order.trials:
        return Tuning(metric=spec.metrics.primary, parameters=start)
    study = _work(spec, place, order, parts, run, lambda _: None)
    tuning = outcome(study, parts, _policy(spec, order), spec.metrics.primary, start)
    study.tidy()
    return tuning
