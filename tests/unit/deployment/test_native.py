"""The model directory for the native ONNX Runtime backend says what the graph says."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from google.protobuf import text_format
from onnx import TensorProto, helper
from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig

from include.deployment import native, pipeline, schema
from include.errors import DeploymentError
from include.specification.loader import load_usecase, usecase_names
from tests.unit.deployment.test_optimisation import WIDTH, dense
from tests.unit.deployment.test_scoring import identity


def parsed(text: str) -> ModelConfig:
    return text_format.Parse(text, ModelConfig())


def test_the_configuration_is_tritons_and_names_the_graphs_tensors(tmp_path: Path) -> None:
    row = np.array([1.5, np.nan, -2.0, 0.25], dtype=np.float32)
    native.write(tmp_path / "native", dense(), row)
    config = parsed((tmp_path / "native" / "config.pbtxt").read_text())
    session = onnxruntime.InferenceSession(str(tmp_path / "native" / "1" / "model.onnx"))
    assert config.backend == "onnxruntime"
    assert [(t.name, list(t.dims)) for t in config.input] == [(session.get_inputs()[0].name, [WIDTH])]
    assert [(t.name, list(t.dims)) for t in config.output] == [(session.get_outputs()[-1].name, [3])]
    warm = config.model_warmup[0].inputs["input"]
    assert list(warm.dims) == [WIDTH]
    stored = np.fromfile(tmp_path / "native" / "warmup" / warm.input_data_file, dtype="<f4")
    np.testing.assert_array_equal(stored, row)


def test_a_graph_with_several_columns_keeps_its_names() -> None:
    config = parsed(native.config(identity(), 2))
    assert (config.input[0].name, config.output[0].name, config.max_batch_size) == ("input", "scores", 64)


def test_a_graph_that_answers_in_words_is_refused() -> None:
    ends = [helper.make_tensor_value_info(*end, [None, 1]) for end in (("input", 1), ("said", TensorProto.STRING))]
    node = helper.make_node("Cast", ["input"], ["said"], to=TensorProto.STRING)
    graph = helper.make_graph([node], "words", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    with pytest.raises(DeploymentError, match=r"'said' is a tensor\(string\)"):
        native.config(model.SerializeToString(), 1)


@pytest.mark.parametrize("policy", ["default", "fall_back"])
@pytest.mark.parametrize("name", usecase_names())
def test_the_pipelines_configuration_is_tritons_and_the_contracts(name: str, policy: str) -> None:
    spec = load_usecase(name)
    views = {n: view.model_copy(update={"when_missing": policy}) for n, view in spec.feature_views.items()}
    spec = spec.model_copy(update={"feature_views": views})
    config = parsed(pipeline.config(spec, {"releases": "/r"}))
    assert config.backend == "python"
    assert config.max_batch_size == schema.MAX_ROWS
    for declared, agreed in ((config.input, schema.inputs(spec)), (config.output, schema.outputs(spec))):
        found = [(t.name, DataType.Name(t.data_type), [-1, *t.dims]) for t in declared]
        kinds = {protocol: kind for kind, protocol in schema.PROTOCOL.items()}
        assert found == [(t["name"], kinds[t["datatype"]], t["shape"]) for t in agreed]
