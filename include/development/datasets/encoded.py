"""A dataset in memory, encoded for a fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from include.contracts.development import DatasetRef
from include.development.datasets.encoder import Encoder
from include.development.datasets.imbalance import balanced
from include.development.datasets.parts import read_part
from include.development.trainers.protocol import Matrix, Problem
from include.errors import TrainingError
from include.families.class_names import recoded
from include.families.registry import family
from include.specification.usecase import UseCase

PARTS = ("train", "validation", "test")
LEARNING = ("train", "validation")


@dataclass(frozen=True)
class Parts:
    """Frames and truth by part, the encoder fitted on the training part, and the matrices that it gives."""

    frames: Mapping[str, pd.DataFrame]
    truth: Mapping[str, np.ndarray]
    encoder: Encoder
    matrices: Mapping[str, Matrix]
    problem: Problem


def read(spec: UseCase, dataset: DatasetRef, known: Encoder | None = None, only: Sequence[str] = PARTS) -> Parts:
    """The parts, checked and encoded for training; codes keep the meaning they have in the encoder ``known``.

    Raises
    ------
    TrainingError
        the dataset is of another use case.
    DataError
        a part's content is not what the dataset says.
    """
    frames = frames_of(spec, dataset, only)
    encoder = Encoder.fit(frames["train"], spec.features, after=known, as_float32=spec.float32_features)
    return encoded(spec, frames, encoder)


def frames_of(spec: UseCase, dataset: DatasetRef, only: Sequence[str] = PARTS) -> dict[str, pd.DataFrame]:
    """The rows of the parts, checked; errors as ``read`` says."""
    if dataset.usecase != spec.name:
        raise TrainingError(f"dataset {dataset.name} is of {dataset.usecase!r}, the use case is {spec.name!r}")
    return {part: labelled_part(spec, dataset, part) for part in only}


def labelled_part(spec: UseCase, dataset: DatasetRef, part: str) -> pd.DataFrame:
    """The rows of a part, their labels as codes of the spec's classes; raises DataError when a class is gone."""
    who = f"dataset {dataset.name} of {spec.name}"
    rows = read_part(getattr(dataset, part))
    return recoded(who, rows, spec.event.label, dataset.class_names, spec.event.classes)


def encoded(spec: UseCase, frames: Mapping[str, pd.DataFrame], encoder: Encoder) -> Parts:
    """The parts as ``encoder`` encodes them, the training part balanced as the spec wants it."""
    matrices = {part: matrix(spec, frames[part], encoder) for part in LEARNING}
    matrices["train"] = balanced(spec, matrices["train"])
    kind = family(spec)
    problem = Problem(spec.task, encoder.inputs, len(kind.names(spec)))
    return Parts(frames, {p: kind.truth(spec, frame) for p, frame in frames.items()}, encoder, matrices, problem)


def matrix(spec: UseCase, frame: pd.DataFrame, encoder: Encoder) -> Matrix:
    """The rows as they are, with their labels, all of equal weight."""
    return Matrix(encoder.transform(frame), frame[spec.event.label].to_numpy() if spec.event.label else None)
