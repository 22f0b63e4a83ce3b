"""What every trainer of a network shares; a trainer adds its network."""

from typing import ClassVar

import numpy as np
import torch
from torch import nn

from include.development.trainers.checkpoint import checkpoint
from include.development.trainers.parameters import checked, require_task
from include.development.trainers.protocol import Fitted, Matrix, Parameters, Problem, Run, Space
from include.development.trainers.torch_fit import fit, options, reproducible
from include.development.trainers.torch_model import Scoring, TorchModel, saved
from include.development.trainers.torch_start import take_over
from include.errors import TrainingError
from include.specification.task import Predicts
from include.specification.trainers import TRAINERS


class TorchTrainer:
    """Fits a network: on a GPU when there is one, else on the CPU, where equal arguments give equal bytes.

    ``network`` makes a module (rows, columns) → (rows, outputs) with ``learn(x)`` that looks at the training part once;
    it raises TrainingError when the problem has no input that it is for.
    """

    name: str
    network: ClassVar[type[nn.Module]]
    predicts: frozenset[Predicts] = frozenset({"class", "value"})
    defaults: ClassVar[Parameters]
    space: ClassVar[Space]

    def fit(self, problem: Problem, train: Matrix, validation: Matrix, parameters: Parameters, run: Run) -> TorchModel:
        require_task(self, problem, train)
        known = checked(self.name, TRAINERS[self.name], parameters)
        loop = options(known)
        with reproducible(loop.seed, run.threads):
            scoring = Scoring(self.network(problem, known), problem)
            _learn(scoring, train)
            if run.start:
                self._go_on_from(run.start, scoring, problem)
            kept = checkpoint(problem, train, validation, known, run)
            curve = fit(scoring, train, validation, loop, kept, run.report)
        return TorchModel(self.name, scoring, problem, known, run.threads, tuple(curve))

    def load(self, problem: Problem, content: bytes) -> TorchModel:
        parameters, state = saved(content, self.name)
        with reproducible(0, torch.get_num_threads()):
            scoring = Scoring(self.network(problem, checked(self.name, TRAINERS[self.name], parameters)), problem)
        try:
            scoring.load_state_dict(state)
        except RuntimeError as error:
            raise TrainingError(f"the model of {self.name} does not fit the problem: {error}; train again") from error
        return TorchModel(self.name, scoring, problem, parameters)

    def _go_on_from(self, start: Fitted, scoring: Scoring, problem: Problem) -> None:
        state = start.scoring.state_dict() if isinstance(start, TorchModel) else {}
        if not isinstance(start, TorchModel) or not take_over(scoring, problem, state, start.problem):
            raise TrainingError(
                f"{self.name} cannot continue from a {start.describe()['algorithm']}: no weights in common; "
                "start from scratch"
            )


def _learn(scoring: Scoring, train: Matrix) -> None:
    """What the network must know of the training part before the first step."""
    scoring.network.learn(torch.from_numpy(train.X))
    if scoring.facts.predicts == "value":
        y = np.asarray(train.y, dtype=np.float64)
        scoring.label_mean.fill_(float(y.mean()))
        scoring.label_scale.fill_(float(y.std()) or 1.0)
