"""What a row gets whose features lack, by the policy of the view."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.deployment.serving_code import served

MISSING = served("missing")
REASON = st.sampled_from([None, "missing", "stale", "unavailable"])


def policy(**views: str) -> "MISSING.MissingPolicy":
    declared = {view: {"when_missing": how} for view, how in views.items()}
    return MISSING.MissingPolicy("r0001", {"views": declared, "scores_per_row": 2, "fallback_scores": [0.25, 0.75]})


@given(st.lists(st.tuples(REASON, REASON), min_size=1, max_size=8))
def test_the_constant_is_where_a_falling_back_view_lacks_and_nowhere_else(rows: list[tuple]) -> None:
    weather, planes = (list(column) for column in zip(*rows, strict=True))
    lacking = {view: column for view, column in (("weather", weather), ("planes", planes)) if any(column)}
    scores = np.full((len(rows), 2), 0.5, dtype=np.float32)
    found, fallen = policy(weather="fall_back", planes="default").apply(scores, lacking)
    expected = [[0.25, 0.75] if reason else [0.5, 0.5] for reason in weather]
    np.testing.assert_array_equal(found, np.array(expected, dtype=np.float32))
    assert (fallen is None) == (not any(weather))
    assert fallen is None or fallen.tolist() == [reason is not None for reason in weather]
    assert (scores == 0.5).all()


def test_a_rejecting_view_refuses_with_the_reasons_counted() -> None:
    lacking = {"weather": ["stale", None, "stale", "missing"]}
    with pytest.raises(MISSING.LackingFeaturesError, match=r"r0001 .*'weather': {'stale': 2, 'missing': 1}") as refused:
        policy(weather="reject").refuse(lacking)
    assert refused.value.lacking == lacking
    policy(weather="reject", planes="default").refuse({"planes": ["missing"]})


def test_a_release_of_before_the_policy_keeps_the_models_treatment() -> None:
    old = MISSING.MissingPolicy("r0001", {"views": {"weather": {}}, "scores_per_row": 1})
    scores = np.array([[0.5]], dtype=np.float32)
    old.refuse({"weather": ["missing"]})
    assert old.apply(scores, {"weather": ["missing"]}) == (scores, None)


def test_a_release_that_cannot_fall_back_does_not_load() -> None:
    manifest = {"views": {"weather": {"when_missing": "fall_back"}}, "scores_per_row": 2, "fallback_scores": [0.5]}
    with pytest.raises(ValueError, match="falls back without 2 fallback_scores"):
        MISSING.MissingPolicy("r0001", manifest)
