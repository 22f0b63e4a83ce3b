"""The order of a refit, and the guard that it answers like the model that was judged."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.contracts.development import ModelRef
from include.development import refitting
from include.development.order import Fit, Order
from include.development.refitting import Proved, agreement
from include.development.search.tuning import Tuning
from include.development.trainers.trained_model import TrainedModel
from include.errors import TrainingError
from include.evaluation.calibrator import Calibrator, Curve
from include.specification.learning import Training
from include.specification.usecase import UseCase
from tests.unit.development.tasks import METRICS, task_dataset, task_parts, task_spec

ROWS = pd.DataFrame({"row": range(4)})


@dataclass(frozen=True)
class Says(TrainedModel):
    """A model with these answers; ``unit``: the standard deviation of its label."""

    answers: Any = None
    unit: float = 1.0

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        return np.asarray(self.answers)

    @property
    def spread(self) -> float:
        return self.unit


def proved(spec: UseCase) -> Proved:
    dataset = task_dataset(spec)
    ref = ModelRef(usecase=spec.name, version=7, run_id="r", uri="u", artifact_hash="a" * 64, dataset=dataset)
    return Proved(ref, task_parts(spec)[0])


def says(spec: UseCase, answers: Any, unit: float = 1.0) -> Says:
    model = proved(spec).model
    return Says(**{name: getattr(model, name) for name in model.__dataclass_fields__}, answers=answers, unit=unit)


def difference(task: str, judged: Any, refit: Any, unit: float = 1.0, allowed: float = 1e9) -> float:
    spec = task_spec(task).model_copy(update={"training": Training(agreement=allowed)})
    proof = replace(proved(spec), model=says(spec, judged, unit))
    return agreement(spec, proof, says(spec, refit), ROWS)


@pytest.mark.parametrize(
    ("task", "judged", "refit", "expected"),
    [
        ("binary", [0.1, 0.5, 0.9, 0.3], [0.2, 0.4, 0.9, 0.7], 0.15),
        ("multiclass", [[1, 0, 0], [0.5, 0.5, 0]] * 2, [[0, 1, 0], [0.5, 0.3, 0.2]] * 2, 0.6),
        ("clustering", [[0.0, -1], [0, -1], [-1, 0], [-1, 0]], [[5.0, 4], [-1, 0], [-1, 0], [-9, 0]], 0.25),
    ],
)
def test_answers_are_compared_as_probabilities_or_clusters(task: str, judged: Any, refit: Any, expected: float) -> None:
    assert difference(task, judged, refit) == pytest.approx(expected)
    assert difference(task, judged, judged) == 0


def test_numbers_are_compared_in_standard_deviations_of_the_label() -> None:
    judged = [100.0, 200, 300, 400]
    assert difference("regression", judged, [110.0, 190, 300, 400], unit=50) == pytest.approx(0.1)


def test_the_bound_itself_is_allowed_and_no_number_is_no_agreement() -> None:
    assert difference("binary", [0.0] * 4, [0.25] * 4, allowed=0.25) == 0.25
    with pytest.raises(TrainingError, match=r"differ from those of the judged model by 0\.25 \(as a probability\)"):
        difference("binary", [0.0] * 4, [0.25] * 4, allowed=0.24)
    with pytest.raises(TrainingError, match="by nan"):
        difference("binary", [0.0] * 4, [np.nan] * 4)


def fit(length: dict[str, Any] | None) -> Fit:
    tuning = Tuning(metric="roc_auc", parameters={})
    about = {"artifact_hash": "a", "threads": 1, "tuning": tuning, "curve": [], "cost": {}, "environment": {}}
    return Fit(parameters={"rate": 0.1, "rounds": 500}, length=length, **about)


def fitting(task: str) -> tuple[UseCase, Proved]:
    """A spec whose trainer and features are those of the judged model."""
    spec = task_spec(task)
    proof = proved(spec)
    return spec.model_copy(update={"trainer": spec.trainer.model_copy(update={"name": "xgboost"})}), replace(
        proof, model=replace(proof.model, trainer="xgboost")
    )


@pytest.mark.parametrize("task", METRICS)
def test_it_is_the_same_training_as_long_as_the_first_without_a_search(task: str) -> None:
    spec, proof = fitting(task)
    champion = proof.ref.model_copy(update={"version": 3})
    ordered = Order(dataset=proof.ref.dataset, trials=20, minutes=5, start=champion, run="again", search="s")
    wider = proof.ref.dataset.model_copy(update={"name": "wider"})
    asked = refitting.order(spec, proof, ordered, fit({"rounds": 37}), wider)
    assert (asked.dataset.name, asked.trials, asked.run, asked.search) == ("wider", 0, "again", "")
    assert asked.parameters == {"rate": 0.1, "rounds": 37}
    assert asked.refit_of is not None
    assert (asked.refit_of.version, asked.refit_of.artifact_hash) == (7, "a" * 64)
    assert asked.start == (proof.ref if task == "clustering" else champion), "clusters keep the numbers of the proof"


def test_it_keeps_the_calibrator_of_the_first_through_its_order() -> None:
    spec, proof = fitting("binary")
    curve = Curve(scores=(0.0, 1.0), probabilities=(0.1, 0.8))
    calibrated = replace(proof, model=proof.model.with_calibrator(Calibrator(method="sigmoid", curves=(curve,))))
    ordered = Order(dataset=proof.ref.dataset)
    asked = refitting.order(spec, calibrated, ordered, fit({}), proof.ref.dataset)
    assert Order.model_validate_json(asked.model_dump_json()).calibrator == calibrated.model.calibrator


def test_what_nobody_can_fit_again_says_why() -> None:
    spec, proof = fitting("binary")
    ordered = Order(dataset=proof.ref.dataset)
    with pytest.raises(TrainingError, match=r"version 7 cannot be fitted again .* before the number of its rounds"):
        refitting.order(spec, proof, ordered, fit(None), proof.ref.dataset)
    other = replace(proof, model=replace(proof.model, trainer="torch_tabular"))
    with pytest.raises(
        TrainingError, match=r"version 7 was judged as torch_tabular on 8 features, and the spec now says"
    ):
        refitting.order(spec, other, ordered, fit({}), proof.ref.dataset)
