"""The one fitting loop of every network: AdamW, early stopping on the validation loss, the best weights kept.

With ``patience`` 0 the validation part decides nothing: all epochs, the last weights.
"""

import copy
import io
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from include.development.trainers.checkpoint import Checkpoint
from include.development.trainers.protocol import Matrix, kept_step, stagnates
from include.development.trainers.torch_model import BATCH, Scoring, threads
from include.errors import TrainingError

Report = Callable[[int, float], None]


@dataclass(frozen=True)
class Options:
    """How the loop runs; ``patience`` epochs without a better validation loss end it (0: never, the last are kept)."""

    epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    seed: int
    device: str


class Rows:
    """A part on the device: X, labels, and weights with mean 1."""

    def __init__(self, part: Matrix, device: str) -> None:
        weight = np.ones(len(part.X)) if part.weight is None else part.weight / part.weight.mean()
        self.x = torch.from_numpy(part.X).to(device)
        self.y = torch.from_numpy(np.asarray(part.y, dtype=np.float32)).to(device)
        self.weight = torch.from_numpy(np.asarray(weight, dtype=np.float32)).to(device)

    def __len__(self) -> int:
        return len(self.x)


@dataclass
class Progress:
    """Where a fit stands after an epoch."""

    curve: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)

    def over(self, options: Options) -> bool:
        return len(self.curve) >= options.epochs or stagnates(self.curve, options.patience)


def fit(
    scoring: Scoring, train: Matrix, validation: Matrix, options: Options, kept: Checkpoint, report: Report | None
) -> list[dict[str, float]]:
    """Fit ``scoring`` in place and give the losses by epoch.

    Raises TrainingError when the loss is no number any more.
    """
    scoring.to(options.device)
    rows, held_out = Rows(train, options.device), Rows(validation, options.device)
    adam = torch.optim.AdamW(scoring.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
    progress = _resumed(kept, scoring, adam)
    while not progress.over(options):
        loss = _epoch(scoring, adam, rows, options.batch_size)
        held = _loss(scoring, held_out)
        _require_finite(len(progress.curve) + 1, loss, held, options)
        progress.curve.append({"step": len(progress.curve) + 1, "train": loss, "validation": held})
        if kept_step(progress.curve, options.patience) == len(progress.curve) - 1:
            progress.best = copy.deepcopy(scoring.state_dict())
        _write(kept, progress, scoring, adam)
        if report:
            report(len(progress.curve), held)
    scoring.load_state_dict(progress.best)
    return progress.curve


def _epoch(scoring: Scoring, adam: Any, rows: Rows, batch_size: int) -> float:
    """One pass in random order; the mean loss on the way."""
    scoring.train()
    total = torch.zeros((), device=rows.x.device)
    for batch in torch.randperm(len(rows)).to(rows.x.device).split(batch_size):
        losses = scoring.losses(rows.x[batch], rows.y[batch]) * rows.weight[batch]
        adam.zero_grad()
        losses.mean().backward()
        torch.nn.utils.clip_grad_norm_(scoring.parameters(), 1.0)
        adam.step()
        total += losses.detach().sum()
    return float(total) / len(rows)


@torch.no_grad()
def _loss(scoring: Scoring, rows: Rows) -> float:
    scoring.eval()
    parts = [slice(at, at + BATCH) for at in range(0, len(rows), BATCH)]
    summed = sum(float((scoring.losses(rows.x[p], rows.y[p]) * rows.weight[p]).double().sum()) for p in parts)
    return summed / len(rows)


def _require_finite(epoch: int, train: float, validation: float, options: Options) -> None:
    if not math.isfinite(train + validation):
        raise TrainingError(
            f"the fit diverged in epoch {epoch}: train loss {train}, validation loss {validation}; lower "
            f"learning_rate = {options.learning_rate}, or look for labels that are not numbers"
        )


def _write(kept: Checkpoint, progress: Progress, scoring: Scoring, adam: Any) -> None:
    if not kept.kept:
        return
    buffer = io.BytesIO()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    weights = {"scoring": scoring.state_dict(), "adam": adam.state_dict()}
    torch.save(vars(progress) | weights | {"random": torch.get_rng_state(), "cuda": cuda}, buffer)
    kept.write(buffer.getvalue())


def _resumed(kept: Checkpoint, scoring: Scoring, adam: Any) -> Progress:
    if (content := kept.read()) is None:
        return Progress()
    state = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    scoring.load_state_dict(state["scoring"])
    adam.load_state_dict(state["adam"])
    torch.set_rng_state(state["random"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])
    return Progress(state["curve"], state["best"])


@contextmanager
def reproducible(seed: int, count: int) -> Iterator[None]:
    """Chance comes from ``seed`` inside, and the process's own is untouched afterwards; ``count`` threads."""
    strict = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(), threads(count):
        torch.manual_seed(seed)
        # A GPU kernel without a deterministic form warns and is used: there equal fits are equal within a tolerance.
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict)


def options(parameters: Mapping[str, Any]) -> Options:
    """The parameters of a trainer that are the loop's."""
    device = parameters["device"]
    if device == "cuda" and not torch.cuda.is_available():
        raise TrainingError("parameter device = 'cuda', but there is no GPU that torch can use; use auto")
    chosen = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    names = ("epochs", "patience", "batch_size", "learning_rate", "weight_decay", "seed")
    return Options(**{name: parameters[name] for name in names}, device=chosen)
