"""A registered model, trained again from its own record: same data, parameters, seed, threads and start."""

from include.contracts.development import ModelRef
from include.development.environment import FIT_ENVIRONMENT, environment
from include.development.order import Fit, Order
from include.development.reproduction import Reproduction, compared
from include.errors import NotFoundError
from include.loop.data_versions import rebuild_dataset
from include.services.composition import Services
from include.settings import default_environment
from include.specification.usecase import UseCase


def reproduce(spec: UseCase, services: Services, version: int) -> Reproduction:
    """Rebuild the data of a version from its manifest, fit again and compare the answers to the test part.

    Raises
    ------
    NotFoundError
        no such version, it has no record of its order (an ensemble), or pinned data are gone.
    DataError
        the data come out otherwise: the code or the spec changed since.
    TrainingError
        the fit fails.
    """
    default_environment(FIT_ENVIRONMENT)
    from include.development import training
    from include.development.datasets.encoded import read
    from include.development.trainers.protocol import Run
    from include.development.trainers.trained_model import TrainedModel

    model = services.adapters.tracker.model(spec.name, version)
    order, fit = _record(services, model)
    dataset = rebuild_dataset(spec, services, order.dataset)
    start = training.start_of(spec, services.adapters.tracker.load(order.start) if order.start else None)
    parts = read(spec, dataset, start.encoder if start else None)
    run = Run(fit.threads, None, start.fitted if start else None)
    again = training.fit(spec, dataset, parts, fit.parameters, run)
    first = TrainedModel.from_bytes(services.adapters.tracker.load(model))
    return compared(first, again, parts.frames["test"], fit.environment, environment(services.settings.revision))


def _record(services: Services, model: ModelRef) -> tuple[Order, Fit]:
    try:
        order, fit = (services.adapters.tracker.document(model, name) for name in ("order.json", "fit.json"))
    except NotFoundError as error:
        raise NotFoundError(
            f"{model.usecase}/{model.version} has no record of its order and fit: it is an ensemble, or older than "
            f"they are; reproduce the versions that it averages ({error})"
        ) from error
    return Order.model_validate_json(order), Fit.model_validate_json(fit)
