"""An expectation of a treated column is about what is stored, or it is refused before it can fail in every row."""

import json
from pathlib import Path
from typing import Any

import pytest

from include.contracts.period import Period
from include.contracts.quality import Check
from include.data import suites, treated_columns
from include.data.validation import SuiteValidator
from include.errors import BrokenCheckError
from include.settings import Settings
from include.specification.loader import load_usecase, usecase_names

BETWEEN, REGEX, NOT_NULL = (f"expect_column_values_to_{what}" for what in ("be_between", "match_regex", "not_be_null"))
UNIQUE, PAIR = "expect_compound_columns_to_be_unique", "expect_column_pair_values_to_be_equal"
WITHIN_RECORD = "expect_select_column_values_to_be_unique_within_record"


def faults(kind: str, treatment: str, treated: bool = False, **kwargs: Any) -> list[str]:
    kwargs = kwargs or {"column": "tail"}
    check = Check(id="c", type=kind, table="t", severity="warn", dimension="accuracy", kwargs=kwargs, treated=treated)
    return [text for _, text in treated_columns.faults([check], {"tail": treatment})]


@pytest.mark.parametrize("treatment", ["pseudonymise", "mask", "generalise", "drop"])
@pytest.mark.parametrize("kind", [BETWEEN, REGEX, "expect_column_distinct_values_to_be_in_set"])
def test_what_is_expected_of_the_value_in_clear_is_refused_with_the_stored_form(kind: str, treatment: str) -> None:
    (fault,) = faults(kind, treatment)
    assert kind in fault
    assert f"privacy.columns.tail treats ({treatment})" in fault
    assert '"treated": true' in fault
    assert faults(kind, treatment, treated=True) == []
    assert faults(kind, treatment, column="other") == []


@pytest.mark.parametrize(
    ("kind", "fine"),
    [
        (NOT_NULL, {"pseudonymise", "mask", "generalise"}),
        (UNIQUE, {"pseudonymise"}),
        (PAIR, set()),
        (WITHIN_RECORD, set()),  # a token is never the value of another column
        ("expect_column_values_to_be_null", {"pseudonymise", "mask", "generalise", "drop"}),
    ],
)
def test_what_means_the_same_before_and_after_the_treatment_needs_no_mark(kind: str, fine: set[str]) -> None:
    both = {"column_list": ["a", "tail"]}
    columns = {UNIQUE: both, WITHIN_RECORD: both, PAIR: {"column_A": "a", "column_B": "tail"}}
    told = {treatment for treatment in treated_columns.ALIKE if not faults(kind, treatment, **columns.get(kind, {}))}
    assert told == fine


COMPARED = {"type": "comparison", "column": {"name": "tail"}, "operator": "==", "parameter": "N1"}


@pytest.mark.parametrize(
    "condition", ['tail=="N1"', COMPARED, {"type": "and", "conditions": [{"type": "nullity"}, COMPARED]}]
)
def test_a_condition_on_a_treated_column_is_about_the_stored_form_too(condition: Any) -> None:
    assert faults(NOT_NULL, "pseudonymise", column="other", row_condition=condition)
    assert faults(NOT_NULL, "pseudonymise", True, column="other", row_condition=condition) == []


@pytest.mark.parametrize("name", usecase_names())
def test_no_suite_of_the_project_expects_a_value_in_clear_of_a_treated_column(name: str) -> None:
    treatments = load_usecase(name).privacy.treatments
    for file in Settings().suites.glob(f"{name}_*.json"):
        assert list(treated_columns.faults(suites.written(file, file.stem), treatments)) == []


def test_a_gate_refuses_an_expectation_of_the_value_in_clear_before_it_judges(tmp_path: Path) -> None:
    expectation = {"id": "c", "type": REGEX, "kwargs": {"column": "tail", "regex": "^N"}, "severity": "warning"}
    suite = {"expectations": [{**expectation, "meta": {"dimension": "accuracy"}}]}
    (tmp_path / "u_raw_planes.json").write_text(json.dumps(suite))
    never: Any = None  # no engine is asked
    validator = SuiteValidator(tmp_path, never, never)
    with pytest.raises(BrokenCheckError, match=r"suite u_raw_planes: .* privacy.columns.tail treats \(pseudonymise\)"):
        validator.validate("u", "raw", Period("2013-01"), {"planes": tmp_path}, {}, None, {"tail": "pseudonymise"})
