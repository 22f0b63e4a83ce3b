"""From published months to a registered candidate."""

import json
from collections.abc import Sequence

from include.contracts import DatasetRef, ModelRef
from include.development import datasets
from include.errors import DataError, TrainingError
from include.loop.champion import champion_model
from include.services import Services
from include.usecase import UseCase


def dataset_for(
    spec: UseCase,
    services: Services,
    train_from: str | None = None,
    train_to: str | None = None,
    test_period: str | None = None,
) -> DatasetRef:
    """Build the dataset of a window; what is not named is everything published, newest month as test set.

    Raises
    ------
    DataError
        fewer than two months are published, or the parts cannot be used; see ``datasets.build``.
    """
    published = services.published(spec)
    if len(published) < 2:
        raise DataError(f"{spec.name} has the published months {published}; training needs two: run the data pipeline")
    return datasets.build(
        spec,
        train_from=train_from,
        train_to=train_to,
        test_period=test_period or published[-1],
        excluded=frozen_test_sets(spec, services),
        lake=services.lake,
        feature_store=services.feature_store,
        snapshots=services.snapshot_refs(spec),
        directory=services.settings.datasets / spec.name,
    )


def frozen_test_sets(spec: UseCase, services: Services) -> list[DatasetRef]:
    """The dataset whose test set the serving release was released with: that is never trained on."""
    champion = champion_model(spec, services)
    return [champion.dataset] if champion else []


def registered(results: Sequence[object]) -> ModelRef:
    """The one model that the chosen runtime registered; a container's answer is the last line that it printed.

    Raises
    ------
    TrainingError
        no runtime registered one.
    """
    for result in results:
        if result:
            return ModelRef.model_validate(json.loads(result) if isinstance(result, str) else result)
    raise TrainingError("no runtime registered a model; see the log of train_local or train_docker")
