"""The average of trained models as one model: saved, packaged and served like any other.

Its matrix is the members' matrices side by side, each by its own encoding, so it contains a feature once per member,
with that member's categories. Its scores are the mean of theirs (Breiman, "Stacked regressions", 1996: equal weights
are not fitted, so they need no data).
"""

import json
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from include.development.datasets.encoder import Encoder
from include.development.trainers.archive import pack, unpack
from include.development.trainers.onnx_average import averaged
from include.development.trainers.protocol import Curve, Fitted, Matrix, Parameters, Problem, Run, Space
from include.development.trainers.trained_model import TrainedModel
from include.errors import TrainingError
from include.specification.task import Predicts

NAME = "ensemble"


class EnsembleTrainer:
    """Loads ensembles; ``average`` makes them."""

    name = NAME
    predicts: frozenset[Predicts] = frozenset({"class", "value"})
    defaults: ClassVar[Parameters] = {}
    space: ClassVar[Space] = {}

    def fit(self, problem: Problem, train: Matrix, validation: Matrix, parameters: Parameters, run: Run) -> Fitted:
        """Raises TrainingError: there is nothing to fit."""
        raise TrainingError("the evaluation makes ensembles: set trainer.ensemble and name another trainer")

    def load(self, problem: Problem, content: bytes) -> "EnsembleModel":
        """Raises TrainingError when the bytes are no ensemble of this problem."""
        members = [TrainedModel.from_bytes(member) for member in unpack(content, "an ensemble").values()]
        if sum(member.problem.width for member in members) != problem.width or not members:
            widths = [member.problem.width for member in members]
            raise TrainingError(f"the members read {widths} columns, the encoding has {problem.width}; average again")
        return EnsembleModel(members)


class EnsembleModel:
    """Members with equal weights."""

    curve: Curve = ()

    def __init__(self, members: Sequence[TrainedModel]) -> None:
        self.members = tuple(members)
        self._ends = np.cumsum([member.problem.width for member in members])[:-1]

    @property
    def spread(self) -> float:
        """The least standard deviation of the members' labels: the strictest unit of tolerances."""
        return min(member.spread for member in self.members)

    def predict(self, X: np.ndarray) -> np.ndarray:
        parts = np.split(X, self._ends, axis=1)
        return np.mean([m.scores(part) for m, part in zip(self.members, parts, strict=True)], axis=0)

    def save(self) -> bytes:
        return pack({f"member_{i}.zip": member.to_bytes() for i, member in enumerate(self.members)})

    def onnx(self) -> bytes:
        members = [(member.onnx(), member.problem.width) for member in self.members]
        return averaged(members, self.members[0].problem.outputs)

    def length(self) -> Parameters:
        return {}

    def describe(self) -> dict[str, Any]:
        algorithms = [str(member.fitted.describe()["algorithm"]) for member in self.members]
        return {
            "algorithm": f"average of {len(algorithms)} models: {'; '.join(algorithms)}",
            "members": len(algorithms),
            "bytes": len(self.save()),
        }


def average(members: Sequence[TrainedModel]) -> TrainedModel:
    """One model that says the mean of what the members say.

    Raises TrainingError when the members do not answer the same question from the same features, or are clusterings.
    """
    first = members[0]
    if not first.problem.facts.labelled:
        raise TrainingError(f"{first.usecase}: models of the task {first.task} cannot be averaged")
    if different := [m for m in members[1:] if signature(m) != signature(first)]:
        raise TrainingError(
            f"{first.usecase}: {len(different)} of {len(members)} models have other features or another task than the "
            "first; average models of one feature service"
        )
    encoder = Encoder(tuple(entry for member in members for entry in member.encoder.features))
    return TrainedModel(
        first.usecase, first.feature_service, NAME, first.task, first.classes, encoder, EnsembleModel(members),
        first.class_names,
    )  # fmt: skip


def signature(model: TrainedModel) -> str:
    """What must be equal for an average to make sense: task, classes in their order, feature service, names and kinds
    of features."""
    features = sorted({(entry["name"], entry["kind"]) for entry in model.encoder.features})
    return json.dumps([model.usecase, model.feature_service, model.task, model.classes, model.class_names, features])
