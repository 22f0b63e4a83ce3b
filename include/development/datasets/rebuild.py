"""Rebuilds the exact training data of a model from its manifest: same rows, same content hashes."""

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from include.contracts.development import DatasetRef
from include.development.datasets.building import shaped, with_features, write
from include.development.datasets.encoded import PARTS
from include.development.datasets.labelled_events import held_out, labelled
from include.development.datasets.parts import content_hash, read_part
from include.development.datasets.splits import cut, whole
from include.errors import DataError, NotFoundError
from include.ports.features import FeatureStore
from include.ports.lake import Lake
from include.specification.usecase import UseCase

WAY_OUT = "check out the revision that the model version is tagged with and rebuild there"


def rebuild(
    spec: UseCase,
    dataset: DatasetRef,
    *,
    lake: Lake,
    feature_store: FeatureStore,
    directory: Path,
    rewrites: Sequence[str] = (),
) -> DatasetRef:
    """Build ``dataset`` again as ``directory/<its name>/``, from the snapshots that it pins; bit for bit or not at all.

    Files that are there and sound are left alone. Returns the dataset as it lies there. ``rewrites`` are the erasures
    and key rotations of its snapshots since it was built: when it cannot be built, the error names them.

    Raises
    ------
    NotFoundError
        the manifest does not say what it was read from, or a pinned version is gone.
    DataError
        what comes out is not what the manifest says: the code or the spec changed since.
    """
    here = _moved(dataset, directory / dataset.name)
    if _sound(here):
        return here
    require_pinned(spec, dataset)
    try:
        frames = _frames(spec, dataset, lake, feature_store)
    except (NotFoundError, DataError) as error:
        if done := list(dict.fromkeys([*rewrites, *dataset.rewrites])):
            raise type(error)(_final(dataset, done, error)) from error
        raise
    shutil.rmtree(here.path, ignore_errors=True)  # what is there is damaged
    write(here, frames, Path(here.path))
    return here


def _final(dataset: DatasetRef, done: Sequence[str], error: Exception) -> str:
    return (
        f"dataset {dataset.name} cannot be built again, and what it held must not come back: since it was built, "
        f"{'; '.join(done)}. Train a new model on the periods as they are now ({error})"
    )


def _frames(spec: UseCase, dataset: DatasetRef, lake: Lake, feature_store: FeatureStore) -> dict[str, pd.DataFrame]:
    parts, _ = parts_of(spec, dataset, lake, feature_store)
    frames = {name: shaped(spec, frame) for name, frame in parts.items()}
    require_same(dataset, frames)
    return frames


def parts_of(
    spec: UseCase, dataset: DatasetRef, lake: Lake, feature_store: FeatureStore
) -> tuple[dict[str, pd.DataFrame], dict[str, int]]:
    """The rows of every part before they are shaped, from the snapshots that the dataset pins, and what was counted
    (``Labelled.counts``); of the dataset of a refit every row trains."""
    chosen = [s for s in dataset.features_from if dataset.snapshots.get(s.period) == s.name]
    moment = dataset.as_of or datetime.now(UTC)
    events = labelled(spec, lake, chosen, moment, dataset.given_labels)
    rows = with_features(spec, events.rows, feature_store, dataset.features_from)
    learned = {*dataset.train.periods, *dataset.validation.periods}
    learn = [s.period for s in chosen if s.period <= max(learned)]
    test = dataset.test.periods if spec.split.by == "time" else list(dataset.snapshots)
    frozen = held_out(spec, dataset.frozen, lake)
    parts = cut(spec, rows, learn=learn, test=test, frozen=frozen, validates_from=dataset.validates_from)
    return (whole(rows, parts) if dataset.refit_of else parts), events.counts


def _moved(dataset: DatasetRef, home: Path) -> DatasetRef:
    parts = {name: getattr(dataset, name) for name in PARTS}
    moved = {name: part.model_copy(update={"path": str(home / f"{name}.parquet")}) for name, part in parts.items()}
    return dataset.model_copy(update={"path": str(home), **moved})


def _sound(dataset: DatasetRef) -> bool:
    try:
        for name in PARTS:
            read_part(getattr(dataset, name))
    except (NotFoundError, DataError):
        return False
    return True


def require_pinned(spec: UseCase, dataset: DatasetRef) -> None:
    """Raises NotFoundError when the manifest does not say what it was read from, DataError when the spec changed."""
    pinned = {s.name for s in dataset.features_from}
    if lacks := sorted(set(dataset.snapshots.values()) - pinned):
        raise NotFoundError(
            f"dataset {dataset.name}: its manifest does not pin the table versions of {lacks}; it was built "
            "before manifests pinned them, so train a new model"
        )
    if lacks := [one.dataset for one in dataset.frozen if not one.snapshots]:
        raise NotFoundError(f"dataset {dataset.name}: the manifests of the frozen test sets {lacks} pin no snapshots")
    if dataset.class_names and dataset.class_names != spec.event.classes:
        raise DataError(
            f"dataset {dataset.name} was built with the classes {dataset.class_names}, the spec now says "
            f"{spec.event.classes}: {WAY_OUT}"
        )
    if spec.feature_service != dataset.feature_service:
        raise DataError(
            f"dataset {dataset.name} was built with {dataset.feature_service}, the spec now says "
            f"{spec.feature_service}: {WAY_OUT}"
        )


def require_same(dataset: DatasetRef, frames: Mapping[str, pd.DataFrame]) -> None:
    """Raises DataError when one of the frames, by part, has other content than the manifest says."""
    differ = [name for name, frame in frames.items() if content_hash(frame) != getattr(dataset, name).content_hash]
    if differ:
        raise DataError(
            f"dataset {dataset.name}: the parts {differ} come out with other content than the manifest says, "
            f"though the data are the same: {WAY_OUT}"
        )
