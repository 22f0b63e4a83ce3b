"""The scan and Great Expectations say the same of the same file: verdict, counts, what broke."""

import json
import logging
import math
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.adapters.scan.parquet import ParquetScan
from include.adapters.scan.rules import RULES
from include.adapters.validator import ExpectationEngine
from include.contracts.quality import Check, CheckOutcome
from include.data.validation import SuiteValidator
from tests.integration.data_fixtures import SUITES

pytestmark = pytest.mark.integration
START = datetime(2013, 2, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SCAN, BATCH = ParquetScan("1GB"), ExpectationEngine()
SCHEMA = pa.schema(
    {
        "whole": pa.int64(),
        "real": pa.float64(),
        "other": pa.float64(),
        "text": pa.string(),
        "at": pa.timestamp("us", tz="UTC"),
    }
)


def check(number: int, kind: str, kwargs: dict[str, Any]) -> Check:
    return Check(id=f"c{number}", type=kind, table="t", severity="block", dimension="accuracy", kwargs=kwargs)


EXPECTATIONS: list[tuple[str, dict[str, Any]]] = [
    ("expect_table_row_count_to_be_between", {"min_value": 3, "max_value": 8}),
    ("expect_table_columns_to_match_set", {"column_set": SCHEMA.names, "exact_match": True}),
    ("expect_column_values_to_not_be_null", {"column": "whole", "mostly": 0.7}),
    ("expect_column_values_to_not_be_null", {"column": "real"}),
    ("expect_column_values_to_be_null", {"column": "text", "mostly": 0.5}),
    ("expect_column_values_to_be_between", {"column": "whole", "min_value": 0, "max_value": 3, "strict_min": True}),
    ("expect_column_values_to_be_between", {"column": "real", "min_value": 0.5, "mostly": 0.6}),
    (
        "expect_column_values_to_be_between",
        {"column": "at", "min_value": START, "max_value": START + 3 * DAY},
    ),
    ("expect_column_values_to_be_between", {"column": "real", "max_value": 1.5, "strict_max": True}),
    ("expect_column_values_to_be_in_set", {"column": "text", "value_set": ["A", "it's", ""]}),
    ("expect_column_values_to_be_in_set", {"column": "whole", "value_set": [1, 2], "mostly": 0.4}),
    ("expect_column_values_to_not_be_in_set", {"column": "real", "value_set": [0.0, 1.5]}),
    ("expect_column_values_to_match_regex", {"column": "text", "regex": r"^[A-Z]\d?$"}),
    ("expect_column_values_to_match_regex", {"column": "whole", "regex": r"^-?\d$"}),
    ("expect_column_values_to_match_regex", {"column": "real", "regex": r"^\d\.\d$"}),
    ("expect_column_values_to_not_match_regex", {"column": "text", "regex": "A", "mostly": 0.5}),
    ("expect_column_values_to_be_unique", {"column": "whole", "mostly": 0.5}),
    ("expect_column_values_to_be_unique", {"column": "text"}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["whole", "text"]}),
    (
        "expect_compound_columns_to_be_unique",
        {"column_list": ["real", "text"], "ignore_row_if": "any_value_is_missing"},
    ),
    ("expect_compound_columns_to_be_unique", {"column_list": ["real", "other"], "ignore_row_if": "never"}),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "real", "column_B": "other"}),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "real", "column_B": "other", "or_equal": True, "ignore_row_if": "either_value_is_missing"},
    ),
    ("expect_column_pair_values_to_be_equal", {"column_A": "real", "column_B": "other"}),
    ("expect_column_values_to_be_in_type_list", {"column": "whole", "type_list": ["int64"]}),
    ("expect_column_values_to_be_in_type_list", {"column": "real", "type_list": ["int64", "float64"]}),
    ("expect_column_values_to_be_in_type_list", {"column": "text", "type_list": ["int64", "float64"]}),
    ("expect_column_values_to_be_in_type_list", {"column": "text", "type_list": ["str"]}),
    ("expect_column_mean_to_be_between", {"column": "whole", "min_value": 0, "max_value": 2}),
    ("expect_column_sum_to_be_between", {"column": "whole", "min_value": 0, "max_value": 10}),
    ("expect_column_min_to_be_between", {"column": "real", "min_value": -1}),
    ("expect_column_max_to_be_between", {"column": "at", "min_value": START, "max_value": START + 4 * DAY}),
    ("expect_column_max_to_be_between", {"column": "real", "max_value": 1.5, "strict_max": True}),
    ("expect_column_unique_value_count_to_be_between", {"column": "text", "min_value": 1, "max_value": 3}),
    ("expect_column_distinct_values_to_contain_set", {"column": "text", "value_set": ["A", "b"]}),
    ("expect_column_distinct_values_to_be_in_set", {"column": "whole", "value_set": [0, 1, 2]}),
    ("expect_column_distinct_values_to_equal_set", {"column": "whole", "value_set": [0, 1]}),
]
CHECKS = [check(number, *one) for number, one in enumerate(EXPECTATIONS)]

whole = st.none() | st.integers(-2, 5) | st.sampled_from([2**53, 2**53 + 1])
real = st.none() | st.sampled_from([math.nan, -1.5, -0.0, 0.0, 0.5, 1.5, 1e20, math.inf])
text = st.none() | st.sampled_from(["", "A", "A1", "b", "it's", "A\n", "ünïcode"])
at = st.none() | st.integers(-10, 200).map(lambda hours: START + timedelta(hours=hours))
rows = st.lists(st.tuples(whole, real, real, text, at), max_size=14)
copies = st.lists(st.integers(0, 13), max_size=4)


def write(file: Path, found: list[tuple]) -> Path:
    columns = {name: [row[i] for row in found] for i, name in enumerate(SCHEMA.names)}
    pq.write_table(pa.table(columns, schema=SCHEMA), file)
    return file


def said(outcomes: list[CheckOutcome]) -> list[tuple]:
    return [(o.check, o.expectation, o.passed, o.broken, o.unexpected, o.rows) for o in outcomes]


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=rows, again=copies)
def test_both_engines_say_the_same_of_random_data(tmp_path: Path, found: list[tuple], again: list[int]) -> None:
    file = write(tmp_path / "t.parquet", found + [found[i] for i in again if i < len(found)])
    assert SCAN.unknown(file, CHECKS) == []
    scanned, batched = SCAN.outcomes(file, CHECKS), BATCH.outcomes(file, CHECKS)
    assert said(scanned) == said(batched)
    assert not any(o.broken for o in scanned)


def test_the_random_data_meet_every_rule() -> None:
    assert {c.type for c in CHECKS} == set(RULES)


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=rows.filter(bool), again=copies, data=st.data())
def test_failing_rows_are_told_by_name_and_taken_out(
    tmp_path: Path, found: list[tuple], again: list[int], data: st.DataObject
) -> None:
    """Without what fails nothing fails; with some accepted only the others do."""
    file = write(tmp_path / "t.parquet", found + [found[i] for i in again if i < len(found)])
    whole_rows = [c for c in CHECKS if c.id in ("c5", "c9", "c17", "c18")]
    failing = SCAN.failing(file, whole_rows, (), 1000)
    names = failing["row"].to_pylist()
    assert len(set(names)) == len(names)
    accepted = set(data.draw(st.lists(st.sampled_from(names)))) if names else set()
    assert set(SCAN.failing(file, whole_rows, accepted, 1000)["row"].to_pylist()) == set(names) - accepted
    left = [o for o in SCAN.outcomes(file, whole_rows, accepted or {"none-1"}) if o.unexpected]
    assert bool(left) == bool(set(names) - accepted)
    before, schema = pq.read_metadata(file).num_rows, pq.read_schema(file)
    assert SCAN.remove(file, names) == len(names)
    assert SCAN.remove(file, names) == 0
    assert (pq.read_metadata(file).num_rows, pq.read_schema(file)) == (before - len(names), schema)
    assert all(o.unexpected == 0 for o in BATCH.outcomes(file, whole_rows))


LARGE = 2**53
WHOLE_NUMBERS: list[tuple[str, dict[str, Any], int, bool]] = [
    ("expect_column_values_to_be_between", {"column": "a", "max_value": LARGE}, 2, False),
    ("expect_column_values_to_be_between", {"column": "a", "max_value": float(LARGE)}, 2, False),
    ("expect_column_values_to_be_in_set", {"column": "a", "value_set": [LARGE, 3]}, 2, False),
    ("expect_column_values_to_be_in_set", {"column": "a", "value_set": [LARGE, 3, 0.5]}, 2, False),
    ("expect_column_values_to_not_be_in_set", {"column": "a", "value_set": [float(LARGE)]}, 1, False),
    ("expect_column_values_to_be_unique", {"column": "a"}, 2, False),
    ("expect_compound_columns_to_be_unique", {"column_list": ["a", "b"]}, 0, True),
    ("expect_column_pair_values_to_be_equal", {"column_A": "a", "column_B": "b"}, 3, False),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "a", "column_B": "b", "or_equal": True},
        2,
        False,
    ),
    ("expect_column_values_to_match_regex", {"column": "a", "regex": r"^\d+$"}, 0, True),
    ("expect_column_values_to_be_in_type_list", {"column": "a", "type_list": ["int64"]}, 0, True),
    ("expect_column_values_to_be_in_type_list", {"column": "a", "type_list": ["float64"]}, 0, False),
    ("expect_column_max_to_be_between", {"column": "a", "max_value": LARGE}, 0, False),
    ("expect_column_unique_value_count_to_be_between", {"column": "a", "min_value": 3, "max_value": 3}, 0, True),
    ("expect_column_distinct_values_to_equal_set", {"column": "a", "value_set": [LARGE, LARGE + 1, 3]}, 0, True),
]


def test_integers_with_gaps_are_exact_in_both_engines(tmp_path: Path) -> None:
    columns = {"a": [LARGE + 1, None, LARGE, 3, LARGE + 1], "b": [LARGE, 5, LARGE, 3, LARGE + 2]}
    pq.write_table(pa.table({n: pa.array(v, pa.int64()) for n, v in columns.items()}), file := tmp_path / "t.parquet")
    checks = [check(n, kind, kwargs) for n, (kind, kwargs, *_) in enumerate(WHOLE_NUMBERS)]
    expected = [(kind, unexpected, passed) for kind, _, unexpected, passed in WHOLE_NUMBERS]
    found = [[(o.expectation, o.unexpected, o.passed) for o in e.outcomes(file, checks)] for e in (SCAN, BATCH)]
    assert found[0] == expected
    # Great Expectations compares a maximum as float64; the scan knows every maximum of integers, so it is never asked
    assert [one for one in found[1] if "max_to_be" not in one[0]] == [
        one for one in expected if "max_to_be" not in one[0]
    ]


@pytest.mark.parametrize(
    ("column", "total"),
    [
        (pa.array([2**63 - 1, LARGE, None]), 2**63 + LARGE - 1),
        (pa.array([2**64 - 1, 1], pa.uint64()), 2**64),
        (pa.array([Decimal("9007199254740993.25"), None]), Decimal("9007199254740993.25")),
        (pa.nulls(2, pa.int64()), 0),
    ],
    ids=["int64", "uint64", "decimal", "nothing"],
)
def test_a_sum_of_whole_numbers_does_not_begin_again_below_zero(tmp_path: Path, column: pa.Array, total: Any) -> None:
    pq.write_table(pa.table({"a": column}), file := tmp_path / "t.parquet")
    bounds = [{"min_value": math.floor(total)}, {"max_value": math.floor(total) - 1}]
    checks = [check(n, "expect_column_sum_to_be_between", {"column": "a", **bound}) for n, bound in enumerate(bounds)]
    outcomes = SuiteValidator(SUITES, BATCH, SCAN).outcomes(file, checks)
    assert [(one.passed, one.broken) for one in outcomes] == [(True, False), (False, False)]


TEXT_IS_A1X = {"type": "comparison", "column": {"name": "text"}, "operator": "==", "parameter": "A1x"}
UNKNOWN = [
    ("expect_column_value_lengths_to_be_between", {"column": "text", "min_value": 1, "max_value": 2}),
    ("expect_column_values_to_match_regex_list", {"column": "text", "regex_list": ["^A1$", "^B"]}),
    ("expect_column_to_exist", {"column": "nowhere"}),
    ("expect_column_values_to_be_between", {"column": "whole", "max_value": 1, "row_condition": TEXT_IS_A1X}),
]


@pytest.mark.parametrize("one", UNKNOWN, ids=lambda one: one[0])
def test_what_the_scan_does_not_know_is_named_and_evaluated_by_great_expectations(
    tmp_path: Path, one: tuple[str, dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    file = write(tmp_path / "t.parquet", [(1, 1.0, 1.0, "A1", START), (2, 1.0, 1.0, "A1x", START)])
    unknown = check(99, *one)
    assert SCAN.unknown(file, [unknown]) == [unknown]
    validator = SuiteValidator(SUITES, BATCH, SCAN)
    with caplog.at_level(logging.INFO):
        outcomes = validator.outcomes(file, [unknown, CHECKS[0]])
    assert [(o.expectation, o.passed) for o in outcomes] == [(one[0], False), (CHECKS[0].type, False)]
    assert f"{unknown.place}: the scan does not know {one[0]}" in caplog.text


BROKEN = [
    ("expect_column_values_to_be_between", {"column": "text", "min_value": "A"}, "bounds are numbers or times"),
    ("expect_column_values_to_be_between", {"column": "text", "min_value": 1}, "text is compared with ['number']"),
    ("expect_column_values_to_be_in_set", {"column": "whole", "value_set": ["A"]}, "number is compared with ['text']"),
    ("expect_column_mean_to_be_between", {"column": "text", "min_value": 1}, "a mean of a column of text"),
    ("expect_column_values_to_match_regex", {"column": "text", "regex": "a)"}, "cannot read the regex"),
    ("expect_column_values_to_be_unique", {"column": "chairs"}, "there is no column ['chairs']"),
    ("expect_column_values_to_shine", {"column": "text"}, "has no expectation of this type"),
    ("expect_column_values_to_be_in_set", {"column": "text"}, "its arguments are wrong: value_set: field required"),
    ("expect_column_values_to_be_null", {"column": "text", "much": 1}, "much: extra fields not permitted"),
]


@pytest.mark.parametrize(("kind", "kwargs", "why"), BROKEN)
def test_a_check_that_makes_no_sense_is_broken_and_says_why(
    tmp_path: Path, kind: str, kwargs: dict[str, Any], why: str
) -> None:
    file = write(tmp_path / "t.parquet", [(1, 1.0, 1.0, "A1", START)])
    validator = SuiteValidator(SUITES, BATCH, SCAN)
    broken, sound = validator.outcomes(file, [check(99, kind, kwargs), CHECKS[1]])
    assert (broken.broken, broken.passed, sound.passed) == (True, False, True)
    assert why in broken.detail


def test_a_check_that_crashes_in_the_scan_takes_no_other_with_it(tmp_path: Path) -> None:
    file = write(tmp_path / "t.parquet", [(1, 1.0, 1.0, "A1", START)])
    mistaken = check(0, "expect_column_values_to_be_between", {"column": "text", "min_value": 1})
    broken, sound = SCAN.outcomes(file, [mistaken, CHECKS[1]])
    assert (broken.broken, sound.passed) == (True, True)
    assert broken.detail == "the check broke: BinderException"


DIALECTS = [
    r"^\w+$", r"\bcafé\b", r"^\d{2}$", r"^\D+$", r"\s", "^(?:ok$|caf)", "^o{,3}k$", "[[:alpha:]]", "^(?!ok)",
    r"(?<=o)k", "^.k", "(?i)OK$", "(?m)^k$", r"k\Z", r"^[^\W\d]+$", r"(o)\1", "^ok$", "[a-z]$",
]  # fmt: skip
TEXTS = ["ok", "café", "!!", "ok\n", "k\nok", "٣٤", "12", "a\x1cb", "ſ", "o{,3}k", "a\u00a0b", "ook", "", "ı", "K"]


@pytest.mark.filterwarnings("ignore:Possible nested set")
@pytest.mark.filterwarnings("ignore:This pattern is interpreted as a regular expression, and has match groups")
def test_the_engine_that_judged_also_lists_and_judges_again_whatever_the_dialect_of_the_pattern(tmp_path: Path) -> None:
    file = write(tmp_path / "t.parquet", [(1, 1.0, 1.0, text, START) for text in TEXTS])
    match = "expect_column_values_to_match_regex"
    checks = [check(n, match, {"column": "text", "regex": pattern}) for n, pattern in enumerate(DIALECTS)]
    validator = SuiteValidator(SUITES, BATCH, SCAN)
    assert said(validator.outcomes(file, checks)) == said(BATCH.outcomes(file, checks))
    for one in checks:
        wrong = [text for text in TEXTS if re.search(one.kwargs["regex"], text) is None]
        listed = SCAN.failing(file, [one], (), 100)
        assert [json.loads(content)["text"] for content in listed["content"].to_pylist()] == wrong
        (some_released,) = validator.outcomes(file, [one], listed["row"].to_pylist()[:1])
        assert some_released.unexpected == max(len(wrong) - 1, 0), "the others fail, and no other row does"
