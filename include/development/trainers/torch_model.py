"""A network with its task: raw outputs to scores; saved, loaded and exported."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from include.development.trainers.archive import pack, unpack
from include.development.trainers.protocol import Curve, Parameters, Problem, kept_step
from include.errors import TrainingError

BATCH = 4096  # rows scored at once


class Scoring(nn.Module):
    """The matrix (rows, columns) float32 to scores (rows, 1) or (rows, K)."""

    def __init__(self, network: nn.Module, problem: Problem) -> None:
        super().__init__()
        self.network, self.facts = network, problem.facts

    def forward(self, x: Tensor) -> Tensor:
        raw = self.network(x)
        if self.facts.predicts == "value":
            return raw
        return torch.softmax(raw, dim=1) if self.facts.table else torch.sigmoid(raw)

    def losses(self, x: Tensor, y: Tensor) -> Tensor:
        """(rows,) log loss, or squared error."""
        raw = self.network(x)
        if self.facts.predicts == "value":
            return (raw[:, 0] - y) ** 2
        if self.facts.table:
            return nn.functional.cross_entropy(raw, y.long(), reduction="none")
        return nn.functional.binary_cross_entropy_with_logits(raw[:, 0], y, reduction="none")


class TorchModel:
    """A fitted network on the CPU."""

    def __init__(
        self, trainer: str, scoring: Scoring, problem: Problem, known: Parameters, threads: int = 1, curve: Curve = ()
    ) -> None:
        self.scoring, self.problem, self.curve = scoring.cpu().eval(), problem, curve
        self._trainer, self._parameters, self._threads = trainer, dict(known), threads

    def predict(self, X: np.ndarray) -> np.ndarray:
        with threads(self._threads), torch.no_grad():
            batches = [self.scoring(torch.from_numpy(X[at : at + BATCH])) for at in range(0, len(X), BATCH)]
        scores = torch.cat(batches) if batches else torch.empty(0, self.problem.outputs)
        scores = scores.double().numpy()
        return scores if self.problem.facts.table else scores[:, 0]

    def save(self) -> bytes:
        """A JSON header and the weights as .npy files: no pickle, nothing that runs when it is read."""
        header = {"trainer": self._trainer, "parameters": self._parameters, "task": self.problem.task}
        files = {"header.json": json.dumps(header, sort_keys=True).encode()}
        return pack(files | {f"{name}.npy": _npy(value) for name, value in self.scoring.state_dict().items()})

    def onnx(self) -> bytes:
        example, shapes = (torch.zeros(2, self.problem.width),), ({0: torch.export.Dim("rows")},)
        names: Any = {"input_names": ["input"], "output_names": ["scores"]}
        with _quiet():
            program = torch.onnx.export(
                self.scoring, example, dynamo=True, dynamic_shapes=shapes, verbose=False, **names
            )
        return _plain(program.model_proto).SerializeToString(deterministic=True)

    def length(self) -> Parameters:
        return {"epochs": kept_step(self.curve, int(self._parameters["patience"])) + 1, "patience": 0}

    def describe(self) -> dict[str, Any]:
        return {
            "algorithm": f"neural network ({self._trainer}, PyTorch)",
            "weights": sum(p.numel() for p in self.scoring.parameters()),
            "features": len(self.problem.inputs),
            "bytes": len(self.save()),
        }


def saved(content: bytes, trainer: str) -> tuple[Parameters, dict[str, Tensor]]:
    """Parameters and weights of a saved model; raises TrainingError when it is none of ``trainer``."""
    files = unpack(content, f"a model of {trainer}")
    try:
        header = json.loads(files.pop("header.json"))
        state = {name.removesuffix(".npy"): torch.from_numpy(_array(data)) for name, data in files.items()}
    except (KeyError, ValueError) as error:
        raise TrainingError(f"{len(content)} bytes are not a model of {trainer}: {error}; train it again") from error
    if header.get("trainer") != trainer:
        raise TrainingError(f"the model is of trainer {header.get('trainer')!r}, not {trainer!r}; load it with that")
    return header["parameters"], state


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads inside, as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's own deprecations and its remarks about libraries that nobody needs here."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _plain(model: Any) -> Any:
    """Without stack traces: they name paths of the machine."""
    for node in [*model.graph.node, *(node for function in model.functions for node in function.node)]:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    return model


def _npy(value: Tensor) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, value.contiguous().numpy(), allow_pickle=False)
    return buffer.getvalue()


def _array(content: bytes) -> np.ndarray:
    return np.load(io.BytesIO(content), allow_pickle=False)
