"""From published months to a registered candidate."""

from collections.abc import Sequence

from include.contracts import DatasetRef, ModelRef, Period
from include.development import datasets
from include.errors import DataError, TrainingError
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
        fewer than two months are published, or the window does not end before the test month.
    """
    published = services.published(spec)
    if len(published) < 2:
        raise DataError(f"{spec.name} has {len(published)} published months; training needs two at least: run the data pipeline")
    test = test_period or published[-1]
    last = train_to or Period(key=test).shift(-1).key
    first = train_from or published[0]
    if not first <= last < test:
        raise DataError(f"training months {first} to {last} must lie before the test month {test}")
    return datasets.build(
        spec,
        train_from=first,
        train_to=last,
        test_period=test,
        excluded=frozen_test_sets(spec, services),
        lake=services.lake,
        feature_store=services.feature_store,
        snapshots=[s for s in services.snapshot_refs(spec) if first <= s.period <= last or s.period == test],
        directory=services.settings.datasets / spec.name,
    )


def frozen_test_sets(spec: UseCase, services: Services) -> list[str]:
    """Parquet files of the test sets that the serving release was released with: never trained on."""
    champion = services.champion_model(spec)
    return [champion.dataset.test.path] if champion else []


def registered(results: Sequence[object]) -> ModelRef:
    """The one model that the chosen runtime registered.

    The container's answer is the last line that it printed; raises TrainingError when there is none.
    """
    import json

    for result in results:
        if result:
            content = json.loads(result) if isinstance(result, str) else result
            return ModelRef.model_validate(content)
    raise TrainingError("no runtime registered a model; see the log of train_local or train_docker")
