"""What counts as passed, and in what words a breach is told."""

from include.deployment.judgement import Arm, decide
from include.usecase import load_usecase

SPEC = load_usecase("flight_delay")
OLD = Arm(answered=600, p99_ms=3.0, positive=150)


def test_enough_requests_without_a_breach_pass() -> None:
    found = decide(SPEC, "r0001", "r0002", {"r0001": OLD, "r0002": Arm(answered=200, p99_ms=4.0, positive=60)})
    assert (found.enough, found.passed) == (True, True)
    assert found.reason == "r0002 answered 200 requests without a breach, p99 4.0 ms"
    assert found.mean_answer == {"r0001": 0.25, "r0002": 0.3}


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
