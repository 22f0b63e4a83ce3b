"""The outcome of a check says what was expected and how many rows failed it, and shows no value of a row."""

from typing import Any

from include.contracts.quality import Check
from include.ports.outcomes import broken, judged


def check(kind: str, **kwargs: Any) -> Check:
    return Check(id="c", type=kind, table="flights", severity="block", dimension="volume", kwargs=kwargs)


def test_a_check_of_rows_shows_what_it_expected_and_no_value() -> None:
    outcome = judged(check("expect_column_values_to_be_between", column="delay", min_value=0), 10, 3, False, "secret")
    assert (outcome.column, outcome.rows, outcome.unexpected, outcome.passed) == ("delay", 10, 3, False)
    assert outcome.detail == "min_value=0"


def test_a_check_of_the_whole_table_shows_what_was_observed() -> None:
    outcome = judged(check("expect_table_row_count_to_be_between", max_value=9), 10, 0, False, 10)
    assert (outcome.column, outcome.detail) == (None, "max_value=9; observed 10")


def test_a_check_that_broke_did_not_pass() -> None:
    outcome = broken(check("expect_column_mean_to_be_between", column="delay"), 10, "TypeError")
    assert (outcome.passed, outcome.broken, outcome.detail) == (False, True, "the check broke: TypeError")
