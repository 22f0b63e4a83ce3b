"""What the serving code makes of scores: the very file that runs in the model server."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.families.registry import family_named
from include.families.serving import flags, headline, outputs
from include.specification.task import TASKS
from tests.unit.deployment.serving_code import served
from tests.unit.development.tasks import task_spec

SERVED = served("answers")
SPECS = {task: task_spec(task) for task in TASKS}


def facts(task: str) -> dict:
    return flags(SPECS[task])


def table(rows: list, task: str) -> np.ndarray:
    return np.array(rows, dtype=np.float32)[:, : 3 if TASKS[task].table else 1]


ROWS = st.lists(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), min_size=1, max_size=5)
TASK = st.sampled_from(sorted(TASKS))


@given(ROWS, TASK)
def test_the_server_predicts_what_the_evaluation_judges(rows: list, task: str) -> None:
    scores = table(rows, task)
    known = scores if scores.shape[1] > 1 else scores[:, 0]
    np.testing.assert_array_equal(SERVED.codes(facts(task), scores), family_named(task).predicted(known))
    np.testing.assert_array_equal(SERVED.headline(scores), headline(known))


@given(ROWS, TASK)
def test_every_declared_output_is_there_one_row_per_row(rows: list, task: str) -> None:
    kinds = {"TYPE_INT64": "int64", "TYPE_FP32": "float32", "TYPE_FP64": "float64", "TYPE_STRING": "object"}
    said = SERVED.tensors(facts(task), table(rows, task))
    assert {name: str(values.dtype) for name, values in said.items()} == {
        name: kinds[kind] for name, kind in outputs(SPECS[task]).items()
    }
    assert {len(values) for values in said.values()} == {len(rows)}


@pytest.mark.parametrize(
    ("task", "scores", "record"),
    [
        ("binary", [0.75], {"prediction": 1.0, "probability": 0.75, "scores": [0.75]}),
        ("multiclass", [0.25, 0.5, 0.25], {"prediction": 1.0, "probability": 0.5, "scores": [0.25, 0.5, 0.25]}),
        ("regression", [-8.0], {"prediction": -8.0, "probability": None, "scores": [-8.0]}),
        ("clustering", [-3.0, -2.0, -1.0], {"prediction": 2.0, "probability": None, "scores": [-3.0, -2.0, -1.0]}),
    ],
)
def test_the_log_keeps_all_scores_and_a_probability_where_there_is_one(task: str, scores: list, record: dict) -> None:
    assert SERVED.records(facts(task), np.array([scores], dtype=np.float32)) == [record]


def test_a_class_is_told_by_its_name() -> None:
    said = SERVED.tensors(facts("multiclass"), np.array([[0.1, 0.2, 0.7], [0.8, 0.1, 0.1]], dtype=np.float32))
    assert said["prediction"].tolist() == [[b"high"], [b"low"]]


@pytest.mark.parametrize("task", ["regression", "forecasting"])
def test_a_value_with_a_large_offset_is_answered_to_the_last_digit(task: str) -> None:
    said = SERVED.tensors(facts(task), np.array([[100_000_000.25]]))
    assert said["prediction"].item() == 100_000_000.25
