"""The curves of a calibrator as a part of the model's ONNX graph.

Between its points a curve is a sum of rises, one for each piece that the score has passed or is in. All rises are
positive, so nothing cancels, and the graph keeps the order of rows as Python does. It computes in float64 and answers
in float32, as the graph did before.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from include.development.trainers.label_units import require_own_operators
from include.development.trainers.onnx_average import END, one_opset
from include.evaluation.calibrator import Curve

PREFIX = "calibrated_"


def calibrated(content: bytes, curves: Sequence[Curve]) -> bytes:
    """The model whose last output is float32 (rows, number of curves): probabilities, which of classes add up to 1.

    The scores are the last columns of its last output; without curves it stays as it is.
    """
    if not curves:
        return content
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load_from_string(content)
    require_own_operators(model)
    (model,) = one_opset([model])
    graph, scores = model.graph, model.graph.output[-1]
    graph.initializer.extend(_constants(curves))
    graph.node.extend(_nodes(scores.name, len(curves)))
    del graph.output[-1]
    graph.output.append(helper.make_tensor_value_info(f"{PREFIX}answer", TensorProto.FLOAT, [None, len(curves)]))
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def _constants(curves: Sequence[Curve]) -> list[Any]:
    from onnx import numpy_helper

    starts, widths, slopes = (np.stack(parts) for parts in zip(*map(_pieces, _equally_long(curves)), strict=True))
    values = {
        "starts": starts, "widths": widths, "slopes": slopes,
        "lowest": np.array([curve.probabilities[0] for curve in curves]),
        "nothing": np.array(0.0), "pieces_axis": np.array([2]), "classes_axis": np.array([1]),
        "first": np.array([-len(curves)]), "end": np.array([END]), "column": np.array([-1, len(curves), 1]),
    }  # fmt: skip
    return [numpy_helper.from_array(value, f"{PREFIX}{name}") for name, value in values.items()]


def _equally_long(curves: Sequence[Curve]) -> list[np.ndarray]:
    """(2, points) of each, the last point repeated: a piece without width adds nothing."""
    columns = [np.array([curve.scores, curve.probabilities]) for curve in curves]
    longest = max(column.shape[1] for column in columns)
    return [np.pad(column, ((0, 0), (0, longest - column.shape[1])), mode="edge") for column in columns]


def _pieces(curve: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each piece starts, how wide it is, and its slope."""
    widths, rises = np.diff(curve)
    return curve[0, :-1], widths, np.divide(rises, widths, out=np.zeros(len(widths)), where=widths > 0)


def _nodes(scores: str, classes: int) -> list[Any]:
    """From the output ``scores`` to float32 probabilities."""
    from onnx import TensorProto, helper

    def step(operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> Any:
        return helper.make_node(operator, inputs, [f"{PREFIX}{output}"], f"{PREFIX}{output}", **attributes)

    steps = [
        step("Slice", [scores, *_named("first", "end", "classes_axis")], "cut"),
        step("Cast", _named("cut"), "double", to=TensorProto.DOUBLE),
        step("Reshape", _named("double", "column"), "columns"),
        step("Sub", _named("columns", "starts"), "beyond"),
        step("Min", _named("beyond", "widths"), "within"),
        step("Max", _named("within", "nothing"), "gone"),
        step("Mul", _named("gone", "slopes"), "rises"),
        step("ReduceSum", _named("rises", "pieces_axis"), "risen", keepdims=0),
        step("Add", _named("risen", "lowest"), "curved"),
    ]
    if classes > 1:
        steps.append(step("ReduceSum", _named("curved", "classes_axis"), "total", keepdims=1))
        steps.append(step("Div", _named("curved", "total"), "shares"))
    last = "shares" if classes > 1 else "curved"
    return [*steps, step("Cast", _named(last), "answer", to=TensorProto.FLOAT)]


def _named(*names: str) -> list[str]:
    return [f"{PREFIX}{name}" for name in names]
