"""Whether a training would learn from rows that the champion has not learned from.

The same rows teach the same model: such a retrain gains nothing, whatever its test set says.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from include.contracts.development import DatasetRef, PartRef
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef
from include.development.datasets.building import as_it_lies, load_dataset
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
    """How many rows that would be learned are new to the champion; raises DataError when none is.

    The candidate learns from the train and validation part; where it is refitted once it is judged, its refit learns
    from the test part and the frozen test sets of the window too.
    """
    parts = list(_learned(spec, dataset))
    fresh = len(_ids(spec, parts) - _ids(spec, _trained(as_it_lies(champion))))
    if not fresh:
        raise DataError(
            f"{spec.name}: the training would see no new rows: all {sum(part.rows for part in parts)} of dataset "
            f"{dataset.name} taught the model that serves ({champion.name}), and the same rows teach the same; wait "
            f"until more is published{'' if spec.refits else ' than split.test takes to test'}"
        )
    return fresh


def _trained(dataset: DatasetRef) -> Sequence[PartRef]:
    return dataset.train, dataset.validation


def _learned(spec: UseCase, dataset: DatasetRef) -> Iterator[PartRef]:
    yield from _trained(dataset)
    if spec.refits:
        yield dataset.test
        home, window = Path(dataset.path).parent, {*dataset.snapshots}
        kept_out = (load_dataset(one.dataset, home).test for one in dataset.frozen)
        yield from (part for part in kept_out if {*part.periods} <= window)


def _ids(spec: UseCase, parts: Iterable[PartRef]) -> set[str]:
    return {i for part in parts for i in read_part(part)[spec.event.id]}
