"""Fairness: the rates are fairlearn's, the gaps what they say, small groups are not judged, limits hold."""

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import demographic_parity_difference, equal_opportunity_difference, equalized_odds_difference
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import DataError
from include.evaluation.fairness import fairness_gates, group_figures
from include.evaluation.group_rates import RATES, Cells
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec

LIMITS = {"demographic_parity": 0.1, "equal_opportunity": 0.2, "equalized_odds": 0.2, "error_gap": 0.3}
REFERENCE = {
    "demographic_parity": demographic_parity_difference,
    "equal_opportunity": equal_opportunity_difference,
    "equalized_odds": equalized_odds_difference,
}


def spec(**fairness: object) -> UseCase:
    return small_spec(fairness={"groups": ["origin"], "limits": LIMITS, "min_rows": 50, **fairness})


def answers(n: int = 600, shift: float = 0.0, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Equal groups but for ``shift``, by which the answers of JFK are higher."""
    random = np.random.default_rng(seed)
    origin = np.where(np.arange(n) % 2 == 0, "EWR", "JFK")
    y = random.random(n) < 0.4
    p = np.clip(0.3 + 0.3 * y + random.normal(0, 0.15, n) + shift * (origin == "JFK"), 0, 1)
    return pd.DataFrame({"origin": origin}), y, p


def test_equal_groups_are_within_their_limits() -> None:
    (figures,) = group_figures(spec(), *answers())
    assert set(figures.groups) == {"EWR", "JFK"}
    assert set(figures.gaps) == set(LIMITS)
    assert all(gate.passed for gate in fairness_gates(spec(), [figures]))


def test_a_favoured_group_breaks_the_limits() -> None:
    (figures,) = group_figures(spec(), *answers(shift=0.3))
    gates = {gate.gate: gate for gate in fairness_gates(spec(), [figures])}
    parity = gates["fairness:demographic_parity:origin"]
    assert not parity.passed
    assert "at most 0.1 is allowed" in parity.detail
    gap = figures.gaps["demographic_parity"]
    assert gap.low < gap.value < gap.high
    assert gap.low > 0.1


@pytest.mark.slow
@given(
    rows=st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), min_size=12, max_size=80),
    measure=st.sampled_from(sorted(REFERENCE)),
)
@settings(max_examples=40, deadline=None)
def test_gaps_are_those_of_fairlearn(rows: list[tuple[str, bool, bool]], measure: str) -> None:
    every = [(group, y, said) for group in "abc" for y in (True, False) for said in (True, False)]
    names, y, said = (np.array(column) for column in zip(*(rows + every), strict=True))
    expected = REFERENCE[measure](y, said, sensitive_features=names)
    assert Cells.count(names, y, said).gap(measure) == pytest.approx(expected)


RATE_NAMES = sorted({rate for rates in RATES.values() for rate in rates})


@given(counts=st.lists(st.integers(1, 300), min_size=8, max_size=8), rate=st.sampled_from(RATE_NAMES))
@settings(max_examples=20, deadline=None)
def test_resampled_rates_are_rates(counts: list[int], rate: str) -> None:
    cells = Cells(["a", "b"], np.array(counts).reshape(1, 2, 2, 2))
    draws = cells.resampled(rate, 50, seed=0)
    known = draws[np.isfinite(draws)]
    assert ((known >= 0) & (known <= 1)).all()
    np.testing.assert_array_equal(draws, cells.resampled(rate, 50, 0))


@pytest.mark.parametrize("days", [None, 25])
def test_drawing_cells_is_drawing_rows_or_days(days: int | None) -> None:
    """The spread of the difference is that of a plain bootstrap of the rows, or of the days."""
    frame, y, p = answers(400, shift=0.1)
    said, names = p >= 0.5, frame["origin"].to_numpy()
    of_day = np.arange(400) if days is None else np.arange(400) * days // 400
    cells = Cells.count(names, y, said, None if days is None else of_day)
    fast = np.diff(cells.resampled("selection_rate", 2000, seed=1), axis=1)[:, 0]
    random, slow = np.random.default_rng(2), []
    members = [np.flatnonzero(of_day == day) for day in range(of_day.max() + 1)]
    for _ in range(2000):
        drawn = np.concatenate([members[day] for day in random.integers(0, len(members), len(members))])
        shares = [said[drawn][names[drawn] == name].mean() for name in ("EWR", "JFK")]
        slow.append(shares[1] - shares[0])
    np.testing.assert_allclose(np.quantile(fast, [0.1, 0.5, 0.9]), np.quantile(slow, [0.1, 0.5, 0.9]), atol=0.012)


def test_small_groups_are_named_and_not_judged() -> None:
    frame, y, p = answers()
    frame.loc[:9, "origin"] = "LGA"
    frame.loc[10, "origin"] = None
    (figures,) = group_figures(spec(), frame, y, p)
    assert figures.unjudged == ("(missing) (1 rows)", "LGA (10 rows)")
    assert set(figures.groups) == {"EWR", "JFK"}
    last = fairness_gates(spec(), [figures])[-1]
    assert (last.gate, last.passed) == ("fairness:unjudged:origin", True)
    assert "LGA (10 rows)" in last.detail


def test_one_group_is_not_judged() -> None:
    frame, y, p = answers()
    figures = group_figures(spec(), frame.assign(origin="EWR"), y, p)
    gates = fairness_gates(spec(), figures)
    assert all(gate.passed for gate in gates)
    assert "origin has 1 groups of 50 rows or more, two are needed" in gates[0].detail


def test_a_rate_without_rows_is_undefined_and_said() -> None:
    frame, y, p = answers()
    y[(frame["origin"] == "JFK").to_numpy()] = False
    (figures,) = group_figures(spec(), frame, y, p)
    assert set(figures.gaps) == {"demographic_parity"}
    assert figures.groups["JFK"]["true_positive_rate"] is None
    gates = {gate.gate: gate.detail for gate in fairness_gates(spec(), [figures])}
    assert "a group has no row of some class" in gates["fairness:equal_opportunity:origin"]
    assert "roc_auc of" in gates["fairness:error_gap:origin"]
    assert "is undefined" in gates["fairness:error_gap:origin"]


def test_a_spec_without_groups_has_no_figures() -> None:
    assert group_figures(small_spec(fairness={"groups": [], "limits": {}}), *answers()) == []


def test_a_missing_column_is_named() -> None:
    with pytest.raises(DataError, match=r"fairness.groups needs \['origin'\]; the rows have \['dest'\]"):
        group_figures(spec(), *(answers()[0].rename(columns={"origin": "dest"}), *answers()[1:]))
