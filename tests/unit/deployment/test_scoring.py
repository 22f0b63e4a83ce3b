"""A release's model without the server."""

import numpy as np
import pandas as pd
import pytest
from onnx import TensorProto, helper

from include.deployment.scoring import OnnxModel
from include.errors import DataError

ENCODING = {
    "features": [
        {"name": "carrier", "kind": "categorical", "categories": ["AA", "UA"]},
        {"name": "temp", "kind": "numeric", "categories": None},
    ]
}


def identity() -> bytes:
    """Says what it is given: two columns."""
    given, said = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, 2]) for n in ("input", "scores"))
    graph = helper.make_graph([helper.make_node("Identity", ["input"], ["scores"])], "same", [given], [said])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8).SerializeToString()


def scored(table: bool, width: int) -> np.ndarray:
    model = OnnxModel(identity(), ENCODING, table, width)
    rows = pd.DataFrame({"temp": pd.array([1, None], dtype="Int64"), "carrier": ["UA", None], "more": [0, 0]})
    return model.scores(model.encode(rows))


def test_one_score_per_row_is_the_last_column() -> None:
    np.testing.assert_array_equal(scored(False, 1), [1, np.nan])


def test_classes_and_clusters_have_one_score_each() -> None:
    np.testing.assert_array_equal(scored(True, 2), [[1, 1], [-1, np.nan]])


def test_lacking_features_are_named() -> None:
    with pytest.raises(DataError, match=r"lack the features \['carrier'\]"):
        OnnxModel(identity(), ENCODING, False, 1).encode(pd.DataFrame({"temp": [1.0]}))
