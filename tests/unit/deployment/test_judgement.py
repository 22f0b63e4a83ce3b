"""What counts as passed, and in what words a breach is told."""

import pytest

from include.deployment.judgement import Arm, asked, decide, milliseconds, standing
from include.specification.loader import load_usecase
from include.specification.running import AbortQuery
from tests.unit.evaluation.evaluation_specs import small_spec

SPEC = load_usecase("flight_delay")
OLD = Arm(answered=600, p99_ms=3.0, positive=150)


def test_with_all_the_traffic_what_the_champion_said_before_is_not_compared() -> None:
    arms = {"r0001": OLD, "r0002": Arm(answered=200, p99_ms=4.0, positive=190)}
    assert "apart" in decide(SPEC, "r0001", "r0002", arms).reason
    assert decide(SPEC, "r0001", "r0002", arms, full=True).passed


def test_enough_requests_without_a_breach_pass() -> None:
    found = decide(SPEC, "r0001", "r0002", {"r0001": OLD, "r0002": Arm(answered=200, p99_ms=4.0, positive=60)})
    assert (found.enough, found.passed) == (True, True)
    assert found.reason == "r0002 answered 200 requests without a breach, p99 4.0 ms"
    assert found.mean_answer == {"r0001": 0.25, "r0002": 0.3}


def test_a_release_without_traffic_has_no_p99_no_error_rate_and_no_mean() -> None:
    found = decide(SPEC, "r0001", "r0002", {"r0001": OLD, "r0002": Arm()}, full=True)
    assert (found.p99_ms["r0002"], found.error_rate["r0002"], found.mean_answer["r0002"]) == (None, None, None)
    assert found.reason == "r0002 had 0 requests, 150 are needed to judge"
    assert milliseconds(None) == "no traffic"


def test_counters_that_were_met_once_are_no_data_yet() -> None:
    found = decide(SPEC, "r0001", "r0002", {"r0001": OLD, "r0002": Arm(measured=False)})
    assert (found.enough, found.breaches) == (False, [])
    assert found.reason.startswith("no data of r0002 yet: Prometheus must meet its counters twice")


def test_requests_that_failed_before_a_release_had_them_are_a_breach() -> None:
    arms = {"r0001": OLD, "r0002": Arm(answered=200, p99_ms=4.0, positive=60)}
    assert decide(SPEC, "r0001", "r0002", arms, lost=0.01).passed
    found = decide(SPEC, "r0001", "r0002", arms, lost=0.05)
    assert found.breaches == ["5.00% of the requests failed in the model server, before a release had them; 1.00% may"]


def test_answers_are_not_compared_while_the_online_store_is_away_and_nothing_passes() -> None:
    arms = {"r0001": OLD, "r0002": Arm(answered=200, p99_ms=4.0, positive=190)}
    assert decide(SPEC, "r0001", "r0002", arms, away=0.005).breaches, "too few lookups to move a mean"
    found = decide(SPEC, "r0001", "r0002", arms, away=0.3)
    assert (found.enough, found.passed, found.breaches) == (False, False, [])
    assert found.reason == "30.00% of the lookups got no answer from the online store: answers are not compared"
    assert standing(SPEC, found, watched=1.0) == "wait"
    slow = {**arms, "r0002": Arm(answered=200, p99_ms=250.0, positive=190)}
    assert [decide(SPEC, "r0001", "r0002", slow, away=0.3).breaches] == [
        ["p99 of r0002 is 250.0 ms, 100 ms are allowed"]
    ]


def test_too_few_requests_are_not_a_pass() -> None:
    found = decide(SPEC, "r0001", "r0002", {"r0001": OLD, "r0002": Arm(answered=149, p99_ms=4.0, positive=40)})
    assert (found.enough, found.passed) == (False, False)
    assert "149 requests, 150 are needed" in found.reason


def test_every_breach_is_named() -> None:
    bad = Arm(answered=190, failed=10, p99_ms=250.0, positive=150)
    found = decide(SPEC, "r0001", "r0002", {"r0001": OLD, "r0002": bad})
    assert (found.enough, found.passed) == (True, False)
    assert "fails 5.00% of its requests, 1.00% are allowed" in found.reason
    assert "p99 of r0002 is 250.0 ms, 100 ms are allowed" in found.reason
    assert "mean answer of r0002 is 0.789, of r0001 0.250" in found.reason


def test_a_silent_champion_is_not_compared_with() -> None:
    found = decide(SPEC, "r0001", "r0002", {"r0001": Arm(), "r0002": Arm(answered=200, p99_ms=4.0, positive=190)})
    assert found.passed


def test_answers_below_zero_have_a_mean_too() -> None:
    cold = Arm(answered=200, positive=100, negative=1100)
    assert cold.mean_answer == -5
    found = decide(SPEC, "r0001", "r0002", {"r0001": OLD, "r0002": cold})
    assert "mean answer of r0002 is -5.000, of r0001 0.250: 5.250 apart" in found.reason


QUERY = {"name": "slower", "query": 'a{release="$challenger"} / a{release="$champion"}[$window]', "above": 2.0}
ASKING = small_spec(rollout={"min_requests": 100, "bake_seconds": 10, "max_wait_seconds": 60})
ASKING = small_spec(
    rollout=ASKING.rollout.model_dump() | {"abort": ASKING.rollout.abort.model_dump() | {"queries": [QUERY]}}
)
ARMS = {"r0001": OLD, "r0002": Arm(answered=200, p99_ms=4.0, positive=60)}


class Metrics:
    """Answers every query with the same samples and remembers it."""

    def __init__(self, *values: float) -> None:
        self.values, self.queries = values, []

    def query(self, promql: str, seconds: float | None = None) -> list[tuple[dict[str, str], float]]:
        self.queries.append(promql)
        return [({}, value) for value in self.values]


def test_abort_queries_are_filled_in_and_their_worst_sample_counts() -> None:
    metrics = Metrics(1.0, float("nan"), 3.0)
    assert asked(ASKING, metrics, "r0001", "r0002", 12.2) == {"slower": 3.0}
    assert metrics.queries == ['a{release="r0002"} / a{release="r0001"}[13s]']
    found = decide(ASKING, "r0001", "r0002", ARMS, {"slower": 3.0})
    assert found.reason == "slower is 3, at most 2 is allowed"
    assert not found.passed


def test_a_query_without_a_sample_is_no_breach() -> None:
    assert asked(ASKING, Metrics(), "r0001", "r0002", 12) == {"slower": None}
    assert asked(ASKING, Metrics(float("nan")), "r0001", "r0002", 12) == {"slower": None}
    assert decide(ASKING, "r0001", "r0002", ARMS, {"slower": None}).passed


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"below": 1.0}, "needs one limit: above or below"),
        ({"above": None}, "needs one limit: above or below"),
        ({"query": "up{x='$release'}"}, r"may name \$usecase, \$champion, \$challenger, \$window, not \['release'\]"),
        ({"query": "up{x=~'a$'}"}, "not a bare"),
        (
            {"query": "sum(a_total{x='y'}) / sum(rate(b_total[$window]))"},
            "takes a_total as it is: a counter has counted",
        ),
    ],
)
def test_an_abort_query_that_cannot_be_is_refused(change: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        AbortQuery.model_validate(QUERY | change)


def standings(requests: float, *breaches: str, full: bool = False) -> list[str]:
    judged = decide(ASKING, "r0001", "r0002", ARMS).model_copy(
        update={"enough": requests >= 100, "breaches": list(breaches)}
    )
    return [standing(ASKING, judged, watched, full) for watched in (5, 20, 70)]


def test_where_a_step_stands_after_5_20_and_70_seconds() -> None:
    assert standings(200) == ["wait", "go", "go"]
    assert standings(200, "slow") == ["breached", "breached", "breached"]
    assert standings(50) == ["wait", "wait", "not_judged"]
    assert standings(50, "slow") == ["wait", "wait", "breached"]
    assert standings(0, full=True) == ["wait", "go", "go"]
    assert standings(50, "slow", full=True) == ["wait", "wait", "breached"]
