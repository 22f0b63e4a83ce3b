"""Calibration intercept and slope of a window, and what a label shift says of them."""

import numpy as np
import pytest

from include.contracts.operations import Figure
from include.contracts.period import Period
from include.operations.performance import calibration_figures
from include.operations.retraining.causes import decay
from include.operations.windows.release_history import History
from include.operations.windows.scope import Scope
from include.operations.windows.window import Window
from tests.unit.operations.estimated_worlds import BASELINE, SPEC, answered
from tests.unit.operations.task_worlds import regression

PERIOD = Period("2013-06")


def measured(n: int = 1500, due: float = 1.0, **answers: float) -> dict[str, Figure]:
    log, truth = answered(1, PERIOD, 1.0, 1.0, n)
    known = log.assign(late=truth["late"], **answers)
    window = Window(Scope(SPEC, "r0001", PERIOD), BASELINE, log, known, {}, None, [], due)
    return {f.subject or f.name: f for f in calibration_figures.figures(window)}


def test_calibrated_answers_have_a_slope_of_one_and_no_intercept() -> None:
    found = measured()
    for name, right in (("calibration_intercept", 0.0), ("calibration_slope", 1.0)):
        figure = found[name]
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low < right < figure.high
        assert (figure.n, figure.state) == (1500, "judged")
    assert measured(due=0.6)["calibration_slope"].note == "60 % of labels due"


def test_what_cannot_be_fitted_is_said() -> None:
    for figure in measured(probability=0.3).values():
        assert (figure.name, figure.value, figure.state) == ("not_measured", 1500, "too few")
        assert figure.note == "all 1500 answers are 0.3"
    assert measured(n=12)["calibration_slope"].note.startswith("needs 10 labelled rows of each class, has ")
    numbers = regression()
    scope = Scope(numbers.spec, "r0001", PERIOD)
    assert calibration_figures.figures(Window(scope, {}, numbers.log, numbers.log, {}, None, [])) == []


@pytest.mark.parametrize("known", [True, False])
def test_a_label_shift_tells_how_far_the_answers_are_off(known: bool) -> None:
    def figure(period: str, name: str, value: float) -> Figure:
        bounds = {"low": value - 0.1, "high": value + 0.1, "n": 5000}
        return Figure(usecase=SPEC.name, release="r0001", period=Period(period), name=name, value=value, **bounds)

    history = [figure("2013-05", "performance_loss", 0.0), figure("2013-05", "label_rate", 0.2)]
    history += [figure("2013-06", "performance_loss", 0.2), figure("2013-06", "label_rate", 0.4)]
    if known:
        history += [figure("2013-06", "calibration_intercept", 0.9), figure("2013-06", "calibration_slope", 1.0)]
    cause = decay(SPEC, History(history, SPEC.name, "r0001", PERIOD))
    assert cause.kind == "label shift"
    told = [line for line in cause.evidence if "log-odds" in line]
    expected = (
        "the log-odds of the answers are off by +0.90 [+0.80, +1.00] (0 is right), at a calibration slope of +1.00 "
        "[+0.90, +1.10] (1 is right)"
    )
    assert told == ([expected] if known else [])
    assert np.isfinite([f.value for f in history]).all()
