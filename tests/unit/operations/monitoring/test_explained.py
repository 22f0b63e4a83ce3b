"""The explanation of one answer: exact for a linear model, and never of an answer that the model did not give."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.operations.monitoring.explained import FELL_BACK, explained
from include.operations.windows.window import Answering

WEIGHTS = np.array([0.5, -2.0, 0.25])
KEPT: dict[str, Any] = {"columns": {"temp": [0], "wind": [1], "secret": [2]}, "reference": [1.0, 0.0, 2.0]}


def linear(X: np.ndarray) -> np.ndarray:
    return np.asarray(X, dtype=float) @ WEIGHTS


def of(X: list[list[float]], logged: list[list[float]], **about: Any) -> list[Any]:
    model = Answering(lambda rows: rows.to_numpy(), linear)
    seen = about.pop("seen", ["temp", "wind", "secret"])
    return explained(model, pd.DataFrame(X).to_numpy(), KEPT, np.array(logged), 1e-6, [], seen)


def test_effects_lead_from_the_typical_answer_to_this_one() -> None:
    (one,) = of([[3.0, 0.5, 2.0]], [[1.0]])
    assert (one.reference, one.answer) == (pytest.approx(1.0), pytest.approx(1.0))
    assert one.effects == {"temp": pytest.approx(1.0), "wind": pytest.approx(-1.0), "secret": pytest.approx(0.0)}
    assert [*one.effects][-1] == "secret"


def test_what_a_role_may_not_read_has_no_name() -> None:
    (one,) = of([[3.0, 0.5, 6.0]], [[2.0]], seen=["temp"])
    assert (one.effects, one.hidden) == ({"temp": pytest.approx(1.0)}, pytest.approx(0.0))
    (one,) = of([[3.0, 0.0, 6.0]], [[3.0]], seen=["temp"])
    assert one.reference + sum(one.effects.values()) + one.hidden == pytest.approx(one.answer)


def test_a_fallback_is_not_explained_as_the_models_answer() -> None:
    assert [one.why_not for one in of([[3.0, 0.5, 2.0], [1.0, 0.0, 2.0]], [[0.4], [1.0]])] == [FELL_BACK, ""]


def test_of_classes_the_predicted_one_is_explained() -> None:
    model = Answering(lambda rows: rows.to_numpy(), lambda X: np.stack([1 - linear(X), linear(X)], axis=1))
    X = np.array([[3.0, 0.0, 2.0]])
    (one,) = explained(model, X, KEPT, np.array([[2.0, -1.0]]), 1e-6, ["early", "late"], ["temp"])
    assert (one.of, one.answer, one.effects["temp"]) == ("late", pytest.approx(2.0), pytest.approx(1.0))
