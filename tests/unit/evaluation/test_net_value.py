"""The rule of release: a probable gain that is worth its costs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from include.evaluation.blocks import Blocks
from include.evaluation.bootstrap import paired
from include.evaluation.difference import Difference
from include.evaluation.net_value import Balance, gain_gate, gates, net_value, probability_needed
from include.evaluation.useless_releases import useless_releases
from include.evaluation.verdict import decide
from include.specification.loader import load_usecase
from tests.unit.evaluation.balances import DRAWS, difference, weighed
from tests.unit.evaluation.evaluation_specs import small_spec
from tests.unit.evaluation.test_verdict import evidence

SPEC = small_spec(comparison={"weights": {"brier": 0.5, "calibration": 0.2}})
LIMITS = SPEC.comparison
UNWEIGHTED, NEVER_RETURNS = small_spec(), small_spec(comparison={"returns": 0})
small = st.floats(-0.1, 0.1)


@given(gain=small, better=st.floats(0, 0.1), half=st.floats(0, 0.1), kept=small)
def test_a_larger_gain_is_never_less_probable_nor_worth_less(
    gain: float, better: float, half: float, kept: float
) -> None:
    before, after = (weighed(g, kept, half) for g in (gain, gain + better))
    assert after.gain.probability() >= before.gain.probability()
    assert net_value(SPEC, after).total >= net_value(SPEC, before).total
    for gate in ("gain", "net_value"):
        [was], [now] = ([g.passed for g in gates(SPEC, one) if g.gate == gate] for one in (before, after))
        assert now >= was


@given(gain=small, half=st.floats(0, 0.1), kept=small, brier=st.floats(0, 0.1), calibration=st.floats(0, 0.1))
def test_the_parts_add_up_and_each_is_converted_by_its_weight(
    gain: float, half: float, kept: float, brier: float, calibration: float
) -> None:
    value = net_value(SPEC, weighed(gain, kept, half, brier=brier, calibration=calibration))
    assert value.total == pytest.approx(sum(value.parts.values()))
    assert value.parts["brier"] == pytest.approx(-0.5 * brier)
    assert value.parts["calibration"] == pytest.approx(-0.2 * calibration)
    assert value.parts["release"] == -LIMITS.min_gain
    assert value.parts.get("forgetting", 0.0) in (
        0.0, pytest.approx(-LIMITS.returns * max(0.0, -kept - LIMITS.forgetting_margin))
    )  # fmt: skip


def test_a_loss_without_a_weight_costs_nothing() -> None:
    assert set(net_value(UNWEIGHTED, weighed(0.05, brier=0.1)).parts) == {"gain", "forgetting", "release"}


@given(gain=st.floats(0.02, 0.1), forgotten=st.floats(0.03, 0.3))
def test_what_is_forgotten_is_weighed_by_how_often_it_returns(gain: float, forgotten: float) -> None:
    assert decide(NEVER_RETURNS, evidence(balance=weighed(gain, -forgotten)))[0] == "canary"
    cost = LIMITS.returns * (forgotten - LIMITS.forgetting_margin)
    decision, rule, outcomes = decide(UNWEIGHTED, evidence(balance=weighed(gain, -forgotten)))
    if abs(gain - LIMITS.min_gain - cost) > 1e-9:
        assert (decision == "canary") == (gain - LIMITS.min_gain > cost)
        missed = [g.gate for g in outcomes if not g.passed]
        assert missed in ([], ["net_value", "forgetting"])
        assert rule == (missed or ["all gates passed"])[0]


@given(half=st.floats(0, 0.5))
def test_a_tie_is_as_improbable_as_can_be(half: float) -> None:
    tie = difference(0.0, 0.0)
    assert tie.probability() == 0
    assert not gain_gate(SPEC, tie).passed
    assert difference(0.0, half + 1e-6).probability() == pytest.approx(0.5, abs=0.01)


@given(gain=st.floats(-0.1, 0.1), kept=st.floats(-0.1, 0.1), half=st.floats(0, 0.1))
def test_nobody_is_refused_without_a_gate_that_says_why(gain: float, kept: float, half: float) -> None:
    decision, rule, outcomes = decide(SPEC, evidence(balance=weighed(gain, kept, half)))
    missed = {g.gate for g in outcomes if not g.passed}
    assert (decision == "canary") == (rule not in missed)
    surely = gain - half > LIMITS.min_gain and kept > -LIMITS.forgetting_margin
    assert not surely or decision == "canary"


def test_a_candidate_that_forgot_nothing_is_charged_nothing_on_few_rows() -> None:
    """An old test set of 500 rows: the difference scatters by 0.015 or more, however little is forgotten."""
    few = Balance(difference(0.03), difference(-0.03, half=0.04, n=500))
    [forgetting] = [g for g in gates(SPEC, few) if g.gate == "forgetting"]
    assert (forgetting.judged, forgetting.passed) == (False, False)
    assert forgetting.needed == 860
    assert "about 860 rows are needed to tell a loss of the margin 0.02 from chance" in forgetting.detail
    assert "forgetting" not in net_value(SPEC, few).parts
    assert decide(SPEC, evidence(balance=few))[0] == "canary"


@pytest.mark.parametrize(("kept", "charged"), [(-0.2, 0.09), (0.2, 0.0)])
def test_what_is_surely_forgotten_or_surely_kept_is_judged_on_few_rows(kept: float, charged: float) -> None:
    few = Balance(difference(0.03), difference(kept, half=0.04, n=500))
    assert -net_value(SPEC, few).parts["forgetting"] == pytest.approx(charged)


def test_a_margin_of_nothing_is_never_told_from_chance() -> None:
    spec = small_spec(comparison={"forgetting_margin": 0})
    [forgetting] = [g for g in gates(spec, weighed(0.03, -0.001)) if g.gate == "forgetting"]
    assert (forgetting.judged, forgetting.needed) == (False, None)
    assert "a margin of 0 is never told from chance" in forgetting.detail


def test_two_contenders_need_more_each() -> None:
    assert probability_needed(SPEC) == pytest.approx(0.9)
    assert probability_needed(SPEC, looks=2) == pytest.approx(0.95)
    between = difference(0.0065)  # 0.0065 / 0.00255 standard errors: more than 99 %
    likely = Difference(between.figure, between.draws - np.quantile(between.draws, 0.07), between.blocks)
    assert 0.9 < likely.probability() < 0.95
    assert gain_gate(SPEC, likely).passed
    assert not gain_gate(SPEC, likely, looks=2).passed


def test_a_gain_that_is_not_sure_enough_says_how_many_rows_would_show_it() -> None:
    outcome = gain_gate(SPEC, difference(0.01, half=0.03))
    assert not outcome.passed
    assert outcome.needed == 3900  # (1.28 x 0.0153 / 0.01) ** 2 times 1,000
    assert "to be sure enough of a gain of this size takes about 3,900 rows" in outcome.detail
    assert gain_gate(SPEC, difference(-0.01, half=0.03)).needed is None
    assert gain_gate(SPEC, difference(1e-300, half=0.03)).needed is None


def test_few_blocks_make_a_gain_less_probable() -> None:
    """As a t distribution of so many blocks says, with a variance that the bootstrap makes too small."""
    days = Blocks("day", np.arange(10), 10)
    assert difference(0.005, blocks=days).probability() < difference(0.005).probability()
    one = Blocks("day", np.zeros(9, int), 1)
    assert Difference(difference(1.0).figure, 1 + DRAWS * 0, one).probability() == 0


RUNS, DAYS, PER_DAY = 200, 12, 20


def _without_gain(seed: int) -> Difference:
    """Errors of two equally good models, which one day's weather moves together."""
    random = np.random.default_rng(seed)
    days = np.repeat(np.arange(DAYS), PER_DAY)
    errors = [1 + np.abs(random.normal(size=DAYS))[days] + np.abs(random.normal(size=len(days))) for _ in range(2)]
    models = dict(zip(("champion", "candidate"), errors, strict=True))
    blocks = Blocks("day", days, DAYS)
    drawn = paired(np.zeros(len(days)), models, ["mae"], 200, seed=seed, blocks=blocks)
    return Difference(drawn.gain("mae", "candidate", "champion"), drawn.gains("mae", "candidate", "champion"), blocks)


def test_a_gain_of_exactly_nothing_passes_as_often_as_stated_with_days_that_are_alike() -> None:
    """With rows drawn one by one it passes in four of ten cases."""
    found = [_without_gain(seed) for seed in range(RUNS)]
    passed = sum(gain_gate(SPEC, one).passed for one in found)
    level = 1 - LIMITS.probability
    assert binom.ppf(0.001, RUNS, level) <= passed <= binom.ppf(0.999, RUNS, level)


def test_useless_releases_a_year_are_at_most_what_the_rule_or_the_budget_lets_through() -> None:
    flights = useless_releases(load_usecase("flight_delay"))
    assert flights.a_year == pytest.approx(1.2)
    assert flights.arithmetic == "(1 - 0.9) x 12 evaluations a year, one every month"
    weekly = useless_releases(load_usecase("weather_forecast"))
    assert weekly.a_year == pytest.approx(0.1 * 365.25 / 7, abs=0.01)
    arrivals = load_usecase("flight_arrivals")
    each_hour = arrivals.retrain.model_copy(update={"every": None})
    hourly = useless_releases(arrivals.model_copy(update={"retrain": each_hour}))
    assert hourly.a_year == pytest.approx(26, abs=0.1)
    assert hourly.arithmetic.endswith("is 876.6, but the budget is 26 releases in 365 days")
