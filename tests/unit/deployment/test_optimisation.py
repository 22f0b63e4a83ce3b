"""Which form of a graph is packaged: decided on measured figures, tried on a real graph."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from include.deployment import optimisation
from include.deployment.optimisation import Proof, Variant, choose, refusal
from include.families.registry import family_named
from include.specification.packaging import Packaging

WIDTH, HIDDEN = 4, 32
ENCODING = {"features": [{"name": f"x{i}", "kind": "numeric", "categories": None} for i in range(WIDTH)]}
positive = st.floats(1e-9, 1e3)


def dense(seed: int = 0) -> bytes:
    """Two matrix products with a softmax over three classes behind them."""
    random = np.random.default_rng(seed)
    weights = {"first": (WIDTH, HIDDEN), "second": (HIDDEN, 3)}
    tensors = [numpy_helper.from_array(random.normal(size=s).astype(np.float32), n) for n, s in weights.items()]
    nodes = [
        helper.make_node("MatMul", ["input", "first"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("MatMul", ["active", "second"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"]),
    ]
    ends = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, w]) for n, w in (("input", WIDTH), ("scores", 3))
    ]
    graph = helper.make_graph(nodes, "dense", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8).SerializeToString()


def proof(content: bytes) -> Proof:
    matrix = np.random.default_rng(1).normal(size=(200, WIDTH)).astype(np.float32)
    bare = Proof(family_named("multiclass"), ENCODING, matrix, np.zeros((200, 3)))
    return Proof(bare.family, ENCODING, matrix, bare.model(content).scores(matrix))


@pytest.fixture
def tried() -> tuple[Variant, Proof]:
    content = dense()
    proved = proof(content)
    return Variant("as trained", content, proved.differences(content), bound=1e-6), proved


@given(difference=positive, bound=positive, ratio=positive, limit=positive)
def test_a_form_is_kept_only_when_it_is_exact_and_fast_enough(
    difference: float, bound: float, ratio: float, limit: float
) -> None:
    why = refusal(difference, bound, ratio, limit)
    assert (why == "") == (difference <= bound and ratio <= limit)
    assert ("bound" in why) == (difference > bound)
    assert ("times as long" in why) == (ratio > limit)


def test_figures_that_are_not_numbers_never_pass() -> None:
    assert refusal(float("nan"), 1.0, 0.5, 1.0)
    assert refusal(0.0, 1.0, float("nan"), 1.0)


def test_eight_bits_are_refused_by_the_parity_bound_and_reported_with_their_figures(
    tried: tuple[Variant, Proof],
) -> None:
    chosen, summaries = choose(*tried, Packaging(quantise="auto", optimise=False))
    assert chosen.name == "as trained"
    quantised = summaries[-1]
    assert (quantised["form"], quantised["kept"]) == ("quantised", False)
    assert quantised["max_difference"] > 1e-6
    assert quantised["onnx_bytes"] > 0
    assert "the bound is 1e-06" in quantised["refused"]


def test_eight_bits_that_pay_are_packaged_with_a_bound_of_their_own(
    tried: tuple[Variant, Proof], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimisation, "time_ratio", lambda *_: 0.5)  # what a large model measures
    chosen, _ = choose(*tried, Packaging(quantise="auto", quantised_bound=0.2))
    operators = {node.op_type for node in onnx.load_from_string(chosen.content).graph.node}
    assert (chosen.name, chosen.bound) == ("quantised", 0.2)
    assert {"MatMulInteger", "DynamicQuantizeLinear"} <= operators
    assert tried[1].differences(chosen.content) == chosen.facts


def test_a_graph_without_matrix_products_is_not_quantised(tried: tuple[Variant, Proof]) -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, WIDTH]) for name in ("input", "scores")]
    graph = helper.make_graph([helper.make_node("Relu", ["input"], ["scores"])], "relu", ends[:1], ends[1:])
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8).SerializeToString()
    chosen, summaries = choose(
        Variant("as trained", content, {}, 1e-6), tried[1], Packaging(quantise="auto", optimise=False)
    )
    assert chosen.content == content
    assert summaries[-1]["refused"] == "nothing to quantise: its operators are Relu"


def test_the_optimised_graph_gives_the_same_scores(tried: tuple[Variant, Proof]) -> None:
    _, summaries = choose(*tried, Packaging())
    optimised = summaries[1]
    assert optimised["form"] == "optimised"
    assert optimised["max_difference"] <= 1e-6
    assert optimised["changed_predictions"] == 0
    assert optimised["time_ratio"] > 0


def test_a_bound_of_a_number_is_relative_to_the_spread_of_the_label(
    tried: tuple[Variant, Proof], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimisation, "time_ratio", lambda *_: 0.5)
    original, proved = tried
    wanted = Packaging(quantise="auto", quantised_bound=1e-6)
    assert choose(original, proved, wanted)[0].name == "optimised"
    chosen, _ = choose(original, replace(proved, unit=1e6), wanted)
    assert (chosen.name, chosen.bound) == ("quantised", 1.0)
