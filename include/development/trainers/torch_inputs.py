"""From the matrix to what a network computes with: numbers standardised, codes embedded."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from include.contracts.encoding import NO_WORD
from include.development.trainers.protocol import Placed

CLIP = 10.0  # standard deviations: beyond, a wrong unit or an outlier would drown everything else
WORD_WIDTH = 16
WIDTHS = ((10, 4), (50, 8), (500, 16))  # up to so many categories, so wide a vector


def tensors(inputs: Sequence[Placed], rank: int) -> dict[str, list[Placed]]:
    """The inputs that belong to a tensor of ``rank`` dimensions, by its name."""
    groups: dict[str, list[Placed]] = {}
    for one in inputs:
        if len(one.input.shape) == rank:
            groups.setdefault(one.input.tensor, []).append(one)
    return groups


class Standardised(nn.Module):
    """Numbers (…, n) to (…, 2n): in standard deviations from the mean, and whether they were missing.

    Missing is the mean. Where nothing was missing in training, the second half stays 0: its weights learned nothing.
    """

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.width = 2 * numbers
        for name, value in (("mean", 0.0), ("scale", 1.0), ("can_miss", 0.0)):
            self.register_buffer(name, torch.full((numbers,), value))

    def learn(self, x: Tensor) -> None:
        """Mean and spread of ``x``, of shape (rows, n)."""
        wide, missing = x.double(), x.isnan()
        count = (~missing).sum(0).clamp(min=1)
        mean = wide.nan_to_num().sum(0) / count
        spread = (((wide - mean).nan_to_num() ** 2).sum(0) / count).sqrt()
        self.mean.copy_(mean)
        self.scale.copy_(torch.where(spread > 0, spread, 1.0))
        self.can_miss.copy_(missing.any(0))

    def forward(self, x: Tensor) -> Tensor:
        missing = x.isnan()
        known = torch.where(missing, self.mean, x)
        standard = ((known - self.mean) / self.scale).clamp(-CLIP, CLIP)
        return torch.cat([standard, missing * self.can_miss], dim=-1)


class Category(nn.Module):
    """Codes (rows,) to vectors (rows, width); the unknown category, -1, has one too."""

    def __init__(self, size: int) -> None:
        super().__init__()
        # In steps, so that a few new categories do not change it: then a warm start can keep the vectors.
        self.width = next((width for most, width in WIDTHS if size <= most), 32)
        self.embedding = nn.Embedding(size + 1, self.width)
        nn.init.zeros_(self.embedding.weight[:1].detach())

    def forward(self, codes: Tensor) -> Tensor:
        return self.embedding(codes.long() + 1)


class Words(nn.Module):
    """Codes (rows, length) to the mean vector of the words (rows, width); zeros for no words."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.width = WORD_WIDTH
        self.embedding = nn.Embedding(size, self.width)

    def forward(self, codes: Tensor) -> Tensor:
        there = (codes != NO_WORD).unsqueeze(-1).float()
        return (self.embedding(codes.long()) * there).sum(1) / there.sum(1).clamp(min=1)


class Inputs(nn.Module):
    """The matrix (rows, columns) to one vector per row, (rows, width), of the inputs given."""

    def __init__(self, inputs: Sequence[Placed]) -> None:
        super().__init__()
        numbers = [one.at for one in inputs if one.input.kind == "numeric"]
        self.register_buffer("columns", torch.tensor(numbers, dtype=torch.long), persistent=False)
        self.numbers = Standardised(len(numbers))
        self.categories = nn.ModuleDict({_key(p): Category(p.input.size) for p in inputs if _is(p, "categorical")})
        self.texts = nn.ModuleDict({_key(p): Words(p.input.size) for p in inputs if _is(p, "text")})
        self._at = {_key(one): one for one in inputs}
        embedded = [*self.categories.values(), *self.texts.values()]
        self.width = self.numbers.width + sum(one.width for one in embedded)

    def learn(self, x: Tensor) -> None:
        """What the numbers are like, from the training part."""
        self.numbers.learn(x[:, self.columns])

    def forward(self, x: Tensor) -> Tensor:
        vectors = [self.numbers(x[:, self.columns])]
        vectors += [embed(x[:, self._at[key].at]) for key, embed in self.categories.items()]
        for key, embed in self.texts.items():
            columns = self._at[key].columns
            vectors.append(embed(x[:, columns.start : columns.stop]))
        return torch.cat(vectors, dim=1)


def _is(one: Placed, kind: str) -> bool:
    return one.input.kind == kind


def _key(one: Placed) -> str:
    return f"of_{one.input.name}"  # a plain name may be one of ModuleDict's own attributes


def mlp(width: int, hidden: int, layers: int, dropout: float, outputs: int) -> nn.Sequential:
    """``layers`` hidden layers of ``hidden`` units with ReLU, then the outputs."""
    steps: list[nn.Module] = []
    for _ in range(layers):
        steps += [nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout)]
        width = hidden
    return nn.Sequential(*steps, nn.Linear(width, outputs))
