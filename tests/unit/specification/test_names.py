"""Names that would collide with those of the platform, of SQL or of another part of the spec are refused."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from include.contracts.names import RECORDS, column_faults, table_faults
from include.errors import SpecError
from include.records.registry import RECORD_TABLES
from include.specification.loader import load_usecase, parse_usecase

GOOD = yaml.safe_load((load_usecase("flight_delay").directory / "usecase.yaml").read_text())


def refused(tmp_path: Path, change: Any, words: str) -> None:
    content = yaml.safe_load(yaml.safe_dump(GOOD, sort_keys=False))
    change(content)
    path = tmp_path / "flight_delay" / "usecase.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
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
