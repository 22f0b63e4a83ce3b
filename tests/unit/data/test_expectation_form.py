"""An expectation is taken as written, or refused with its place in the suite: nothing of it is cast or ignored."""

import json
from pathlib import Path
from typing import Any

import pytest

from include.data import suites
from include.errors import BrokenCheckError

BETWEEN, IN_SET, REGEX = (f"expect_column_values_to_{what}" for what in ("be_between", "be_in_set", "match_regex"))
COMPOUND, PAIR = "expect_compound_columns_to_be_unique", "expect_column_pair_values_to_be_equal"


def expectation(kind: str = REGEX, kwargs: Any = None, **others: Any) -> dict[str, Any]:
    kwargs = {"column": "a", "regex": "^a"} if kwargs is None else kwargs
    return {"id": "c1", "type": kind, "kwargs": kwargs, "meta": {"dimension": "accuracy"}, **others}


def written(tmp_path: Path, *expectations: Any) -> list[Any]:
    file = tmp_path / "u_raw_t.json"
    file.write_text(json.dumps({"expectations": expectations}))
    return suites.written(file, "t")


@pytest.mark.parametrize(
    ("kind", "kwargs", "why"),
    [
        (REGEX, {"column": "a", "regex": 5}, "regex = 5 must be a text"),
        (REGEX, {"column": "a"}, "give regex"),
        (REGEX, {"column": "a", "regex": None}, "give regex"),
        (REGEX, {"column": 1, "regex": "a"}, "column = 1 must be the name of a column"),
        (BETWEEN, {"column": "a"}, "give min_value, max_value or both"),
        (BETWEEN, {"column": "a", "min_value": True}, "min_value = true must be a number"),
        (BETWEEN, {"column": "a", "min_value": float("nan")}, "min_value = NaN must be a number"),
        (BETWEEN, {"column": "a", "min_value": "2013-01-01"}, "must be a number, or a parameter that is a time"),
        (BETWEEN, {"column": "a", "min_value": 3, "max_value": 1}, "min_value = 3 is above max_value = 1"),
        (BETWEEN, {"column": "a", "min_value": 3, "strict_min": "no"}, 'strict_min = "no" must be true or false'),
        (BETWEEN, {"column": "a", "min_value": 3, "mostly": 50}, "mostly = 50 must be a number from 0 to 1"),
        (BETWEEN, {"column": "a", "min_value": 3, "mostly": "0.5"}, "mostly = .* must be a number from 0 to 1"),
        (IN_SET, {"column": "a", "value_set": "ab"}, "value_set = .* must be a list"),
        (COMPOUND, {"column_list": "ab"}, "column_list = .* must be a list of different names"),
        (COMPOUND, {"column_list": []}, "must be a list of different names"),
        (COMPOUND, {"column_list": ["a", "a"]}, "must be a list of different names"),
        (COMPOUND, {"column_list": ["a", "b"], "ignore_row_if": "neither"}, "must be one of all_values_are_missing"),
        (PAIR, {"column_A": "a", "column_B": "b", "ignore_row_if": "never"}, "must be one of both_values_are_missing"),
        ("expect_table_columns_to_match_set", {"column_set": "ab"}, "column_set = .* must be a list of texts"),
        ("expect_column_values_to_be_in_type_list", {"column": "a"}, "give type_list"),
    ],
)
def test_an_argument_of_another_kind_is_refused(tmp_path: Path, kind: str, kwargs: dict, why: str) -> None:
    with pytest.raises(BrokenCheckError, match=rf"expectation 2 \({kind}, id c1\): .*{why}"):
        written(tmp_path, expectation(id="c0"), expectation(kind, kwargs))


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({"severity": "crit"}, "severity = 'crit'; allowed are critical, warning, info"),
        ({"mostly": 0.9}, r"unknown keys \['mostly'\]; arguments belong into kwargs"),
        ({"meta": {"dimension": "beauty"}}, "meta.dimension = 'beauty'"),
        ({"meta": None}, "meta.dimension = None"),
        ({"meta": {"dimension": "accuracy", "treated": "yes"}}, "meta.treated must be true or false"),
        ({"meta": {"dimension": "accuracy", "periods": ["fortnight"]}}, "periods = .* list of hour, day, week, month"),
        ({"meta": {"dimension": "accuracy", "periods": []}}, "meta.periods = .* must be a list"),
        ({"id": None}, "id must be a text"),
        ({"kwargs": []}, "kwargs must be an object"),
        ({"notes": 5}, "notes must be a text"),
    ],
)
def test_what_would_be_ignored_is_refused(tmp_path: Path, others: dict, why: str) -> None:
    with pytest.raises(BrokenCheckError, match=why):
        written(tmp_path, expectation(**others))


def test_two_expectations_of_one_id_are_refused_for_results_are_kept_by_id(tmp_path: Path) -> None:
    with pytest.raises(BrokenCheckError, match='id "c1" stands 2 times'):
        written(tmp_path, expectation(), expectation())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "has no list of 'expectations'"),
        ('{"expectations": {}}', "has no list of 'expectations'"),
        ('{"expectations": [1]}', "expectation 1 is no JSON object"),
        ('{"expectations": [], "expectations": []}', r"\['expectations'\] stand twice in one object"),
        ("[" * 100_000, "is not JSON"),
        ("{", "is not JSON"),
    ],
)
def test_a_file_that_is_no_suite_is_named(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "u_raw_t.json"
    file.write_text(text)
    with pytest.raises(BrokenCheckError, match=f"u_raw_t.json.* {why}"):
        suites.written(file, "t")


def test_null_is_not_given_and_a_parameter_may_be_anything(tmp_path: Path) -> None:
    kwargs = {"column": "a", "min_value": {"$PARAMETER": "last_year"}, "max_value": None, "mostly": None}
    (check,) = written(tmp_path, expectation(BETWEEN, kwargs))
    assert check.kwargs == {"column": "a", "min_value": {"$PARAMETER": "last_year"}}
