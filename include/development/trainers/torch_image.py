"""A small convolutional network over one image, its features beside the other inputs, then an MLP.

Source: LeCun et al. 1998, with ReLU and group normalisation (Wu, He 2018), which do not depend on the batch.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from include.development.trainers.protocol import Parameters, Placed, Problem, Space, placed
from include.development.trainers.torch_inputs import Inputs, Standardised, mlp, tensors
from include.development.trainers.torch_trainer import TorchTrainer
from include.errors import TrainingError
from include.specification.trainers import TRAINERS


class ImageNetwork(nn.Module):
    """Two convolutions, each halved by pooling where the image is large enough."""

    def __init__(self, problem: Problem, parameters: Mapping[str, Any]) -> None:
        super().__init__()
        everything = placed(problem.inputs)
        image = _only(tensors(everything, rank=2))
        self._columns, self._shape = slice(image[0].at, image[0].at + len(image)), image[0].input.shape
        self.pixels = Standardised(1)
        self.inputs = Inputs([p for p in everything if p.input.tensor != image[0].input.tensor])
        channels = parameters["channels"]
        self.convolutions = nn.Sequential(*_block(2, channels), *_block(channels, 2 * channels))
        with torch.no_grad():
            width = self.convolutions(torch.zeros(1, 2, *self._shape)).numel()
        self.body = mlp(width + self.inputs.width, parameters["hidden"], 1, parameters["dropout"], problem.outputs)

    def learn(self, x: Tensor) -> None:
        self.inputs.learn(x)
        self.pixels.learn(x[:, self._columns].reshape(-1, 1))

    def forward(self, x: Tensor) -> Tensor:
        pixels = self.pixels(x[:, self._columns].unsqueeze(-1))
        planes = pixels.transpose(1, 2).unflatten(2, self._shape)
        return self.body(torch.cat([self.convolutions(planes).flatten(1), self.inputs(x)], dim=1))


def _block(planes: int, channels: int) -> list[nn.Module]:
    return [
        nn.Conv2d(planes, channels, 3, padding=1),
        nn.GroupNorm(1, channels),
        nn.ReLU(),
        nn.MaxPool2d(2, ceil_mode=True),
    ]


def _only(images: Mapping[str, list[Placed]]) -> list[Placed]:
    if len(images) != 1:
        raise TrainingError(f"torch_image needs one numeric feature with a shape like [8, 8]; there are {list(images)}")
    return next(iter(images.values()))


class TorchImageTrainer(TorchTrainer):
    """For one grey image per row; other inputs are told once."""

    name = "torch_image"
    network = ImageNetwork
    defaults: ClassVar[Parameters] = TRAINERS[name].defaults
    space: ClassVar[Space] = TRAINERS[name].space
