"""The order of a recalibration: the model that serves as it is, with a calibrator fitted on rows it never saw."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from include.contracts.development import DatasetRef, ModelRef, TrainingRequest
from include.contracts.period import Period, periods_text
from include.development import refitting
from include.development.datasets import building
from include.development.order import Order
from include.errors import NotFoundError, TrainingError
from include.families.registry import family
from include.services.composition import Services
from include.services.old_test_sets import frozen_test_sets, newest_known
from include.specification.usecase import UseCase

INSTEAD = "start the training without `recalibrate`"


def order(spec: UseCase, services: Services, request: TrainingRequest) -> Order:
    """What is to be recalibrated, and on which rows: the newest before the test that it does not know.

    Without ``train_from`` they are as many periods as ``split.test`` takes: the share of the classes is that of now.
    The train part of the dataset is the time before them, for the card and the baseline: nothing is fitted on it.

    Raises
    ------
    TrainingError
        nothing serves, the task or the spec has no probabilities to calibrate, or no period is left to calibrate on.
    DataError, NotFoundError
        the dataset cannot be built; see ``datasets.build``.
    """
    model, published = _serving(spec, services), services.records.published(spec)
    test_to = request.test_to or newest_known(spec, published, datetime.now(UTC))
    frozen = frozen_test_sets(spec, services, request.test_from or spec.periods_to_test(test_to)[0])
    known = _known(spec, services, model, frozen)
    test = [request.test_from] if request.test_from else spec.periods_to_test(test_to, max(known))
    last = request.train_to or test[0].shift(-1)
    first = request.train_from or spec.periods_to_test(last, max(known))[0]
    if first <= max(known) or first > last or last >= test[0]:
        raise TrainingError(
            f"{spec.name}: no {spec.calendar.every} is left to recalibrate version {model.version} on: it knows those "
            f"up to {max(known)} (learned from, or a test set), and the test begins with {test[0]}; asked for was "
            f"{first} to {last}. Wait for more labelled {spec.calendar.every}s, test on later ones, or {INSTEAD}"
        )
    dataset = building.build(
        spec,
        train_from=max(min(published), min(services.approvals.fitted(spec, model).dataset.train.periods)),
        train_to=last,
        test_from=test[0],
        test_to=test_to,
        excluded=frozen,
        lake=services.adapters.lake,
        feature_store=services.adapters.feature_store,
        snapshots=services.records.snapshot_refs(spec),
        directory=services.places.datasets(spec),
        validates_from=first,
    )
    told = f"{dataset.validation.rows} rows of {periods_text(dataset.validation.periods)}"
    print(f"{spec.name}: version {model.version} is recalibrated on {told}; nothing is learned", flush=True)
    return Order(dataset=dataset, parameters=_parameters(services, model), start=model, recalibrates=True)


def _serving(spec: UseCase, services: Services) -> ModelRef:
    """The model whose answers are to be calibrated."""
    refuse = partial("{0}: cannot recalibrate: {1}; {2}".format, spec.name)
    if not family(spec).facts.probabilities:
        raise TrainingError(refuse(f"a model for {spec.task} answers with no probabilities", INSTEAD))
    if spec.trainer.calibration == "none":
        raise TrainingError(refuse("trainer.calibration is none", f"set it to auto, or {INSTEAD}"))
    if spec.split.by != "time":
        words = f"with split.by: {spec.split.by} no rows are later than all that the model knows"
        raise TrainingError(refuse(words, INSTEAD))
    if model := services.serving.champion_model(spec):
        return model
    raise TrainingError(refuse("no release serves, so there is no model to take as it is", INSTEAD))


def _known(spec: UseCase, services: Services, model: ModelRef, frozen: Sequence[DatasetRef]) -> list[Period]:
    """Periods that it learned from or was judged on, and those of the test sets that are kept out."""
    mine = [
        model.dataset,
        services.approvals.proof(spec, model).dataset,
        services.approvals.fitted(spec, model).dataset,
    ]
    parts = [part for one in mine for part in (one.train, one.validation, one.test)]
    return [period for part in [*parts, *(one.test for one in frozen)] for period in part.periods]


def _parameters(services: Services, model: ModelRef) -> dict[str, int | float | str]:
    """Those that the model was fitted with; an average has none of its own."""
    try:
        return {**refitting.record(services.adapters.tracker, model)[1].parameters}
    except NotFoundError:
        return {}
