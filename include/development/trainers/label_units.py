"""Labels that are numbers are learned in standard deviations from their mean, whatever the algorithm.

Float32 has seven digits, and every trainer computes with it somewhere: of labels around 10,000,000 that vary by 2,
hardly anything is left to learn. So a trainer sees labels with mean 0 and standard deviation 1, and what it answers
becomes a label again in float64, in Python and in the ONNX graph alike. Models whose labels were not scaled are read as
they are.
"""

import json
import zipfile
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np

from include.development.trainers.archive import pack, unpack
from include.development.trainers.protocol import Curve, Fitted, Matrix, Parameters, Problem, Run, Trainer
from include.errors import DataError
from include.specification.task import TASKS

UNITS, MODEL = "label_units.json", "model.bin"
OPSET = 13  # of ONNX's own operators, for a graph that has none of them yet


class LabelUnits(NamedTuple):
    """``mean`` and ``spread`` (standard deviation; 1 of labels that are all equal), in units of the label."""

    mean: float = 0.0
    spread: float = 1.0

    @classmethod
    def of(cls, y: np.ndarray) -> "LabelUnits":
        """Those of training labels (n,); raises DataError where float64 has no room for the squares of their spread."""
        numbers = np.asarray(y, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            mean, spread = float(numbers.mean()), float(numbers.std())
        if np.isfinite(numbers).all() and not (np.isfinite(mean) and np.isfinite(spread)):
            raise DataError(
                f"the {len(numbers)} training labels lie so far apart that their standard deviation is no number; give "
                "the label in a larger unit"
            )
        return cls(mean, spread or 1.0)

    def scaled(self, y: np.ndarray) -> np.ndarray:
        """Labels in standard deviations from the mean, float64."""
        return (np.asarray(y, dtype=np.float64) - self.mean) / self.spread

    def restored(self, scores: np.ndarray) -> np.ndarray:
        """The inverse of ``scaled``."""
        return np.asarray(scores, dtype=np.float64) * self.spread + self.mean


class ScaledTrainer:
    """Any trainer: its labels are scaled where they are numbers, else it does what it does."""

    def __init__(self, inner: Trainer) -> None:
        self.inner, self.name, self.predicts = inner, inner.name, inner.predicts
        self.defaults, self.space = inner.defaults, inner.space

    def fit(self, problem: Problem, train: Matrix, validation: Matrix, parameters: Parameters, run: Run) -> Fitted:
        """As the protocol says; a fit that goes on from a model keeps the units of its labels."""
        if not _has_numbers(problem, train):
            return self.inner.fit(problem, train, validation, parameters, run)
        start, units = run.start, LabelUnits.of(np.asarray(train.y))
        if start is not None:
            start, units = (start.inner, start.units) if isinstance(start, ScaledModel) else (start, LabelUnits())
        train, validation = (part._replace(y=units.scaled(np.asarray(part.y))) for part in (train, validation))
        inner = self.inner.fit(problem, train, validation, parameters, replace(run, start=start, spread=units.spread))
        return scaled_model(inner, units)

    def load(self, problem: Problem, content: bytes) -> Fitted:
        """As the protocol says."""
        files = unpack(content, "a model") if zipfile.is_zipfile(BytesIO(content)) else {}
        if UNITS not in files or MODEL not in files:
            return self.inner.load(problem, content)
        return scaled_model(self.inner.load(problem, files[MODEL]), LabelUnits(**json.loads(files[UNITS])))


def _has_numbers(problem: Problem, train: Matrix) -> bool:
    """Whether there are labels to scale; what else is wrong with a fit, its trainer refuses."""
    facts = TASKS.get(problem.task)
    return facts is not None and facts.predicts == "value" and train.y is not None and len(train.y) > 0


def scaled_model(inner: Fitted, units: LabelUnits) -> "ScaledModel":
    """The model of scaled labels, with the abilities that it has."""
    return (ExplainedModel if hasattr(inner, "contributions") else ScaledModel)(inner, units)


@dataclass(frozen=True)
class ScaledModel:
    """A model of scaled labels that answers in units of the label."""

    inner: Fitted
    units: LabelUnits

    @property
    def spread(self) -> float:
        """Standard deviation of the labels it was trained with: the unit of tolerances."""
        return self.units.spread

    @property
    def curve(self) -> Curve:
        """Losses in standard deviations of the label."""
        return self.inner.curve

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.units.restored(self.inner.predict(X))

    def save(self) -> bytes:
        return pack({UNITS: json.dumps(self.units._asdict()).encode(), MODEL: self.inner.save()})

    def onnx(self) -> bytes:
        return rescaled(self.inner.onnx(), self.units)

    def length(self) -> Parameters:
        return self.inner.length()

    def describe(self) -> dict[str, Any]:
        return {**self.inner.describe(), "bytes": len(self.save())}


class ExplainedModel(ScaledModel):
    """One that knows what each feature contributes."""

    def contributions(self, X: np.ndarray) -> np.ndarray:
        """(rows, columns + 1) in units of the label; the last column is the answer without features."""
        moved = np.asarray(self.inner.contributions(X), dtype=np.float64) * self.units.spread  # type: ignore[attr-defined]
        moved[:, -1] += self.units.mean
        return moved


def spread_of(model: Fitted) -> float:
    """Standard deviation of a model's labels in training; 1 where scores are no labels, or were not scaled."""
    return float(getattr(model, "spread", 1.0))


def rescaled(content: bytes, units: LabelUnits) -> bytes:
    """The ONNX model with its last output in units of the label, computed in float64."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load_from_string(content)
    graph, scores = model.graph, model.graph.output[-1]
    constants = {"units_spread": units.spread, "units_mean": units.mean}
    graph.initializer.extend(helper.make_tensor(n, TensorProto.DOUBLE, [], [value]) for n, value in constants.items())
    graph.node.extend(
        [
            helper.make_node("Cast", [scores.name], ["units_double"], to=TensorProto.DOUBLE),
            helper.make_node("Mul", ["units_double", "units_spread"], ["units_scaled"]),
            helper.make_node("Add", ["units_scaled", "units_mean"], ["units_label"]),
        ]
    )
    scores.name = "units_label"
    scores.type.tensor_type.elem_type = TensorProto.DOUBLE
    require_own_operators(model)
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def require_own_operators(model: Any) -> None:
    """A graph of trees may name only the operators of ``ai.onnx.ml``."""
    from onnx import helper

    if not any(one.domain in ("", "ai.onnx") for one in model.opset_import):
        model.opset_import.append(helper.make_opsetid("", OPSET))
