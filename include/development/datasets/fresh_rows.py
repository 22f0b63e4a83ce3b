"""Whether a training would learn from rows that the champion has not learned from.

The same rows teach the same model: such a retrain gains nothing, whatever its test set says.
"""

from collections.abc import Mapping, Sequence

from include.contracts.development import DatasetRef
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef
from include.development.datasets.building import as_it_lies
from include.development.datasets.parts import read_part
from include.errors import DataError
from include.specification.usecase import UseCase


def may_teach(
    champion: DatasetRef, published: Mapping[Period, SnapshotRef], given: int | None, periods: Sequence[Period]
) -> bool:
    """Whether ``periods`` may have rows that the champion has not learned from, by their snapshots; no row is read.

    It has not when each of them was learned from or tested on as it is published now, or is empty, and people gave no
    labels since (``given``: the version of that table).
    """
    known = {*champion.train.periods, *champion.validation.periods, *champion.test.periods}
    other = [
        p for p in periods if p in published and not (p in known and champion.snapshots.get(p) == published[p].name)
    ]
    return given != champion.given_labels or any(published[p].tables["events"].rows for p in other)


def require(spec: UseCase, dataset: DatasetRef, champion: DatasetRef) -> int:
    """How many rows to train and validate with are new to the champion; raises DataError when none is."""
    learned = _ids(spec, as_it_lies(champion))
    fresh = len(_ids(spec, dataset) - learned)
    if not fresh:
        raise DataError(
            f"{spec.name}: the training would see no new rows: all {dataset.train.rows + dataset.validation.rows} of "
            f"dataset {dataset.name} taught the model that serves ({champion.name}), and the same rows teach the same; "
            "wait until more is published than split.test takes to test"
        )
    return fresh


def _ids(spec: UseCase, dataset: DatasetRef) -> set[str]:
    return {i for part in (dataset.train, dataset.validation) for i in read_part(part)[spec.event.id]}
