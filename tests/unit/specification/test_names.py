"""Names that would collide with those of the platform, of SQL or of another part of the spec are refused."""

import re
from copy import deepcopy
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from include.contracts.names import RECORDS, column_faults, table_faults
from include.contracts.quality import suite_file, suite_files
from include.errors import SpecError
from include.records.registry import RECORD_TABLES
from include.specification.companions import companion_faults
from include.specification.loader import load_usecase, parse_usecase
from include.specification.usecase import UseCase

SPEC = load_usecase("flight_delay")
GOOD = yaml.safe_load((SPEC.directory / "usecase.yaml").read_text())


def refused(tmp_path: Path, change: Any, words: str) -> None:
    content = deepcopy(GOOD)
    change(content)
    path = tmp_path / "flight_delay" / "usecase.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False))
    with pytest.raises(SpecError, match=words):
        parse_usecase(path)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("period", "is reserved: the lake keeps"),
        ("Period", "is reserved: the lake keeps"),
        ("file_row_number", "is reserved: DuckDB counts"),
        ("__row", "begins with two underscores"),
        ("a\0b", "cannot be printed"),
        ("TAILNUM", "differs from 'tailnum' by case only"),
    ],
)
def test_a_column_of_a_source_that_is_reserved_empty_or_equal_by_case_is_refused(
    tmp_path: Path, name: str, why: str
) -> None:
    words = re.escape(f"sources.planes.columns: {name!r} ") + ".*" + why
    refused(tmp_path, lambda spec: spec["sources"]["planes"]["columns"].update({name: "string"}), words)


@pytest.mark.parametrize(
    "name",
    ["release", "request_id", "probability", "scores", "latency_ms", "missing", "logged_at", "period", "fallback"],
)
def test_a_request_field_that_the_prediction_log_has_is_refused(tmp_path: Path, name: str) -> None:
    refused(tmp_path, lambda spec: spec["request"].update({name: "float"}), f"request.{name}: '{name}' is ")


@pytest.mark.parametrize("name", ["prediction", "airport__weather", "flight_id"])
def test_a_feature_that_is_called_like_another_column_is_refused(tmp_path: Path, name: str) -> None:
    def change(spec: dict) -> None:
        spec["features"].append({"name": name, "kind": "numeric", "from": "on_request", "description": "x"})

    refused(tmp_path, change, rf"features.\d+.name: '{name}' (is|has) ")


def test_a_looked_up_feature_is_not_called_like_the_time_of_its_view(tmp_path: Path) -> None:
    def change(spec: dict) -> None:
        spec["features"].append({"name": "created_timestamp", "kind": "numeric", "from": "aircraft"})

    refused(tmp_path, change, "'created_timestamp' is a column of a feature view")


def test_a_looked_up_feature_is_not_called_like_a_request_field(tmp_path: Path) -> None:
    def change(spec: dict) -> None:
        feature = next(f for f in spec["features"] if f["from"] == "request")
        feature["from"] = "aircraft"

    refused(tmp_path, change, "comes from aircraft, but clients send a field of that name")


def test_a_request_field_that_is_called_like_a_column_of_a_tensor_is_refused(tmp_path: Path) -> None:
    def change(spec: dict) -> None:
        spec["request"] |= {"wind": "float", "wind_01": "float"}
        spec["features"].append({"name": "wind", "kind": "numeric", "from": "request", "shape": [3]})

    refused(tmp_path, change, "request.wind_01: 'wind_01' is the name of a column of the tensor 'wind'")


@pytest.mark.parametrize(
    ("part", "name", "why"),
    [
        ("id", "given_by", "is a column of labels"),
        ("id", "snapshot", "is a column of batch predictions"),
        ("label", "release", "is a column of the prediction log"),
        ("label", "uncertainty", "is a column of labels"),
        ("label", "flight_id", "is event.id too"),
        ("label_time", "event_timestamp", "is event.time too"),
    ],
)
def test_columns_of_an_event_that_are_called_alike_are_refused(tmp_path: Path, part: str, name: str, why: str) -> None:
    refused(tmp_path, lambda spec: spec["event"].update({part: name}), f"event.{part}: '{name}' {why}")


@pytest.mark.parametrize("name", ["events", "flights", "request", "on_request", "predictions", "figures"])
def test_a_feature_view_that_is_called_like_another_table_is_refused(tmp_path: Path, name: str) -> None:
    def change(spec: dict) -> None:
        spec["feature_views"][name] = {"entity": "aircraft", "freshness_hours": 0}

    refused(tmp_path, change, f"feature_views.{name}: '{name}' (is|says)")


def test_a_source_that_is_called_like_a_table_of_records_is_refused(tmp_path: Path) -> None:
    def change(spec: dict) -> None:
        spec["sources"]["quarantine"] = spec["sources"]["planes"]

    refused(tmp_path, change, "sources.quarantine: 'quarantine' is reserved")


def test_a_table_that_is_described_like_a_table_of_records_is_refused(tmp_path: Path) -> None:
    refused(
        tmp_path, lambda spec: spec["tables"].update(figures={"description": "x"}), "tables.figures: .* is reserved"
    )


def test_a_feature_that_is_called_like_a_tensor_is_refused(tmp_path: Path) -> None:
    def change(spec: dict) -> None:
        spec["request"]["wind"] = "float"
        spec["features"].append({"name": "wind", "kind": "numeric", "from": "request", "shape": [3]})
        spec["features"].append({"name": "wind", "kind": "numeric", "from": "on_request", "description": "x"})

    refused(tmp_path, change, "'wind' is the name of a tensor too")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("rollout", "abort", "queries"), r"queries.1.name: two have the name 'mean latency"),
        (("behaviour", "minimum_functionality"), "minimum_functionality.1.name: two have the name 'early and clear'"),
        (("user_acceptance",), "user_acceptance.2.name: two have the name 'an early flight"),
        (("sources", "weather", "key"), r"key: .*\['origin'\] are listed twice"),
        (("streams", "airport_weather", "id"), r"id: .*\['origin'\] are listed twice"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_what_is_kept_by_name_has_each_name_once(tmp_path: Path, path: tuple[str, ...], words: str) -> None:
    def change(spec: dict) -> None:
        listed = reduce(lambda part, key: part[key], path, spec)
        listed.append(listed[0])

    refused(tmp_path, change, words)


@pytest.mark.parametrize("bins", [[], [2.0, 1.0], [1.0, 1.0]])
def test_bins_that_do_not_rise_are_refused(tmp_path: Path, bins: list[float]) -> None:
    refused(
        tmp_path, lambda spec: spec["features"][12].update(bins=bins), "bins: .* give one or more numbers that rise"
    )


def test_bins_of_what_is_no_number_are_refused(tmp_path: Path) -> None:
    refused(tmp_path, lambda spec: spec["features"][0].update(bins=[1.0]), "bins: only a numeric feature has bins")


@pytest.mark.parametrize("name", ["flight_raw", "flight_raw_x", "flight_features"])
def test_a_use_case_is_not_called_like_a_gate_of_another(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValidationError, match=f"name: '{name}' has .* behind an underscore"):
        UseCase.model_validate(GOOD | {"name": name})


def test_suites_of_a_use_case_are_not_those_of_one_whose_name_begins_alike(tmp_path: Path) -> None:
    mine, other = (tmp_path / suite_file(name, "raw", "planes") for name in ("flight", "flight_delay"))
    mine.touch(), other.touch()
    assert suite_files(tmp_path, "flight") == [mine]


def test_an_empty_class_name_is_refused(tmp_path: Path) -> None:
    def change(spec: dict) -> None:
        spec["event"]["classes"] = ["a", "b", ""]

    refused(tmp_path, change, "event.classes: .* has an empty name")


def test_the_tables_of_records_are_those_that_are_reserved() -> None:
    assert {*RECORD_TABLES} == RECORDS


@given(st.text(max_size=12))
def test_of_two_columns_that_sql_takes_for_one_the_second_is_refused(name: str) -> None:
    faulty = dict(column_faults([name, name.upper(), name.lower()]))
    alone = dict(column_faults([name]))
    assert alone or name == name.upper() == name.lower() or faulty


def test_names_of_tables_are_names_of_files() -> None:
    assert dict(table_faults(["weather", "a/b", "", "..", "Weather", "_x", "figures"])).keys() == {
        "a/b", "", "..", "Weather", "_x", "figures",
    }  # fmt: skip


def test_a_use_case_that_is_called_like_a_module_beside_it_is_refused(tmp_path: Path) -> None:
    module = tmp_path / "include" / "usecases" / "flight_delay.py"
    module.parent.mkdir(parents=True)
    module.touch()
    assert "include/usecases/flight_delay.py:1: has the name of a use case" in companion_faults(SPEC, tmp_path)[0]
