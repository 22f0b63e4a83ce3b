from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.contracts.evaluation import Interval, Verdict
from include.evaluation.blocks import Blocks
from include.evaluation.net_value import Balance
from include.evaluation.report import figures_in_words, render
from include.evaluation.verdict import Evidence, SliceFigure, decide, reason
from tests.unit.evaluation.balances import ROWS, difference, weighed
from tests.unit.evaluation.evaluation_specs import small_spec

SPEC = small_spec()
RANK = {"data_problem": 0, "keep_champion": 0, "ask_human": 1, "canary": 2, "promote": 2}


def around(value: float, half: float = 0.005, n: int = 1000) -> Interval:
    return Interval(value=value, low=value - half, high=value + half, n=n)


def evidence(**changes: Any) -> Evidence:
    good: dict[str, Any] = {
        "acceptance": {"roc_auc": around(0.74), "brier": around(0.18)},
        "balance": weighed(0.05, 0.01),
        "slices": [SliceFigure("origin=JFK", around(0.7), around(0.03))],
        "unjudged_slices": [],
        "calibration": (0.02, 0.03),
        "blocks": ROWS,
    }
    return Evidence(**(good | changes))


def decided(found: Evidence) -> tuple[str, str]:
    return decide(SPEC, found)[:2]


def test_all_gates_passed_goes_out_as_the_rollout_says() -> None:
    assert decided(evidence()) == ("canary", "all gates passed")
    blue_green = small_spec(rollout={"strategy": "blue_green", "steps": []})
    assert decide(blue_green, evidence())[0] == "promote"


def test_each_gate_refuses_in_its_own_way() -> None:
    assert decided(evidence(acceptance={"roc_auc": around(0.604), "brier": around(0.18)})) == (
        "keep_champion",
        "acceptance:roc_auc",
    )
    assert decided(evidence(balance=weighed(0.014, half=0.03))) == ("keep_champion", "gain")
    assert decided(evidence(balance=weighed(0.009))) == ("keep_champion", "net_value")
    lost = SliceFigure("origin=LGA", around(0.7), around(-0.03))
    assert decided(evidence(slices=[lost])) == ("ask_human", "slice:origin=LGA")
    assert decided(evidence(calibration=(0.0601, 0.03))) == ("ask_human", "calibration")


def test_a_slice_that_lost_by_chance_only_is_no_refusal() -> None:
    by_chance = SliceFigure("origin=LGA", around(0.7), around(-0.03, half=0.04))
    assert decided(evidence(slices=[by_chance]))[0] == "canary"


def test_the_essential_gates_come_before_a_person() -> None:
    assert decided(evidence(balance=weighed(-0.1, -0.1), slices=[SliceFigure("a=b", around(0.7), around(-0.1))])) == (
        "keep_champion",
        "gain",
    )


def test_a_first_release_is_judged_by_absolute_limits() -> None:
    first = {"balance": None, "calibration": (0.05, None)}
    passing = evidence(slices=[SliceFigure("origin=JFK", around(0.59), None)], **first)
    assert decided(passing)[0] == "canary"
    assert decided(evidence(slices=[SliceFigure("origin=JFK", around(0.55), None)], **first))[0] == "ask_human"
    assert decided(evidence(slices=[], **(first | {"calibration": (0.11, None)}))) == ("ask_human", "calibration")
    assert "no champion" in reason("canary", decide(SPEC, passing)[2], first_release=True)


def test_without_a_cost_a_tie_is_still_no_gain() -> None:
    spec = small_spec(comparison={"min_gain": 0})
    assert decide(spec, evidence(balance=weighed(0, half=0)))[:2] == ("keep_champion", "gain")


def test_a_candidate_that_says_less_than_its_answers_in_random_order_stays() -> None:
    assert decided(evidence(shuffled_gain=around(0.1))) == ("keep_champion", "chance")


SIX_DAYS = Blocks("day", np.repeat(np.arange(6), 500), 6)


def test_too_few_blocks_keep_the_champion_and_say_how_many_are_needed() -> None:
    few = Balance(difference(0.2, blocks=SIX_DAYS, n=3000), difference(-0.5, blocks=SIX_DAYS, n=3000))
    decision, rule, gates = decide(SPEC, evidence(balance=few, blocks=SIX_DAYS))
    assert (decision, rule) == ("keep_champion", "gain")
    unjudged = {g.gate: g for g in gates if not g.judged}
    assert {name: g.needed for name, g in unjudged.items()} == {
        "acceptance:roc_auc": 1700, "gain": 5000, "forgetting": 5000
    }  # fmt: skip
    assert "cannot be judged on 3,000 rows in 6 days: 10 days are needed, about 5,000 rows" in unjudged["gain"].detail
    told = reason(decision, gates, first_release=False)
    assert "cannot be judged on 3,000 rows in 6 days" in told
    assert "None of 6 gates failed, 3 could not be judged" in told


def test_a_first_release_with_a_limit_that_cannot_be_judged_is_for_a_person() -> None:
    first = evidence(balance=None, calibration=(0.05, None), slices=[], blocks=SIX_DAYS)
    assert decide(SPEC, first)[:2] == ("ask_human", "acceptance:roc_auc")


figures = st.floats(-0.5, 0.5)


@given(gain=figures, half=st.floats(0, 0.1), forgetting=figures, auc=st.floats(0.3, 1), worse=st.floats(0, 0.5))
def test_a_worse_candidate_never_gets_further(
    gain: float, half: float, forgetting: float, auc: float, worse: float
) -> None:
    def found(less: float) -> Evidence:
        return evidence(
            acceptance={"roc_auc": around(auc - less, half), "brier": around(0.2 + less, half)},
            balance=weighed(gain - less, forgetting - less, half),
            slices=[SliceFigure("origin=JFK", around(auc - less, half), around(gain - less, half))],
            calibration=(0.03 + less, 0.03),
        )

    assert RANK[decided(found(worse))[0]] <= RANK[decided(found(0))[0]]


@given(half=st.floats(0, 0.3), min_gain=st.floats(0, 0.1), auc=st.floats(0.5, 1))
def test_a_candidate_equal_to_the_champion_is_never_promoted(half: float, min_gain: float, auc: float) -> None:
    spec = small_spec(comparison={"min_gain": min_gain})
    tie = evidence(acceptance={"roc_auc": around(auc), "brier": around(0.1)}, balance=weighed(0.0, half=half))
    assert decide(spec, tie)[0] == "keep_champion"


@pytest.mark.parametrize("version", ["probability", "net_value", "samples", "gain_by_part", "useless_releases"])
def test_a_verdict_of_before_the_net_value_is_read_and_shown(version: str) -> None:
    old = _verdict(0.002).model_dump(mode="json")
    assert version in old
    for name in ("probability", "probability_needed", "net_value", "samples", "gain_by_part", "useless_releases"):
        del old[name]
    for gate in old["gates"]:
        del gate["judged"], gate["needed"]
    read = Verdict.model_validate(old)
    assert getattr(read, version) in (None, {}, [])
    assert figures_in_words(read) == []
    assert "| net_value | **no** |" in render(read)


def test_a_limit_that_the_champion_misses_too_asks_a_person() -> None:
    """The champion that would be kept serves below the limit itself, and worse."""
    missed = {"roc_auc": around(0.59), "brier": around(0.18)}
    better = evidence(acceptance=missed)
    assert decided(better) == ("keep_champion", "acceptance:roc_auc")
    both = evidence(acceptance=missed, of_champion={"roc_auc": around(0.5), "brier": around(0.18)})
    decision, rule, gates = decide(SPEC, both)
    assert (decision, rule) == ("ask_human", "acceptance:roc_auc")
    assert "which the champion misses too with 0.5000" in gates[0].detail
    assert decided(replace(both, balance=weighed(-0.05)))[0] == "keep_champion", "no better than what serves"
    meets_it = {"roc_auc": around(0.7), "brier": around(0.18)}
    assert decided(replace(both, of_champion=meets_it))[0] == "keep_champion"


def _verdict(gain: float) -> Verdict:
    decision, rule, gates = decide(SPEC, evidence(balance=weighed(gain)))
    return Verdict(
        usecase="flight_delay", decision=decision, rule=rule, reason=reason(decision, gates, first_release=False),
        candidate=2, champion=1, champion_release="r0001", cells=[], differences={"D-C roc_auc": around(gain)},
        gates=gates, self_test="refused", decided_at="2026-11-21T00:00:00+00:00",
    )  # fmt: skip


def test_the_reason_and_the_markdown_carry_the_figures() -> None:
    verdict = _verdict(0.002)
    assert verdict.rule == "gain"
    assert "+0.0020 [-0.0030, +0.0070]" in verdict.reason
    assert "Do not deploy" in verdict.reason
    text = render(verdict)
    assert "keep_champion" in text.splitlines()[0]
    assert "| gain | **no** |" in text
    assert "| D-C roc_auc | +0.0020 [-0.0030, +0.0070] | 1,000 | 1,000 |" in text
