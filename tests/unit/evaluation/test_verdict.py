from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from include.contracts.evaluation import Interval, Verdict
from include.evaluation.report import render
from include.evaluation.verdict import Evidence, SliceFigure, decide, reason
from tests.unit.evaluation.evaluation_specs import small_spec

SPEC = small_spec()
RANK = {"data_problem": 0, "keep_champion": 0, "ask_human": 1, "canary": 2, "promote": 2}


def around(value: float, half: float = 0.005, n: int = 1000) -> Interval:
    return Interval(value=value, low=value - half, high=value + half, n=n)


def evidence(**changes: Any) -> Evidence:
    good: dict[str, Any] = {
        "acceptance": {"roc_auc": around(0.74), "brier": around(0.18)},
        "gain": around(0.05),
        "forgetting": around(0.01),
        "slices": [SliceFigure("origin=JFK", around(0.7), around(0.03))],
        "unjudged_slices": [],
        "calibration": (0.02, 0.03),
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
    assert decided(evidence(gain=around(0.014))) == ("keep_champion", "gain")
    assert decided(evidence(forgetting=around(-0.016))) == ("ask_human", "forgetting")
    lost = SliceFigure("origin=LGA", around(0.7), around(-0.03))
    assert decided(evidence(slices=[lost])) == ("ask_human", "slice:origin=LGA")
    assert decided(evidence(calibration=(0.0601, 0.03))) == ("ask_human", "calibration")


def test_a_slice_that_lost_by_chance_only_is_no_refusal() -> None:
    by_chance = SliceFigure("origin=LGA", around(0.7), around(-0.03, half=0.04))
    assert decided(evidence(slices=[by_chance]))[0] == "canary"


def test_the_essential_gates_come_before_a_person() -> None:
    assert decided(evidence(gain=around(-0.1), forgetting=around(-0.1))) == ("keep_champion", "gain")


def test_a_first_release_is_judged_by_absolute_limits() -> None:
    first = {"gain": None, "forgetting": None, "calibration": (0.05, None)}
    passing = evidence(slices=[SliceFigure("origin=JFK", around(0.59), None)], **first)
    assert decided(passing)[0] == "canary"
    assert decided(evidence(slices=[SliceFigure("origin=JFK", around(0.55), None)], **first))[0] == "ask_human"
    assert decided(evidence(slices=[], **(first | {"calibration": (0.11, None)}))) == ("ask_human", "calibration")
    assert "no champion" in reason("canary", decide(SPEC, passing)[2], first_release=True)


def test_without_a_minimum_a_tie_is_still_no_gain() -> None:
    spec = small_spec(comparison={"min_gain": 0})
    assert decide(spec, evidence(gain=Interval(value=0, low=0, high=0, n=9)))[0] == "keep_champion"


figures = st.floats(-0.5, 0.5)


@given(gain=figures, half=st.floats(0, 0.1), forgetting=figures, auc=st.floats(0.3, 1), worse=st.floats(0, 0.5))
def test_a_worse_candidate_never_gets_further(
    gain: float, half: float, forgetting: float, auc: float, worse: float
) -> None:
    def found(less: float) -> Evidence:
        return evidence(
            acceptance={"roc_auc": around(auc - less, half), "brier": around(0.2 + less, half)},
            gain=around(gain - less, half),
            forgetting=around(forgetting - less, half),
            slices=[SliceFigure("origin=JFK", around(auc - less, half), around(gain - less, half))],
            calibration=(0.03 + less, 0.03),
        )

    assert RANK[decided(found(worse))[0]] <= RANK[decided(found(0))[0]]


@given(half=st.floats(0, 0.3), min_gain=st.floats(0, 0.1), auc=st.floats(0.5, 1))
def test_a_candidate_equal_to_the_champion_is_never_promoted(half: float, min_gain: float, auc: float) -> None:
    spec = small_spec(comparison={"min_gain": min_gain})
    tie = evidence(acceptance={"roc_auc": around(auc), "brier": around(0.1)}, gain=around(0.0, half))
    assert decide(spec, tie)[0] == "keep_champion"


@given(gain=figures, half=st.floats(0, 0.2))
def test_an_automatic_release_is_a_gain_beyond_its_interval(gain: float, half: float) -> None:
    decision, _ = decided(evidence(gain=around(gain, half)))
    assert (decision == "canary") == (gain - half >= SPEC.comparison.min_gain)


def test_the_reason_and_the_markdown_carry_the_figures() -> None:
    decision, rule, gates = decide(SPEC, evidence(gain=around(0.002)))
    told = reason(decision, gates, first_release=False)
    assert "+0.0020 [-0.0030, +0.0070]" in told
    assert "Do not deploy" in told
    verdict = Verdict(
        usecase="flight_delay", decision=decision, rule=rule, reason=told, candidate=2, champion=1,
        champion_release="r0001", cells=[], differences={"D-C roc_auc": around(0.002)}, gates=gates,
        self_test="refused", decided_at="2026-11-21T00:00:00+00:00",
    )  # fmt: skip
    text = render(verdict)
    assert "keep_champion" in text.splitlines()[0]
    assert "| gain | **no** |" in text
    assert "| D-C roc_auc | +0.0020 [-0.0030, +0.0070] | 1000 |" in text
