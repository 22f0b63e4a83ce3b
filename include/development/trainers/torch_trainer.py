"""What every trainer of a network shares; a trainer adds its network."""

from typing import ClassVar

import torch
from torch import nn

from include.development.trainers.checkpoint import checkpoint
from include.development.trainers.label_units import LabelUnits, scaled_model
from include.development.trainers.parameters import checked, require_task
from include.development.trainers.protocol import Fitted, Matrix, Parameters, Problem, Run, Space
from include.development.trainers.torch_fit import fit, options, reproducible
from include.development.trainers.torch_model import Scoring, TorchModel, saved
from include.development.trainers.torch_start import take_over
from include.errors import TrainingError
from include.specification.task import Predicts
from include.specification.trainers import TRAINERS

OLD_UNITS = ("label_mean", "label_scale")
"""Of networks that were saved when they scaled their labels themselves."""


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
            scoring.network.learn(torch.from_numpy(train.X))
            if run.start:
                self._go_on_from(run.start, scoring, problem)
            kept = checkpoint(problem, train, validation, known, run)
            curve = fit(scoring, train, validation, loop, kept, run.report)
        return TorchModel(self.name, scoring, problem, known, run.threads, tuple(curve))

    def load(self, problem: Problem, content: bytes) -> Fitted:
        parameters, state = saved(content, self.name)
        old = [float(state.pop(name)) for name in OLD_UNITS if name in state]
        with reproducible(0, torch.get_num_threads()):
            scoring = Scoring(self.network(problem, checked(self.name, TRAINERS[self.name], parameters)), problem)
        try:
            scoring.load_state_dict(state)
        except RuntimeError as error:
            raise TrainingError(f"the model of {self.name} does not fit the problem: {error}; train again") from error
        model = TorchModel(self.name, scoring, problem, parameters)
        return scaled_model(model, LabelUnits(*old)) if old and problem.facts.predicts == "value" else model

    def _go_on_from(self, start: Fitted, scoring: Scoring, problem: Problem) -> None:
        state = start.scoring.state_dict() if isinstance(start, TorchModel) else {}
        if not isinstance(start, TorchModel) or not take_over(scoring, problem, state, start.problem):
            raise TrainingError(
                f"{self.name} cannot continue from a {start.describe()['algorithm']}: no weights in common; "
                "start from scratch"
            )
