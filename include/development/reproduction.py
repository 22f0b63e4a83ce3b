"""Compares a model that was trained again with the original, by their answers to the test part."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from include.contracts.development import DatasetRef
from include.contracts.record import Record
from include.development import training
from include.development.datasets.encoded import frames_of, read
from include.development.refitting import record
from include.development.trainers.protocol import Run
from include.development.trainers.trained_model import TrainedModel
from include.ports.development import ExperimentTracker
from include.specification.usecase import UseCase

EXACT, FLOAT64, FLOAT32 = 0.0, 1e-9, 1e-5
TOLERANCE = {"xgboost": EXACT, "sklearn": FLOAT64}
"""Largest difference of an answer by trainer, on the CPU with the same number of threads; others: ``FLOAT32``.

XGBoost's histograms do not depend on the order of threads. BLAS sums of scikit-learn (float64) and torch (float32) may
be ordered differently on another kind of CPU.
"""


class Reproduction(Record):
    """How far the answers of the second training are from those of the first.

    ``difference`` is the largest one over all rows; of numbers in units of their standard deviation. ``changed`` names
    what the two trainings ran on where it differs: (then, now).
    """

    rows: int
    difference: float
    tolerance: float
    same_bytes: bool
    changed: dict[str, tuple[str, str]]

    @property
    def reproduced(self) -> bool:
        return self.difference <= self.tolerance

    def describe(self) -> str:
        """The verdict in words."""
        lines = [f"{name} was {then}, is {now}" for name, (then, now) in self.changed.items()]
        lines.append(
            f"answers to the {self.rows} test rows: largest difference {self.difference:.3g}, "
            f"allowed {self.tolerance:.3g}; the model's bytes are {'the same' if self.same_bytes else 'others'}"
        )
        return "\n".join([*lines, "REPRODUCED" if self.reproduced else "NOT REPRODUCED"])


def reproduce(
    spec: UseCase,
    tracker: ExperimentTracker,
    version: int,
    rebuild: Callable[[DatasetRef], DatasetRef],
    environment: Mapping[str, str],
) -> Reproduction:
    """``rebuild`` the data of a version from its manifest, fit again and compare the answers to the test part.

    Raises
    ------
    NotFoundError
        no such version, it has no record of its order (an ensemble), or pinned data are gone.
    DataError
        the data come out otherwise: the code or the spec changed since.
    TrainingError
        the fit fails.
    """
    model = tracker.model(spec.name, version)
    order, fit = record(tracker, model)
    dataset = rebuild(order.dataset)
    if order.recalibrates and order.start:
        frames = frames_of(spec, dataset, ("validation", "test"))
        again = training.recalibrated(spec, TrainedModel.from_bytes(tracker.load(order.start)), frames["validation"])
        return compared(
            TrainedModel.from_bytes(tracker.load(model)), again, frames["test"], fit.environment, environment
        )
    start = training.start_of(spec, tracker.load(order.start) if order.start else None)
    parts = read(spec, dataset, start.encoder if start else None)
    run = Run(fit.threads, None, start.fitted if start else None)
    again = training.fit(spec, dataset, parts, fit.parameters, run, order.calibrator)
    first = TrainedModel.from_bytes(tracker.load(model))
    return compared(first, again, parts.frames["test"], fit.environment, environment)


def compared(
    first: TrainedModel, second: TrainedModel, rows: pd.DataFrame, then: Mapping[str, str], now: Mapping[str, str]
) -> Reproduction:
    """Compare the answers to ``rows``; ``then`` and ``now`` are what the trainings ran on."""
    old, new = first.predict(rows), second.predict(rows)
    scale = (float(np.std(old)) or 1.0) if first.problem.facts.predicts == "value" else 1.0
    difference = float(np.abs(old - new).max() / scale) if old.shape == new.shape else np.inf
    return Reproduction(
        rows=len(rows),
        difference=difference,
        tolerance=TOLERANCE.get(first.trainer, FLOAT32),
        same_bytes=first.to_bytes() == second.to_bytes(),
        changed={name: (then.get(name, "unknown"), now[name]) for name in now if then.get(name) != now[name]},
    )
