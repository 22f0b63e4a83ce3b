"""What a shadow's copies may say."""

from include.deployment import shadow
from tests.unit.evaluation.evaluation_specs import small_spec

SPEC = small_spec(rollout={"min_requests": 100, "shadow": {"max_changed": 0.1, "max_difference": 0.05}})
COUNTED = {"ok": 200.0, "error": 0.0, "dropped": 7.0}


def judged(counted: dict[str, float] = COUNTED, **figures: float):
    return shadow.decide(SPEC, "r1", "r2", counted, **{"p99_ms": 3.0, "changed": 10.0, "difference": 4.0} | figures)


def test_copies_within_the_limits_pass_with_their_figures() -> None:
    found = judged()
    assert found.passed
    assert found.shadow == {"changed": 0.05, "difference": 0.02, "dropped": 7.0}
    assert (
        "5.00% of the predictions differ from r1, the answers by 0.02 on average, p99 3.0 ms, 7 dropped" in found.reason
    )


def test_every_breach_is_named() -> None:
    found = judged({"ok": 90.0, "error": 10.0, "dropped": 0.0}, changed=18.0, difference=9.0, p99_ms=250.0)
    assert (found.enough, found.passed, len(found.breaches)) == (True, False, 4)
    assert "fails 10.00% of its copies, 1.00% are allowed" in found.reason
    assert "20.00% of the predictions of r2 differ, 10.00% may" in found.reason


def test_few_copies_are_no_pass_and_dropped_ones_are_none() -> None:
    found = judged({"ok": 99.0, "error": 0.0, "dropped": 500.0}, changed=0.0, difference=0.0)
    assert (found.enough, found.passed, found.breaches) == (False, False, [])
    assert not judged({"ok": 0.0, "error": 0.0, "dropped": 0.0}, changed=0.0, difference=0.0).enough
