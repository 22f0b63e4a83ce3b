"""Properties of the rules: whatever the figures, a better one never does harm, and up means up in every metric."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.contracts.evaluation import GateOutcome, Interval
from include.evaluation.bootstrap import paired
from include.evaluation.metrics import DIRECTION
from include.evaluation.verdict import Evidence, SliceFigure, decide
from include.specification.task import TASKS
from tests.unit.evaluation.balances import ROWS, weighed
from tests.unit.evaluation.evaluation_specs import small_spec
from tests.unit.evaluation.judged_rows import judged, metrics_of
from tests.unit.evaluation.test_verdict import RANK

SPEC = small_spec(acceptance=[{"metric": "roc_auc", "at_least": 0.6, "bound": "lower"}])
NAMES = ["acceptance", "gain", "forgetting", "slice", "slice gain", "calibration", "fairness"]
figure = st.floats(-0.3, 0.3)
figures = st.fixed_dictionaries(dict.fromkeys(NAMES, figure)) | st.fixed_dictionaries(
    # near the limits, where decisions change
    {name: st.floats(-0.02, 0.02) for name in NAMES}
)


def interval(value: float, half: float) -> Interval:
    return Interval(value=value, low=value - half, high=value + half, n=1000)


def evidence(over: dict[str, float], half: float, first: bool) -> Evidence:
    """Figures that are ``over`` what its gate asks for, positive meaning better."""
    limits = SPEC.comparison
    gain, forgetting = limits.min_gain + over["gain"], over["forgetting"] - limits.forgetting_margin
    calibration = 0.05 - over["calibration"]
    return Evidence(
        acceptance={"roc_auc": interval(0.6 + over["acceptance"], half)},
        balance=None if first else weighed(gain, forgetting, half),
        blocks=ROWS,
        slices=[
            SliceFigure(
                "origin=JFK", interval(0.6 + over["slice"], half), None if first else interval(over["slice gain"], half)
            )
        ],
        unjudged_slices=[],
        calibration=(calibration, None if first else 0.05),
        fairness=[GateOutcome(gate="fairness:error_gap:origin", passed=over["fairness"] >= 0, detail="")],
    )


@settings(max_examples=100)
@given(figures, st.floats(0, 0.05), st.booleans(), st.sampled_from(NAMES), st.floats(0, 0.3))
def test_improving_any_figure_never_makes_the_decision_worse(
    over: dict[str, float], half: float, first: bool, name: str, better: float
) -> None:
    improved = over | {name: over[name] + better}
    before, after = (RANK[decide(SPEC, evidence(o, half, first))[0]] for o in (over, improved))
    assert after >= before


@given(figures, st.floats(0, 0.05), st.booleans(), st.floats(0, 0.1))
def test_less_scatter_never_hinders_a_gain(over: dict[str, float], half: float, first: bool, narrower: float) -> None:
    """Of the figures that must be shown: more rows can show that something was lost, but never that a gain was none."""
    wide, narrow = (
        {g.gate: g.passed for g in decide(SPEC, evidence(over | {"gain": abs(over["gain"])}, h, first))[2]}
        for h in (half + narrower, half)
    )
    assert all(narrow[gate] for gate in wide if wide[gate] and gate.startswith(("acceptance", "gain")))


@given(figures, st.floats(0, 0.05), st.booleans())
def test_the_decision_says_what_the_gates_say(over: dict[str, float], half: float, first: bool) -> None:
    decision, rule, gates = decide(SPEC, evidence(over, half, first))
    vetoing = [g.gate for g in gates if g.vetoes]
    assert (decision == "canary") == (not vetoing)
    assert rule == "all gates passed" or rule in vetoing
    essential = ("acceptance", "gain", "net_value", "forgetting")
    assert (decision == "keep_champion") == any(g.startswith(essential) for g in vetoing)
    assert first == ("gain" not in {g.gate for g in gates})


@given(value=st.floats(0.4, 0.9), half=st.floats(0, 0.1), bound=st.sampled_from(["value", "lower"]))
def test_a_limit_from_above_is_the_mirror_of_one_from_below(value: float, half: float, bound: str) -> None:
    """Share of hits at least 0.6, or share of errors at most 0.4: the same limit, the same decision."""
    mirrored = {"value": "value", "lower": "upper"}[bound]
    up = small_spec(
        metrics={"primary": "accuracy", "secondary": []},
        acceptance=[{"metric": "accuracy", "at_least": 0.6, "bound": bound}],
    )
    down = small_spec(
        metrics={"primary": "brier", "secondary": []},
        acceptance=[{"metric": "brier", "at_most": 0.4, "bound": mirrored}],
    )
    common: dict[str, Any] = {"balance": None, "blocks": ROWS, "unjudged_slices": [], "calibration": (0.0, None)}
    of_hits, of_errors = interval(value, half), interval(1 - value, half)
    hits = Evidence(acceptance={"accuracy": of_hits}, slices=[SliceFigure("a=b", of_hits, None)], **common)
    errors = Evidence(acceptance={"brier": of_errors}, slices=[SliceFigure("a=b", of_errors, None)], **common)
    if abs(value - 0.6) > 1e-6 and abs(value - half - 0.6) > 1e-6 and abs(value - 0.58) > 1e-6:
        assert decide(up, hits)[0] == decide(down, errors)[0]


@pytest.mark.parametrize("metric", DIRECTION)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), rows=st.integers(60, 120))
def test_what_one_model_gains_the_other_loses(metric: str, seed: int, rows: int) -> None:
    task = next(t for t in TASKS if metric in metrics_of(t))
    y, p = judged(task, rows, seed)
    models = {"a": p, "b": np.roll(p, 1, axis=0)}
    drawn = paired(y, models, [metric], resamples=60, seed=seed)
    forth, back = drawn.gain(metric, "a", "b"), drawn.gain(metric, "b", "a")
    assert (forth.value, forth.low, forth.high) == pytest.approx((-back.value, -back.high, -back.low), abs=1e-12)


@pytest.mark.parametrize("metric", DIRECTION)
def test_a_tie_is_exactly_nothing_in_every_metric(metric: str) -> None:
    task = next(t for t in TASKS if metric in metrics_of(t))
    y, p = judged(task, 200)
    gain = paired(y, {"a": p, "b": p.copy()}, [metric], resamples=50).gain(metric, "a", "b")
    assert (gain.value, gain.low, gain.high) == (0, 0, 0)
