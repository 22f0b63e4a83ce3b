"""The read-out of an A/B test: the interval, its clusters, and what is decided when."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from include.deployment import ab_readout
from include.deployment.clustered import ClusteredMean, difference
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
        found = difference(*(ClusteredMean.of(x, np.arange(1200) // 20) for x in arms), confidence=0.95)
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
    with pytest.raises(ValueError, match=r"rollout\.sticky_by: 'client' is not a request field"):
        small_spec(rollout={"sticky_by": "client"})
    with pytest.raises(ValueError, match="measure: 'squared_error' is not one of binary"):
        small_spec(rollout={"ab_test": {"measure": "squared_error"}})


def sizes(clients: int, heavy: float = 0.0, zipf: float = 0.0, rows_: int = 400) -> np.ndarray:
    """Rows of each client: even, one with the share ``heavy``, or falling with the rank to the power ``zipf``."""
    shares = np.arange(1, clients + 1) ** -zipf
    if heavy:
        shares = np.r_[heavy / (1 - heavy) * (clients - 1), np.ones(clients - 1)]
    return np.maximum(1, np.round(rows_ * shares / shares.sum())).astype(int)


Arm = tuple[np.ndarray, np.ndarray]


def arm(random: np.random.Generator, counts: np.ndarray, skewed: bool, better: float = 0.0) -> Arm:
    """Rows and sum of the losses of each client, which has a mean of its own, so that its rows are alike."""
    means = random.exponential(1, len(counts)) if skewed else random.normal(1, 0.5, len(counts))
    return counts, counts * (means - better) + random.normal(0, 0.3, len(counts)) * counts**0.5


CLIENTS = {
    "equal clients": (sizes(60), sizes(60)),
    "one client with half of an arm": (sizes(60), sizes(60, heavy=0.5)),
    "one client with 80 % of an arm": (sizes(60), sizes(60, heavy=0.8)),
    "one client with 20 % of an arm": (sizes(60), sizes(60, heavy=0.2)),
    "heavy tails": (sizes(100, zipf=1.0), sizes(100, zipf=1.0)),
    "very heavy tails": (sizes(100, zipf=2.0), sizes(100, zipf=2.0)),
    "two clients": (sizes(2), sizes(2)),
    "five clients": (sizes(5), sizes(5)),
    "ten clients": (sizes(10), sizes(10)),
    "few clients in one arm": (sizes(200), sizes(12)),
}
TESTS = 400


def decided(counts: tuple[np.ndarray, np.ndarray], skewed: bool, better: float = 0.0, tests: int = TESTS) -> float:
    """Share of the tests in which one of both was called better."""
    random, calls = np.random.default_rng(0), 0
    for _ in range(tests):
        arms = {"r1": arm(random, counts[0], skewed), "r2": arm(random, counts[1], skewed, better)}
        reason = ab_readout.of_entities(SPEC, arms, hours=10).reason
        calls += reason.endswith((": better", ": worse"))
    return calls / tests


@pytest.mark.slow
@pytest.mark.parametrize("skewed", [False, True])
@pytest.mark.parametrize("clients", CLIENTS)
def test_without_a_difference_a_heavy_client_decides_no_more_often_than_stated(clients: str, skewed: bool) -> None:
    """At most the stated 5 %, with the 99.9 % quantile of the binomial distribution as margin."""
    assert decided(CLIENTS[clients], skewed) <= stats.binom.ppf(0.999, TESTS, 0.05) / TESTS


def test_many_even_clients_keep_their_power() -> None:
    counts = (sizes(60), sizes(60))
    power = stats.t.sf(stats.t.ppf(0.975, 118), 118, 0.4 / (2 / 60 * (0.25 + 0.09 / 7)) ** 0.5)
    assert power > 0.95
    assert decided(counts, skewed=False, better=0.4, tests=60) >= stats.binom.ppf(0.001, 60, power) / 60


@pytest.mark.parametrize("clients", ["one client with 80 % of an arm", "five clients", "very heavy tails"])
def test_too_few_effective_clients_are_undecided_and_it_says_so(clients: str) -> None:
    counts, random = CLIENTS[clients], np.random.default_rng(3)
    arms = {"r1": arm(random, counts[0], False), "r2": arm(random, counts[1], False, better=5.0)}
    found = ab_readout.of_entities(SPEC, arms, hours=3)
    assert found.decision == "wait", "more clients may come"
    over = ab_readout.of_entities(SPEC, arms, hours=10)
    assert over.decision == SPEC.rollout.ab_test.undecided
    assert over.reason.startswith("undecided after 10.0 h: ")
    assert "equal ones (10 are needed per arm): a heavy client would decide alone" in over.reason
    assert min(over.effective.values()) < 10


def test_labels_that_are_not_due_are_told_apart_from_those_that_never_came() -> None:
    some = rows(np.ones(100), np.ones(40))
    found = ab_readout.read_out(SPEC, "r1", "r2", some, hours=3, waiting=ab_readout.Waiting(not_due=55, overdue=7))
    assert (found.not_due, found.overdue) == (55, 7)
    assert "55 labels are not due yet, 7 are due and never came" in found.reason
