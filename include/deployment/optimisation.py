"""Other forms of a model's ONNX graph: measured on real rows, and used only if they are better.

Graph optimisation is ONNX Runtime's own, done once and stored (level *extended*: it runs on every CPU). Dynamic
quantisation (ONNX Runtime, weights of 8 bits) makes large matrix products several times faster and small ones slower,
so it is measured.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from include.deployment.scoring import OnnxModel
from include.families.protocol import Family
from include.specification.packaging import Packaging

NOISE = 1.02  # two runs of one graph differ by as much
WORTHWHILE = 0.9  # what a loss of precision must pay
ROUNDS, CALLS = 30, 10
BATCH = 64
QUANTISABLE = {"Attention", "Conv", "EmbedLayerNormalization", "Gather", "Gemm", "LSTM", "MatMul"}


@dataclass(frozen=True)
class Proof:
    """Real rows as the model reads them [N, columns], and what the trained model says of them [N] or [N, K].

    ``unit`` is that of a bound of the spec: the standard deviation of a label that is a number, else 1.
    """

    family: Family
    encoding: dict[str, Any]
    matrix: np.ndarray
    expected: np.ndarray
    unit: float = 1.0

    @property
    def width(self) -> int:
        """Scores per row."""
        return self.expected.shape[1] if self.expected.ndim == 2 else 1

    def model(self, content: bytes) -> OnnxModel:
        """In one thread, as the server runs it."""
        return OnnxModel(content, self.encoding, self.family.facts.table, self.width, threads=1)

    def differences(self, content: bytes) -> dict[str, Any]:
        """How far the graph's scores are from the trained model's; ``changed_predictions`` counts rows."""
        answer = self.model(content).scores(self.matrix)
        difference = np.abs(answer - self.expected)
        return {
            "max_difference": float(difference.max()),
            "p99_difference": float(np.quantile(difference, 0.99)),
            "changed_predictions": self._changed(answer),
        }

    def _changed(self, answer: np.ndarray) -> int:
        """Rows that get another class or cluster."""
        if self.family.facts.predicts == "value":
            return 0
        return int((self.family.predicted(answer) != self.family.predicted(self.expected)).sum())


@dataclass(frozen=True)
class Variant:
    """One form of the graph; ``time_ratio`` is its one-row time over that of the form it would replace."""

    name: str
    content: bytes
    facts: dict[str, Any]
    bound: float
    time_ratio: float = 1.0
    refused: str = ""

    def summary(self) -> dict[str, Any]:
        facts = {"onnx_bytes": len(self.content), "time_ratio": round(self.time_ratio, 3)} if self.content else {}
        return {"form": self.name, "kept": not self.refused, "refused": self.refused, **self.facts, **facts}


def choose(original: Variant, proof: Proof, wanted: Packaging) -> tuple[Variant, list[dict[str, Any]]]:
    """The form to package, and a summary of each one tried; ``original`` is proved already."""
    chosen, tried = original, [original.summary()]
    if wanted.optimise:
        chosen, tried = _try("optimised", _optimised(original.content), chosen, proof, NOISE, original.bound, tried)
    if wanted.quantise == "auto":
        bound = wanted.quantised_bound * proof.unit if wanted.quantised_bound else original.bound
        chosen, tried = _try("quantised", _quantised(original.content), chosen, proof, WORTHWHILE, bound, tried)
    return chosen, tried


def _try(
    name: str, made: bytes | str, now: Variant, proof: Proof, limit: float, bound: float, tried: list[dict[str, Any]]
) -> tuple[Variant, list[dict[str, Any]]]:
    if isinstance(made, str):
        variant = Variant(name, b"", {}, bound, refused=made)
    else:
        facts, ratio = proof.differences(made), time_ratio(proof, now.content, made)
        variant = Variant(name, made, facts, bound, ratio, refusal(facts["max_difference"], bound, ratio, limit))
    return (now if variant.refused else variant), [*tried, variant.summary()]


def refusal(difference: float, bound: float, ratio: float, limit: float) -> str:
    """Why a form is not kept; '' when it is: as exact as ``bound`` says, and its time at most ``limit`` of the old."""
    inexact = f"its scores differ by {difference:.2g} from the trained model's; the bound is {bound:g}"
    slow = f"it takes {ratio:.2f} times as long as the form before it; at most {limit:g} is worth it"
    return "; ".join([inexact] * (not difference <= bound) + [slow] * (not ratio <= limit))


def _optimised(content: bytes) -> bytes:
    import onnxruntime

    with tempfile.TemporaryDirectory() as directory:
        file, options = Path(directory) / "model.onnx", onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(file)
        onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        return file.read_bytes()


def _quantised(content: bytes) -> bytes | str:
    """The graph with 8-bit weights, or the reason why there is none."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load_from_string(content)
    operators = {node.op_type for node in model.graph.node}
    if not operators & QUANTISABLE:
        return f"nothing to quantise: its operators are {', '.join(sorted(operators))}"
    del model.graph.value_info[:]  # torch names inner shapes that the quantiser, which changes them, trips over
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "model.onnx"
        try:
            quantize_dynamic(model, file, weight_type=QuantType.QInt8)
        except (ValueError, RuntimeError, onnx.shape_inference.InferenceError) as error:
            return f"ONNX Runtime cannot quantise it: {error}"
        return file.read_bytes()


def time_ratio(proof: Proof, old: bytes, new: bytes) -> float:
    """One-row time of ``new`` over that of ``old``: the median of rounds in which both ran in turn."""
    models, row = (proof.model(old), proof.model(new)), proof.matrix[:1]
    rounds = np.array([[_seconds(model, row, CALLS) for model in models] for _ in range(ROUNDS)])
    return float(np.median(rounds[:, 1] / rounds[:, 0]))


def _seconds(model: OnnxModel, rows: np.ndarray, calls: int) -> float:
    begun = time.perf_counter()
    for _ in range(calls):
        model.scores(rows)
    return (time.perf_counter() - begun) / calls


def latency(model: OnnxModel, matrix: np.ndarray) -> dict[str, float]:
    """Microseconds of one call: one row (median and p99) and ``BATCH`` rows (median)."""
    batch = np.resize(matrix, (BATCH, matrix.shape[1]))
    one, many = (1e6 * np.array([_seconds(model, rows, 1) for _ in range(200)]) for rows in (matrix[:1], batch))
    return {
        "one_row_microseconds": float(np.median(one)),
        "one_row_p99_microseconds": float(np.quantile(one, 0.99)),
        f"rows_{BATCH}_microseconds": float(np.median(many)),
    }
