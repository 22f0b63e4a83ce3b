"""Drift against the window before and the same season last year, in the bins of the release."""

from typing import Any

import numpy as np
import pandas as pd

from include.contracts.operations import Figure
from include.contracts.period import Period
from include.operations.drift.references import MOST_ROWS, figures, sampled
from include.operations.monitoring.monitoring import measure
from include.operations.monitoring.window_inputs import WindowInputs
from include.operations.retraining.causes import decay
from include.operations.windows.release_history import History
from include.operations.windows.scope import Scope
from include.operations.windows.window import Reference, Window
from tests.unit.operations.monitored_world import SPEC, baseline, month

Found = dict[tuple[str, str], Figure]


def reference(rows: pd.DataFrame, **answered: Any) -> Reference:
    return Reference(rows, "2012-06 (1 month) by the prediction log", **answered)


def measured(log: pd.DataFrame, truth: pd.DataFrame, before: Any = None, season: Any = None) -> Found:
    found = measure(
        SPEC,
        "r0001",
        baseline(),
        WindowInputs(predictions=log, events=truth, period=Period("2013-06"), compared_with=(before, season)),
    )
    return {(f.name, f.subject): f for f in found}


def test_a_season_is_far_from_the_test_set_and_near_to_the_one_a_year_ago() -> None:
    before, season = month(2)[0], month(3, shift=2.0)[0]
    found = measured(*month(1, shift=2.0), reference(before, answered=before), reference(season))
    limit = SPEC.monitoring.drift_threshold
    assert found["psi", "x"].beyond(limit)
    assert found["psi_window_before", "x"].beyond(limit)
    assert not found["psi_last_season", "x"].beyond(limit)
    assert found["psi_last_season", "x"].value < found["psi_last_season", "x"].floor
    assert found["psi_last_season", "x"].note == "2012-06 (1 month) by the prediction log"
    assert found["psi_last_season", "origin"].n == len(month(1)[0])
    assert ("prediction_psi_window_before", "") in found
    assert ("prediction_psi_last_season", "") not in found, "nobody knows what this release would have answered"


def test_what_is_not_known_has_no_figure() -> None:
    without = month(2)[0].drop(columns="x")
    found = measured(*month(1), reference(without), None)
    assert ("psi_window_before", "origin") in found
    assert ("psi_window_before", "x") not in found
    assert not [name for name, _ in found if "last_season" in name]


def test_few_rows_on_either_side_are_too_few() -> None:
    found = measured(*month(1), reference(month(2)[0].head(19)), None)
    assert found["psi_window_before", "x"].state == "too few"
    assert found["psi_window_before", "x"].note.endswith("needs 20 rows on both sides, has 19")


def test_one_value_on_both_sides_is_constant() -> None:
    (log, truth), (before, _) = month(1), month(2)
    found = measured(log.assign(origin="JFK"), truth, reference(before.assign(origin="JFK")))
    assert (found["psi_window_before", "origin"].value, found["psi_window_before", "origin"].state) == (0, "constant")


def test_without_a_change_a_reference_is_beyond_its_floor_about_as_often_as_stated() -> None:
    described, scope, nobody = baseline(), Scope(SPEC, "r0001", Period("2013-06")), month(0, n=0)[0]
    beyond = 0
    for seed in range(200):
        before = reference(month(1000 + seed, n=300)[0])
        window = Window(scope, described, month(seed, n=300)[0], nobody, {}, None, (), before=before)
        beyond += any(figure.value > figure.floor for figure in figures(window))
    assert 1 <= beyond <= 21, "in 5 % of 200 windows; more than 21 are so in 1 of 1,000 such tests"


def test_a_large_reference_is_sampled_and_always_the_same() -> None:
    rows = pd.DataFrame({SPEC.event.id: np.arange(MOST_ROWS + 500).astype(str)})
    chosen = sampled(SPEC, rows)
    assert MOST_ROWS - 100 < len(chosen) < MOST_ROWS + 100, "five standard deviations"
    mixed = sampled(SPEC, rows.sample(frac=1, random_state=0))
    assert {*chosen[SPEC.event.id]} == {*mixed[SPEC.event.id]}


def test_the_evidence_of_a_decay_says_whether_the_drift_is_the_season() -> None:
    def evidence(season: float) -> list[str]:
        about: dict[str, Any] = {"usecase": SPEC.name, "release": "r0001", "period": Period("2013-06"), "n": 2000}
        drifted = [
            Figure(**about, name="psi", subject="x", value=1.0, floor=0.1),
            Figure(**about, name="psi_last_season", subject="x", value=season, floor=0.1),
        ]
        cause = decay(SPEC, History(drifted, SPEC.name, "r0001", Period("2013-06")))
        assert cause.kind == "covariate shift"
        return cause.evidence

    assert "the usual season: x (PSI 0.05) did not drift against the same season last year" in evidence(0.05)
    assert "not the season: x (PSI 0.90) drifted against the same season last year too" in evidence(0.9)
