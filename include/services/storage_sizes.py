"""What a use case stores below the state root, in bytes and files, by place."""

import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from include.contracts.costs import StoredBytes
from include.contracts.period import Period
from include.settings import Settings
from include.specification.usecase import UseCase

SHARED = "MLflow (all use cases)"
"""The place that is not divided: MLflow keeps the artifacts of all use cases together."""


def places(spec: UseCase, settings: Settings) -> Mapping[str, Path]:
    """Place → directory."""
    own = {
        "lake": settings.lake, "snapshots": settings.snapshots, "datasets": settings.datasets,
        "trainings": settings.training, "releases": settings.releases, "archive": settings.archive,
        "prediction log": settings.prediction_spool, "catalog": settings.catalog, "deliveries": settings.landing,
        "staging": settings.staging,
    }  # fmt: skip
    return {place: directory / spec.name for place, directory in own.items()} | {SHARED: settings.home / "mlflow"}


def measured(spec: UseCase, settings: Settings, at: datetime) -> list[StoredBytes]:
    """Of every place that is there."""
    sizes = {place: list(_sizes(directory)) for place, directory in places(spec, settings).items()}
    return [
        StoredBytes(period=Period.recorded(at), at=at, place=place, size_bytes=sum(found), files=len(found))
        for place, found in sizes.items()
        if found
    ]


def _sizes(directory: Path) -> Iterator[int]:
    """Bytes of each file; one that goes away meanwhile is left out."""
    try:
        entries = list(os.scandir(directory))
    except OSError:
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _sizes(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
