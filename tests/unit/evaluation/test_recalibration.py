"""A candidate that only has another calibrator is judged by what a calibrator can change."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from include.errors import TrainingError
from include.evaluation import calibration, recalibration
from include.evaluation.metrics import calibration_error, log_losses, roc_area
from include.evaluation.verdict import decide
from include.specification.usecase import UseCase
from tests.unit.development.tasks import task_spec
from tests.unit.evaluation.balances import weighed
from tests.unit.evaluation.evaluation_specs import small_spec
from tests.unit.evaluation.test_calibration import binary, logistic, times
from tests.unit.evaluation.test_verdict import evidence

RANKED = small_spec()
WEIGHED = small_spec(comparison={"weights": {"brier": 0.5, "calibration": 0.2}})
COST = RANKED.comparison.min_gain


def by(spec: UseCase, gain: float, **gains: float) -> tuple[str, str, dict[str, bool | None]]:
    """Decision, rule, and which gates passed (None: not judged)."""
    balance = replace(weighed(gain), metric=recalibration.judged_by(spec), gains=gains)
    decision, rule, gates = decide(spec, evidence(balance=balance))
    return decision, rule, {gate.gate: gate.passed if gate.judged else None for gate in gates}


@pytest.mark.parametrize(
    ("metrics", "judged"),
    [
        ({"primary": "roc_auc", "secondary": ["brier", "log_loss"]}, "brier"),
        ({"primary": "roc_auc", "secondary": []}, "log_loss"),
        ({"primary": "average_precision", "secondary": ["log_loss"]}, "log_loss"),
        ({"primary": "log_loss", "secondary": ["roc_auc"]}, "log_loss"),
        ({"primary": "accuracy", "secondary": ["brier"]}, "accuracy"),
    ],
)
def test_in_the_place_of_a_ranking_a_proper_score_decides(metrics: dict[str, object], judged: str) -> None:
    assert recalibration.judged_by(small_spec(metrics=metrics)) == judged


def test_without_a_weight_the_probable_gain_decides_and_the_cost_is_not_weighed() -> None:
    decision, rule, gates = by(RANKED, 0.03)
    assert (decision, rule) == ("canary", "all gates passed")
    assert (gates["recalibration"], gates["net_value"]) == (True, None)
    assert "gain" not in gates
    decision, rule, gates = by(RANKED, 0.0)
    assert (decision, rule, gates["recalibration"]) == ("keep_champion", "recalibration", False)


def test_with_weights_the_gain_in_calibration_must_be_worth_the_release() -> None:
    worth = {"brier": 0.03, "calibration": COST / 0.2 + 0.01}
    assert by(WEIGHED, 0.03, **worth)[0] == "canary"
    decision, rule, _ = by(WEIGHED, 0.03, brier=0.4 * COST, calibration=0.4 * COST)
    assert (decision, rule) == ("keep_champion", "net_value")


def test_one_gain_that_is_measured_twice_counts_once_and_what_is_lost_elsewhere_counts() -> None:
    spec = small_spec(
        metrics={"primary": "roc_auc", "secondary": ["brier", "accuracy"]},
        comparison={"weights": {"brier": 0.5, "calibration": 0.2, "accuracy": 1.0}},
    )
    gains = {"brier": 0.04, "calibration": 0.05, "accuracy": -0.003}
    value = recalibration.net_value(spec, replace(weighed(0.04), metric="brier", gains=gains))
    assert value is not None
    assert value.parts == pytest.approx({"brier": 0.02, "accuracy": -0.003, "release": -COST})
    assert value.total == pytest.approx(0.017 - COST)


def rarer(n: int = 4000, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Scores that were right, of rows of which half of the positives are gone."""
    random = np.random.default_rng(seed)
    scores = logistic(random.normal(size=2 * n))
    y = (random.random(2 * n) < scores).astype(np.int64)
    kept = (y == 0) | (random.random(2 * n) < 0.5)
    return scores[kept][:n], y[kept][:n]


@pytest.mark.parametrize("method", ["auto", "sigmoid", "isotonic"])
def test_a_calibrator_that_is_fitted_anew_takes_the_share_of_its_rows(method: str) -> None:
    spec, (scores, y) = task_spec("binary", trainer={"name": "xgboost", "calibration": method}), rarer()
    made = calibration.anew(spec, times(len(y)), scores, y)
    assert method in (made.method, "auto")
    held, truth = rarer(seed=4)
    answers = made.apply(held)
    assert calibration_error(truth, answers) < calibration_error(truth, held) / 2
    assert log_losses(truth == 1, answers).mean() < log_losses(truth == 1, held).mean() - 0.01
    assert roc_area(truth == 1, answers) == pytest.approx(roc_area(truth == 1, held), abs=1e-9)


def test_where_nothing_can_be_recalibrated_the_error_says_what_lacks() -> None:
    scores, y = binary("too sure", 150)
    spec = task_spec("binary", trainer={"name": "xgboost"})
    with pytest.raises(TrainingError, match=r"150 validation rows, \d+ of the rarest class; it takes 200 and 20: wait"):
        calibration.anew(spec, times(150), scores, y)
    off = task_spec("binary", trainer={"name": "xgboost", "calibration": "none"})
    with pytest.raises(TrainingError, match=r"nothing is recalibrated with trainer\.calibration: none; set"):
        calibration.anew(off, pd.DataFrame(index=range(150)), scores, y)
