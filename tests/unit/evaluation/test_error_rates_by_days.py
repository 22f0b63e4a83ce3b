"""The rates of the rule by whole days are as stated, on both sides; and every faulty rule is found by these checks."""

import pytest

from include.evaluation import bootstrap
from tests.unit.evaluation.simulated_days import (
    CHECKS,
    FAULTY,
    Rule,
    faults,
    interval_is_as_stated,
    missed,
    useless_are_released_as_stated,
)


@pytest.mark.parametrize("check", CHECKS)
def test_the_rule_errs_as_often_as_it_states(check: str) -> None:
    assert CHECKS[check](Rule()), missed(Rule())


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_rule_is_found(name: str) -> None:
    assert faults(Rule(**FAULTY[name])), name


def test_intervals_without_the_correction_for_few_days_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_expanded", lambda tail, n: tail)
    assert not interval_is_as_stated(Rule())
    assert useless_are_released_as_stated(Rule()), "a probability has a correction of its own"
