"""Several ONNX models as one graph that returns the mean of their scores."""

from collections.abc import Sequence
from typing import Any

END = 2**63 - 1
OPSET = 13  # the oldest version of ONNX's own operators that this graph is written in


def averaged(members: Sequence[tuple[bytes, int]], scores: int) -> bytes:
    """One model over the inputs of ``members`` side by side: each a model with the number of its input columns.

    A member's scores are the last columns of its last output; ``scores`` is how many columns those are.
    """
    import onnx
    from onnx import TensorProto, helper

    models = one_opset([onnx.load_from_string(content) for content, _ in members])
    nodes, initializers, functions, outputs, start = [], [], [], [], 0
    for number, (model, (_, width)) in enumerate(zip(models, members, strict=True)):
        own = onnx.compose.add_prefix(model, f"member{number}_")
        graph, prefix = own.graph, f"cut{number}_"
        cut, constants = _slice("input", graph.input[0].name, start, start + width, f"{prefix}input")
        last, more = _slice(graph.output[-1].name, f"{prefix}scores", -scores, END, f"{prefix}output")
        nodes += [cut, *graph.node, last]
        initializers += [*constants, *graph.initializer, *more]
        functions += list(own.functions)
        outputs.append(f"{prefix}scores")
        start += width
    doubles = any(m.graph.output[-1].type.tensor_type.elem_type == TensorProto.DOUBLE for m in models)
    kind = TensorProto.DOUBLE if doubles else TensorProto.FLOAT
    nodes += _double_mean(outputs) if doubles else [helper.make_node("Mean", outputs, ["scores"])]
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, start])
    answer = helper.make_tensor_value_info("scores", kind, [None, scores])
    graph = helper.make_graph(nodes, "moebius", [given], [answer], initializers)
    merged = helper.make_model(graph, opset_imports=_opsets(models), functions=functions)
    merged.ir_version = max(model.ir_version for model in models)
    onnx.checker.check_model(merged)
    return merged.SerializeToString()


def _double_mean(outputs: Sequence[str]) -> list[Any]:
    """The mean of outputs of any type in float64, in which ONNX Runtime has no Mean."""
    from onnx import TensorProto, helper

    doubles = [f"double_{output}" for output in outputs]
    count = helper.make_tensor("count", TensorProto.DOUBLE, [], [len(outputs)])
    return [
        *(helper.make_node("Cast", [o], [d], to=TensorProto.DOUBLE) for o, d in zip(outputs, doubles, strict=True)),
        helper.make_node("Sum", doubles, ["sum"]),
        helper.make_node("Constant", [], ["count"], value=count),
        helper.make_node("Div", ["sum", "count"], ["scores"]),
    ]


def _slice(source: str, target: str, start: int, end: int, name: str) -> tuple[Any, list[Any]]:
    """Columns ``start`` to ``end`` as a node and its constants."""
    from onnx import TensorProto, helper

    values = {"starts": start, "ends": end, "axes": 1}
    constants = [helper.make_tensor(f"{name}_{key}", TensorProto.INT64, [1], [value]) for key, value in values.items()]
    return helper.make_node("Slice", [source, *(c.name for c in constants)], [target], name=name), constants


def one_opset(models: Sequence[Any]) -> list[Any]:
    """All of them at the newest version of ONNX's own operators that one of them uses."""
    from onnx import version_converter

    newest = max(OPSET, *(_version(model) for model in models))
    return [version_converter.convert_version(m, newest) if 0 < _version(m) < newest else m for m in models]


def _version(model: Any) -> int:
    """Of ONNX's own operators; 0 when it uses none."""
    return max((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), default=0)


def _opsets(models: Sequence[Any]) -> list[Any]:
    from onnx import helper

    newest = {"": OPSET}
    for one in (opset for model in models for opset in model.opset_import):
        domain = "" if one.domain == "ai.onnx" else one.domain
        newest[domain] = max(one.version, newest.get(domain, 0))
    return [helper.make_opsetid(domain, version) for domain, version in newest.items()]
