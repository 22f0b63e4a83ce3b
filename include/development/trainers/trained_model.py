"""A fitted model with its encoder: raw feature columns in, scores out; one deterministic file."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from include.development.datasets.encoder import Encoder
from include.development.trainers.archive import pack, unpack
from include.development.trainers.label_units import spread_of
from include.development.trainers.onnx_calibrated import calibrated
from include.development.trainers.protocol import Fitted, Problem
from include.development.trainers.registry import trainer
from include.errors import TrainingError
from include.evaluation.calibrator import UNCALIBRATED, Calibrator
from include.families.class_names import in_order
from include.specification.task import Task

CALIBRATION = "calibration.json"


@dataclass(frozen=True)
class TrainedModel:
    """What a training run makes and a release is packaged from.

    ``fitted`` is what the trainer made, and what another fit goes on from; its scores become the model's answers by
    ``calibrator``.
    """

    usecase: str
    feature_service: str
    trainer: str
    task: Task
    classes: int
    encoder: Encoder
    fitted: Fitted
    class_names: tuple[str, ...] = ()
    """What the scores of classes are called, in their order."""
    calibrator: Calibrator = UNCALIBRATED

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Scores of raw feature columns, float64 (see ``protocol``)."""
        return self.scores(self.encoder.transform(frame))

    def scores(self, X: np.ndarray) -> np.ndarray:
        """The same of encoded rows."""
        return self.calibrator.apply(self.fitted.predict(X))

    def with_calibrator(self, calibrator: Calibrator) -> Self:
        """The same fit, calibrated as given, whatever it had before.

        A refit learns from the validation rows, so no calibrator can be fitted on them: it takes the proof's,
        ``proof.calibrator``, unchanged (see ``training.fit``).
        """
        return replace(self, calibrator=calibrator)

    def predict_classes(self, frame: pd.DataFrame, wanted: Sequence[str]) -> np.ndarray:
        """``predict`` with a column per class that is wanted, by name; raises DataError when they cannot be mapped."""
        return in_order(self.called, self.predict(frame), self.class_names, wanted)

    @property
    def called(self) -> str:
        return f"the {self.trainer} model of {self.usecase}"

    @property
    def problem(self) -> Problem:
        return Problem(self.task, self.encoder.inputs, self.classes)

    @property
    def spread(self) -> float:
        """Standard deviation of the label in training, in units of the label; 1 of classes and clusters."""
        return spread_of(self.fitted)

    def onnx(self) -> bytes:
        return calibrated(self.fitted.onnx(), self.calibrator.curves)

    def encoding(self) -> dict[str, Any]:
        """The encoding that serving follows (see ``Encoder.to_json``)."""
        return self.encoder.to_json()

    def to_bytes(self) -> bytes:
        """The same model gives the same bytes on every machine (see ``archive``)."""
        names = ("usecase", "feature_service", "trainer", "task", "classes", "class_names")
        facts = {name: getattr(self, name) for name in names}
        content = {
            "model.json": json.dumps(facts, sort_keys=True).encode(),
            "encoding.json": json.dumps(self.encoding(), sort_keys=True).encode(),
            "fitted.bin": self.fitted.save(),
        }
        if self.calibrator != UNCALIBRATED:
            content[CALIBRATION] = self.calibrator.model_dump_json().encode()
        return pack(content)

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Inverse of ``to_bytes``; raises TrainingError when the bytes are something else."""
        files = unpack(content, "a trained model")
        try:
            facts, encoding = json.loads(files["model.json"]), json.loads(files["encoding.json"])
            fitted = files["fitted.bin"]
            calibrator = Calibrator.model_validate_json(files.get(CALIBRATION, b"{}"))
        except (KeyError, ValueError) as error:
            raise TrainingError(
                f"{len(content)} bytes are not a trained model: {error}; train or load it again"
            ) from error
        encoder = Encoder.from_json(encoding)
        problem = Problem(facts["task"], encoder.inputs, facts["classes"])
        own_trainer = trainer(facts["trainer"], facts["usecase"])
        facts["class_names"] = tuple(facts.get("class_names", ()))
        return cls(**facts, encoder=encoder, fitted=own_trainer.load(problem, fitted), calibrator=calibrator)


def artifact_hash(content: bytes) -> str:
    """SHA-256 that a ``ModelRef`` carries."""
    return hashlib.sha256(content).hexdigest()
