"""A GRU or LSTM over series of equal length, its last state beside the other inputs, then an MLP; a linear part aside.

The linear part follows the level of a series, which a recurrent cell forgets when it leaves the range seen in training.
Sources: Cho et al. 2014 (GRU); Hochreiter, Schmidhuber 1997 (LSTM); Lai et al. 2018, LSTNet (linear part).
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from include.development.trainers.protocol import Parameters, Problem, Space, placed
from include.development.trainers.torch_inputs import Inputs, Standardised, mlp, tensors
from include.development.trainers.torch_trainer import TorchTrainer
from include.errors import TrainingError
from include.specification.trainers import TRAINERS

CELLS = {"gru": nn.GRU, "lstm": nn.LSTM}


class SequenceNetwork(nn.Module):
    """Every tensor of rank 1 is one channel of the series."""

    def __init__(self, problem: Problem, parameters: Mapping[str, Any]) -> None:
        super().__init__()
        everything = placed(problem.inputs)
        series = tensors(everything, rank=1)
        self.register_buffer("columns", _columns({n: [p.at for p in v] for n, v in series.items()}), persistent=False)
        self.channels = Standardised(len(series))
        self.inputs = Inputs([p for p in everything if p.input.tensor not in series])
        hidden, layers, dropout = parameters["hidden"], parameters["layers"], parameters["dropout"]
        self.cell = CELLS[parameters["cell"]](
            self.channels.width, hidden, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0
        )
        self.body = mlp(hidden + self.inputs.width, hidden, 1, dropout, problem.outputs)
        self.linear = nn.Linear(self.columns.shape[0] * self.channels.width, problem.outputs)

    def learn(self, x: Tensor) -> None:
        self.inputs.learn(x)
        self.channels.learn(self._series(x).flatten(0, 1))

    def _series(self, x: Tensor) -> Tensor:
        """(rows, steps, channels)."""
        return x[:, self.columns.flatten()].unflatten(1, self.columns.shape)

    def forward(self, x: Tensor) -> Tensor:
        series = self.channels(self._series(x))
        states, _ = self.cell(series)
        return self.body(torch.cat([states[:, -1], self.inputs(x)], dim=1)) + self.linear(series.flatten(1))


def _columns(series: Mapping[str, list[int]]) -> Tensor:
    """Columns of the matrix of shape (steps, channels)."""
    if not series:
        raise TrainingError("torch_sequence needs a numeric feature with a shape like [24]; there is none")
    if len({len(columns) for columns in series.values()}) > 1:
        lengths = {name: len(columns) for name, columns in series.items()}
        raise TrainingError(f"torch_sequence needs series of equal length, these have {lengths}; cut the longer ones")
    return torch.tensor(list(series.values()), dtype=torch.long).T.contiguous()


class TorchSequenceTrainer(TorchTrainer):
    """For series: one tensor of rank 1 per channel; other inputs are told once."""

    name = "torch_sequence"
    network = SequenceNetwork
    defaults: ClassVar[Parameters] = TRAINERS[name].defaults
    space: ClassVar[Space] = TRAINERS[name].space
