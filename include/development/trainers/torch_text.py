"""A small Transformer encoder over the words of one text, beside the other inputs, then an MLP.

Source: Vaswani et al. 2017; the state of an extra token before the words represents the text (Devlin et al.
2019).
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from include.contracts.encoding import NO_WORD
from include.development.trainers.protocol import Parameters, Placed, Problem, Space, placed
from include.development.trainers.torch_inputs import Inputs, mlp
from include.development.trainers.torch_trainer import TorchTrainer
from include.errors import TrainingError
from include.specification.trainers import TRAINERS


class Reader(nn.Module):
    """Codes of words (rows, length) to (rows, width)."""

    def __init__(self, size: int, length: int, parameters: Mapping[str, Any]) -> None:
        super().__init__()
        width = parameters["width"]
        self.embedding = nn.Embedding(size, width)
        self.first = nn.Parameter(torch.randn(1, 1, width) / width**0.5)
        self.position = nn.Parameter(torch.randn(1, length + 1, width) / width**0.5)
        layer = nn.TransformerEncoderLayer(
            width, parameters["heads"], 2 * width, parameters["dropout"], batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, parameters["layers"], enable_nested_tensor=False)

    def forward(self, codes: Tensor) -> Tensor:
        first = self.first.expand(codes.shape[0], -1, -1)
        states = torch.cat([first, self.embedding(codes.long())], dim=1) + self.position
        empty = nn.functional.pad(codes == NO_WORD, (1, 0), value=False)
        return self.encoder(states, src_key_padding_mask=empty)[:, 0]


class TextNetwork(nn.Module):
    def __init__(self, problem: Problem, parameters: Mapping[str, Any]) -> None:
        super().__init__()
        width = parameters["width"]
        if width % parameters["heads"]:
            raise TrainingError(f"torch_text: width {width} must be a multiple of {parameters['heads']}")
        everything = placed(problem.inputs)
        text = _only([p for p in everything if p.input.kind == "text"])
        self._columns = slice(text.at, text.at + text.input.width)
        self.readers = nn.ModuleDict({f"of_{text.input.name}": Reader(text.input.size, text.input.width, parameters)})
        self.inputs = Inputs([p for p in everything if p is not text])
        self.body = mlp(width + self.inputs.width, width, 1, parameters["dropout"], problem.outputs)

    def learn(self, x: Tensor) -> None:
        self.inputs.learn(x)

    def forward(self, x: Tensor) -> Tensor:
        read = [reader(x[:, self._columns]) for reader in self.readers.values()]
        return self.body(torch.cat([*read, self.inputs(x)], dim=1))


def _only(texts: Sequence[Placed]) -> Placed:
    if len(texts) != 1:
        raise TrainingError(f"torch_text needs one text feature; there are {[p.input.name for p in texts]}")
    return texts[0]


class TorchTextTrainer(TorchTrainer):
    """For one text per row; other inputs are told once."""

    name = "torch_text"
    network = TextNetwork
    defaults: ClassVar[Parameters] = TRAINERS[name].defaults
    space: ClassVar[Space] = TRAINERS[name].space
