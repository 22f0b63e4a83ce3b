"""A warning that fires in every period is itself reported; one that fires now and then is not."""

import pytest

from include.contracts.period import Period
from include.contracts.quality import CheckOutcome, GateResult
from include.data.standing import standing_warnings

MONTHS = ["2013-03", "2013-04", "2013-05", "2013-06"]


def evaluated(month: str, failed: str, gate: str = "raw", severity: str = "warn", **about: object) -> GateResult:
    checks = [
        CheckOutcome.model_validate(
            {
                "check": check, "table": "planes", "expectation": "e", "column": "tail", "severity": severity,
                "rows": 9, "unexpected": 9, "passed": check not in failed, **about,
            }
        )
        for check in "ab"
    ]  # fmt: skip
    return GateResult(usecase="u", gate=gate, period=month, rows={"planes": 9}, checks=checks)


@pytest.mark.parametrize(
    ("failed", "standing"),
    [
        ("aaaa", [("a", "2013-03", 4)]),
        (".aaa", [("a", "2013-04", 3)]),
        ("..aa", []),
        ("aaa.", []),
        ("a.aa", []),
        ("bbab", []),
    ],
)
def test_a_warning_that_fires_in_each_of_the_newest_periods_is_reported(failed: str, standing: list) -> None:
    results = [evaluated(month, check) for month, check in zip(MONTHS, failed, strict=True)]
    assert [(w.check, w.since, w.periods) for w in standing_warnings(results)] == standing


def test_the_last_evaluation_of_a_period_counts_and_gates_are_apart() -> None:
    results = [evaluated(month, "a") for month in MONTHS]
    assert standing_warnings([*results, evaluated(MONTHS[-1], "")]) == []
    assert standing_warnings([*results[:2], *(evaluated(month, "a", gate="features") for month in MONTHS[2:])]) == []


def test_a_check_that_cannot_be_evaluated_in_any_period_is_reported_and_a_refusal_is_not_a_warning() -> None:
    (broken,) = standing_warnings([evaluated(month, "a", broken=True) for month in MONTHS])
    assert broken.text == (
        "raw gate: planes.tail: e warns in each of 4 periods, 2013-03 to 2013-06 (could not be evaluated)"
    )
    assert standing_warnings([evaluated(month, "a", severity="block") for month in MONTHS]) == []


@pytest.mark.parametrize(("first", "count", "stands"), [("2013-04-01", 6, 0), ("2013-04-01", 7, 1), ("2013-W01", 3, 1)])
def test_how_many_periods_make_a_warning_stand_follows_the_rhythm(first: str, count: int, stands: int) -> None:
    periods = [Period(first).shift(n) for n in range(count)]
    assert len(standing_warnings([evaluated(period, "a") for period in periods])) == stands
