"""The graph of a network answers like the network: every kind of layer and every kind of score once."""

import numpy as np
import pytest

from tests.unit.development.trainers.test_label_units import NETWORK, WORLDS, fit, said_by_graph
from tests.unit.development.trainers.trainer_cases import CASES, Case, answers_like_the_model, rows

pytestmark = pytest.mark.integration
NETWORKS = ("torch_image-regression", "torch_sequence", "torch_text-multiclass")


@pytest.mark.parametrize("case", [case for case in CASES if repr(case).startswith(NETWORKS)], ids=repr)
def test_onnx_answers_like_the_network(case: Case) -> None:
    answers_like_the_model(case)


def test_the_graph_loses_no_digits_to_a_large_offset_of_the_target() -> None:
    model, X = fit(NETWORK, *WORLDS[1]), rows(NETWORK, 100, seed=7).X
    assert np.abs(said_by_graph(model, X) - model.predict(X)).max() <= 1e-5 * WORLDS[1][1]
