import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from include.errors import DataError
from include.evaluation.divergence import divergence, js_divergence, psi
from include.evaluation.histograms import numeric
from include.operations.drift.drift import feature_drift, missing_share, prediction_drift
from tests.unit.operations.monitored_world import SPEC, baseline, month

counts = st.lists(st.integers(0, 500), min_size=4, max_size=4).filter(any).map(np.array)


@given(counts, counts)
def test_divergences_are_symmetric_and_bounded(one: np.ndarray, other: np.ndarray) -> None:
    assert psi(one, other) == pytest.approx(psi(other, one))
    assert psi(one, other) >= -1e-12
    assert 0 - 1e-12 <= js_divergence(one, other) <= 1
    assert psi(one, one) == js_divergence(one, one) == 0


def test_divergences_of_large_histograms_are_the_textbook_ones() -> None:
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.4, 0.4, 0.2])
    rows = 10_000_000
    assert psi(p * rows, q * rows) == pytest.approx(np.sum((q - p) * np.log(q / p)), rel=1e-4)
    assert js_divergence(p * rows, q * rows) == pytest.approx(jensenshannon(p, q, base=2) ** 2, rel=1e-4)


def test_a_mostly_zero_column_is_not_blind_above_zero() -> None:
    random = np.random.default_rng(0)
    rain = pd.Series(np.where(random.random(5000) < 0.93, 0.0, random.exponential(0.1, 5000)))
    described = numeric(rain)
    assert described["counts"][0] == (rain == 0).sum()
    heavy_rain = rain.where(rain == 0, rain * 20)
    assert divergence(described, heavy_rain).psi > 0.1


def test_a_constant_column_notices_a_second_value() -> None:
    described = numeric(pd.Series([3.0] * 100))
    assert divergence(described, pd.Series([3.0] * 50 + [4.0] * 50)).psi > 0.25


def test_the_baseline_is_json_and_describes_itself_without_drift() -> None:
    described = json.loads(json.dumps(baseline()))
    log, _ = month(0, n=5000)
    assert all(found[:2] == (0, 0) for found in feature_drift(SPEC, described, log).values())
    assert prediction_drift(SPEC, described, log["probability"].to_numpy())[:2] == (0, 0)
    assert described["metrics"]["roc_auc"]["value"] == 0.8
    assert 0.2 < described["label_rate"] < 0.5
    assert described["calibration_error"] < 0.03


def test_another_sample_does_not_drift_but_a_shift_a_new_category_and_missing_values_do() -> None:
    described, (log, _) = baseline(), month(5)
    assert max(found.psi for found in feature_drift(SPEC, described, log).values()) < 0.05
    moved = log.assign(x=log["x"] + 1.5, origin="PHL")
    assert min(found.psi for found in feature_drift(SPEC, described, moved).values()) > 0.25
    gone = log.assign(x=log["x"].where(np.arange(len(log)) % 2 == 0))
    assert feature_drift(SPEC, described, gone)["x"][0] > 0.25
    assert missing_share(described) == 0


def test_missing_columns_and_empty_histograms_are_named() -> None:
    log, _ = month(1)
    with pytest.raises(DataError, match=r"features \['x'\] of flight_delay are not in the data"):
        feature_drift(SPEC, baseline(), log.drop(columns="x"))
    with pytest.raises(DataError, match="no rows"):
        feature_drift(SPEC, baseline(), log.head(0))
    with pytest.raises(DataError, match="it belongs to another release"):
        feature_drift(SPEC, baseline() | {"features": {}}, log)
    with pytest.raises(DataError, match="give rows in equal bins"):
        psi(np.array([0, 0]), np.array([1, 2]))
