"""What is remembered of keys and erased subjects, whatever store it lies in."""

import pytest

from include.errors import LockHeldError
from include.governance.privacy_state import PrivacyState
from tests.unit.fakes.state import MemoryLocks, MemoryState


@pytest.fixture
def state() -> PrivacyState:
    return PrivacyState("cats", MemoryState(), MemoryLocks())


def test_the_key_in_use_is_the_last_one_that_was_noted(state: PrivacyState) -> None:
    assert state.active_key() is None
    state.use_key("k01")
    state.use_key("k02\n")
    assert state.active_key() == "k02"


def test_the_first_fact_of_an_erasure_stays(state: PrivacyState) -> None:
    assert state.erased() == {}
    for subject, reason in (("a", "asked"), ("b", "asked"), ("a", "again")):
        state.erase(subject, {"reason": reason})
    assert state.erased() == {"a": {"reason": "asked"}, "b": {"reason": "asked"}}


def test_what_a_deletion_seeks_is_kept_until_it_is_proved(state: PrivacyState) -> None:
    assert state.sought("a") == set()
    state.seek("a", {"N1", "N2"})
    assert state.sought("a") == {"N1", "N2"}
    assert state.sought("b") == set()
    state.proved("a")
    assert state.sought("a") == set()


def test_deletions_do_not_wait_for_each_other() -> None:
    locks = MemoryLocks()
    mine, yours = (PrivacyState("cats", MemoryState(), locks) for _ in range(2))
    with mine.alone(), pytest.raises(LockHeldError), yours.alone():
        pass
