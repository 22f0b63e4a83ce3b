"""The read-out of an A/B test: the interval, its clusters, and what is decided when."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from include.deployment import ab_readout
from include.deployment.ab_readout import ClusteredMean
from tests.unit.evaluation.evaluation_specs import small_spec

SPEC = small_spec(rollout={"ab_test": {"min_labelled": 100, "min_hours": 2, "max_hours": 10}})


def rows(old: np.ndarray, new: np.ndarray, per_entity: int = 1) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"release": name, "loss": loss, "entity": [f"{name}-{i // per_entity}" for i in range(len(loss))]})
        for name, loss in (("r1", old), ("r2", new))
    ]
    return pd.concat(parts, ignore_index=True)


def test_with_one_row_per_entity_it_is_welchs_interval() -> None:
    random = np.random.default_rng(0)
    old, new = random.normal(1.0, 1, 300), random.normal(0.8, 2, 200)
    found = ab_readout.read_out(SPEC, "r1", "r2", rows(old, new), hours=3).difference
    expected = stats.ttest_ind(new, old, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-6)
    assert found.value == pytest.approx(new.mean() - old.mean())


def test_rows_of_one_entity_are_not_counted_as_if_they_were_many() -> None:
    """Without a difference, 95 % intervals miss 0 in 5 % of the tests; row by row they would in over half."""
    random, missed, naive = np.random.default_rng(1), 0, 0
    for _ in range(400):
        arms = [np.repeat(random.normal(0, 1, 60), 20) + random.normal(0, 0.5, 1200) for _ in range(2)]
        found = ab_readout.difference(*(ClusteredMean.of(x, np.arange(1200) // 20) for x in arms), confidence=0.95)
        missed += not found.low <= 0 <= found.high
        naive += stats.ttest_ind(*arms).pvalue < 0.05
    assert 0.02 <= missed / 400 <= 0.09
    assert naive / 400 > 0.5


@pytest.mark.parametrize(
    ("better", "hours", "decision", "says"),
    [
        (-0.5, 3, "promote", "better"),
        (0.5, 3, "keep", "worse"),
        (0.0, 3, "keep", "no difference was found, and undecided means keep"),
        (-0.5, 1, "wait", "decided after 2 h"),
    ],
)
def test_one_look_decides_when_the_time_is_over(better: float, hours: float, decision: str, says: str) -> None:
    random = np.random.default_rng(2)
    found = ab_readout.read_out(
        SPEC, "r1", "r2", rows(random.normal(1, 0.3, 400), random.normal(1 + better, 0.3, 400)), hours
    )
    assert found.decision == decision
    assert says in found.reason


def test_before_the_labels_are_there_it_says_how_many_lack() -> None:
    some = rows(np.ones(100), np.ones(40))
    found = ab_readout.read_out(SPEC, "r1", "r2", some, hours=3)
    assert (found.decision, found.missing, found.rows) == ("wait", 60, {"r1": 100, "r2": 40})
    assert "60 labelled rows are missing" in found.reason
    over = ab_readout.read_out(SPEC, "r1", "r2", some, hours=10)
    assert over.decision == "keep"
    assert over.reason.startswith("undecided after 10.0 h: 60 labelled rows")
    nothing = ab_readout.read_out(SPEC, "r1", "r2", some[:0], hours=0)
    assert (nothing.difference, nothing.missing, nothing.decision) == (None, 100, "wait")


def test_losses_are_the_named_ones() -> None:
    p, y = np.array([0.9, 0.2, 0.6]), np.array([True, False, False])
    np.testing.assert_allclose(ab_readout.losses(SPEC, p, y), [0.01, 0.04, 0.36])
    wrong = small_spec(rollout={"ab_test": {"measure": "error_rate"}})
    np.testing.assert_allclose(ab_readout.losses(wrong, p, y), [0, 0, 1])


def test_a_test_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="an A/B test needs the request field"):
        small_spec(rollout={"strategy": "ab_test"})
    with pytest.raises(ValueError, match=r"rollout\.sticky_by 'client' is not one of the request fields"):
        small_spec(rollout={"sticky_by": "client"})
    with pytest.raises(ValueError, match="measure 'squared_error' is not for binary"):
        small_spec(rollout={"ab_test": {"measure": "squared_error"}})
