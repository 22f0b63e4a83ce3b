"""Embeddings of categories and words beside standardised numbers, then an MLP.

Source: Guo, Berkhahn, "Entity Embeddings of Categorical Variables", 2016.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from include.development.trainers.protocol import Parameters, Problem, Space, placed
from include.development.trainers.torch_inputs import Inputs, mlp
from include.development.trainers.torch_trainer import TorchTrainer
from include.specification.trainers import TRAINERS


class TabularNetwork(nn.Module):
    def __init__(self, problem: Problem, parameters: Mapping[str, Any]) -> None:
        super().__init__()
        self.inputs = Inputs(placed(problem.inputs))
        shape = (parameters["hidden"], parameters["layers"], parameters["dropout"])
        self.body = mlp(self.inputs.width, *shape, problem.outputs)

    def learn(self, x: Tensor) -> None:
        self.inputs.learn(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.inputs(x))


class TorchTabularTrainer(TorchTrainer):
    """For rows of numbers and categories."""

    name = "torch_tabular"
    network = TabularNetwork
    defaults: ClassVar[Parameters] = TRAINERS[name].defaults
    space: ClassVar[Space] = TRAINERS[name].space
