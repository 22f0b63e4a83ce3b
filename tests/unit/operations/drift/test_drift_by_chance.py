"""What drift is, and what chance alone does: ends of a range, few rows, many levels."""

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.contracts.operations import Figure
from include.contracts.period import Period
from include.evaluation import histograms
from include.evaluation.divergence import Divergence, divergence
from include.operations.drift import skew
from include.operations.monitoring.monitoring import measure
from include.operations.monitoring.window_inputs import WindowInputs
from include.operations.retraining.causes import data_fault, decay, pipeline_skew
from include.operations.windows.release_history import History
from include.operations.windows.scope import Scope
from include.operations.windows.window import Window
from tests.unit.operations.monitored_world import SPEC, baseline, month

LIMIT = SPEC.monitoring.drift_threshold
levels = st.sampled_from([2, 10, 105, 3000, 1_000_000])
sizes = st.sampled_from([5, 40, 300, 3000])


def drifts(found: Divergence) -> bool:
    return found.psi > max(LIMIT, found.floor)


def against(before: list, now: list) -> Divergence:
    described = json.loads(json.dumps(histograms.numeric(pd.Series(before))))
    return divergence(described, pd.Series(now))


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ([1.0] * 100, [0.0] * 100),
        ([1.0] * 100, [1.0] * 50 + [-np.inf] * 50),
        (list(range(100)), [*range(100), *[-1.0] * 60]),
        (list(range(100)), [*range(100), *[100.0] * 60]),
        (list(range(100)), [*range(100), *["n/a"] * 60]),
        (list(range(100)), [*range(100), *[None] * 60]),
        ([0.0, 100.0] * 50, [0.0, 30.0, 100.0] * 40),
        ([None] * 100, [1.0] * 100),
        (["x"] * 100, [None] * 100),
    ],
    ids=["below", "infinite", "below some", "above", "no number", "missing", "between", "no reference", "text gone"],
)
def test_the_ends_of_a_range_and_what_is_no_number_have_bins_of_their_own(before: list, now: list) -> None:
    assert drifts(against(before, now))


def test_bins_that_the_spec_gives_have_ends_too() -> None:
    described = histograms.numeric(pd.Series([0.5] * 100), [0.001, 1.0])
    assert drifts(divergence(described, pd.Series([0.01] * 100)))
    assert drifts(divergence(described, pd.Series([0.9] * 100)))


@given(st.floats(-1e30, 1e30).filter(lambda x: abs(x) > 1e-30 or x == 0))
def test_a_value_that_passed_float32_is_still_in_the_range(value: float) -> None:
    assert against([value] * 50, [float(np.float32(value))] * 50).psi == 0


def test_bins_of_probabilities_follow_the_scale_of_the_model() -> None:
    random = np.random.default_rng(0)
    rare, often = random.beta(1, 149, 5000), random.beta(4, 146, 5000)
    assert (rare.mean().round(3), often.mean().round(3)) == (0.007, 0.026)
    log, truth = month(0, n=5000)
    described = json.loads(json.dumps(baseline()))
    described["prediction"] = histograms.numeric(pd.Series(rare))
    found = {
        f.name: f
        for f in measure(
            SPEC,
            "r0001",
            described,
            WindowInputs(predictions=log.assign(probability=often), events=truth, period=Period("2013-06")),
        )
    }
    assert found["prediction_psi"].value > 1
    assert len(baseline()["prediction"]["edges"]) == 9


def test_numbers_beyond_float32_are_compared_too() -> None:
    assert against([1e39] * 50, [1e39] * 50).psi == 0
    assert drifts(against([1e39] * 50, [1.0] * 50))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), levels, sizes, sizes)
def test_two_samples_of_one_distribution_do_not_drift(seed: int, count: int, before: int, now: int) -> None:
    random = np.random.default_rng(seed)
    categories = [pd.Series(random.integers(0, count, n).astype(str)) for n in (before, now)]
    numbers = [pd.Series(random.normal(size=n)).round(2) for n in (before, now)]
    for describe, (reference, sample) in ((histograms.categorical, categories), (histograms.numeric, numbers)):
        found = divergence(describe(reference), sample)
        assert found.psi <= 1.3 * found.floor or found.psi < LIMIT  # a test that fails once in a thousand is no test


def test_free_names_of_which_many_come_only_once_do_not_drift_until_others_come() -> None:
    random = np.random.default_rng(0)
    employers = [pd.Series(random.zipf(1.2, 3000).astype(str)) for _ in range(2)]
    described = histograms.categorical(employers[0])
    assert len(described["counts"]) > 500
    assert divergence(described, employers[1]).psi < LIMIT
    assert drifts(divergence(described, "new " + employers[1]))
    assert drifts(divergence(described, employers[1].where(employers[1] != "1", "2")))


def texts(word: str, of: int, n: int = 500) -> pd.Series:
    random = np.random.default_rng(n)
    return pd.Series([" ".join(f"{word}{i}" for i in random.integers(0, of, 8)) for _ in range(n)])


def test_words_that_were_never_seen_have_a_bin_of_their_own() -> None:
    described = json.loads(json.dumps(histograms.text(texts("w", 3000))))
    assert not drifts(divergence(described, texts("w", 3000, 499)))
    assert drifts(divergence(described, texts("new", 3000)))
    earlier = {**described, "counts": {"w1": described["counts"]["w1"]}, "other": 3999, "rows": 500}
    assert divergence(earlier, texts("new", 3000)).psi < LIMIT  # a release of before kept the commonest words only


def test_infinite_numbers_are_beyond_the_ends_of_a_range() -> None:
    some = [*range(900), *[np.inf] * 100]
    assert against(some, some).psi == 0
    assert drifts(against([np.inf] * 100, [-np.inf] * 100))


@pytest.mark.parametrize("describe", [histograms.categorical, histograms.text, histograms.numeric])
def test_drift_does_not_depend_on_the_order_of_the_rows(describe: Callable[[pd.Series], dict]) -> None:
    random = np.random.default_rng(0)
    number = describe is histograms.numeric
    before, now = ([i % k if number else f"c{i % k}" for i in range(600)] for k in (120, 100))
    shuffled = [(random.permutation(before), random.permutation(now)) for _ in range(4)]
    assert len({divergence(describe(pd.Series(a)), pd.Series(b)) for a, b in shuffled}) == 1


def test_categories_beyond_the_fifty_most_common_are_one_bin_and_new_ones_another() -> None:
    described = histograms.categorical(pd.Series([f"c{i:02}" for i in range(60) for _ in range(100 - i)] + ["once"]))
    pair = histograms.paired(described, pd.Series(["c00", "c55", "c59", "once", "other", None]))
    assert len(pair.before) == histograms.COMMON + 3
    assert pair.now[[0, -3, -2, -1]].tolist() == [1, 3, 1, 1]
    assert pair.before[-3:].tolist() == [sum(100 - i for i in range(50, 60)), 1, 0]


def test_five_rows_of_the_same_distribution_are_not_judged() -> None:
    described = baseline()
    for seed in range(1, 20):
        log, truth = month(seed, n=5)
        found = measure(SPEC, "r0001", described, WindowInputs(predictions=log, events=truth, period=Period("2013-06")))
        by_name = {f.name: f for f in found if not f.subject}
        assert by_name["drifted_features"].value == 0
        assert all(f.n == 5 and f.floor for f in found if f.name in ("psi", "js", "prediction_psi", "prediction_js"))
        assert data_fault(SPEC, History(found, SPEC.name, "r0001", Period("2013-06")), []) is None
    assert by_name["unclear_features"].value >= 1


def test_a_row_that_was_served_otherwise_is_no_skew_of_few() -> None:
    log, _ = month(1, n=60)
    offline = log[[SPEC.event.id, *SPEC.feature_names]]
    one = log.assign(x=log["x"].where(np.arange(60) > 0, -99.0))
    for served, share in ((one.head(5), 0.2), (one, 1 / 60), (log.assign(x=-99.0), 1.0)):
        scope = Scope(SPEC, "r0001", Period("2013-06"))
        found = {f.subject: f for f in skew.figures(Window(scope, baseline(), served, served, {}, offline, []))}
        assert (found["x"].value, found["x"].n) == (pytest.approx(share), len(served))
        cause = pipeline_skew(History([*found.values()], SPEC.name, "r0001", Period("2013-06")))
        assert (cause is not None) == (share == 1)


def test_drift_below_the_noise_floor_is_no_cause() -> None:
    def history(floor: float | None) -> History:
        moved = Figure(
            usecase=SPEC.name, release="r1", period="2013-06", name="psi", subject="x", value=3.0, floor=floor, n=9
        )
        return History([moved], SPEC.name, "r1", Period("2013-06"))

    assert decay(SPEC, history(4.0)).kind == "concept change"
    assert decay(SPEC, history(2.0)).kind == "covariate shift"
    assert decay(SPEC, history(None)).kind == "covariate shift"  # of a release that was measured before there was one


def test_few_values_beside_a_common_one_drift_by_chance_as_often_as_stated() -> None:
    """Ten rows of a test set are not ten bins: every later month had other shares of them."""
    random, found = np.random.default_rng(3), 0
    for _ in range(120):
        before, now = (pd.Series(np.where(random.random(n) < 0.95, 0.0, random.normal(size=n))) for n in (200, 2000))
        found += divergence(histograms.numeric(before), now).p_value <= 0.05
    assert found <= 15  # 6 are expected; more than 15 come once in 2,000
