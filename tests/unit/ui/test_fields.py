"""The fields of an action's form: made of the DAG's, sent as the DAG takes them, and refused in words."""

from typing import Any

import pytest

from include.ui import fields
from include.ui.fields import Field


def param(value: Any = None, description: str = "", **schema: Any) -> dict[str, Any]:
    return {"value": value, "description": description, "schema": schema}


PARAMS = {
    "operation": param("show", type="string", enum=["show", "pause"], title="Operation"),
    "length": param(None, "Like 2 days.", type=["null", "string"], pattern=r"^\d+ (hours|days)$", title="Length"),
    "version": param(None, type=["null", "integer"], minimum=1, title="Model version"),
    "share": param(None, type=["null", "number"]),
    "force": param(False, type="boolean", title="Force"),
    "reason": param("", type="string", pattern=r"\S\s*\S\s*\S", title="Reason"),
    "confirm": param(None, type=["null", "string"], pattern="^flight_delay$"),
}


def of(name: str, **changes: Any) -> Field:
    (field,) = (one for one in fields.fields(PARAMS) if one.name == name)
    return field._replace(**changes)


def test_a_field_is_what_its_dag_says_without_those_that_the_action_fixes() -> None:
    known = fields.fields(PARAMS, without={"operation"}, needed={"length"})
    assert [(f.name, f.kind, f.needed) for f in known] == [
        ("length", "text", True), ("version", "whole", False), ("share", "number", False), ("force", "yes", False),
        ("reason", "long", True), ("confirm", "text", False),
    ]  # fmt: skip
    assert of("operation").options == ("show", "pause")
    assert of("length").description == "Like 2 days."
    assert fields.fields({"q": {"value": "x", "description": None, "schema": {}}})[0].title == "q"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("version", "12", {"version": 12}), ("version", "", {}), ("version", "two", {"version": "two"}),
        ("share", "0.5", {"share": 0.5}), ("force", "on", {"force": True}), ("force", "", {"force": False}),
        ("length", " 2 days ", {"length": "2 days"}), ("length", "", {}), ("reason", "", {"reason": ""}),
    ],
)  # fmt: skip
def test_values_are_sent_as_the_dag_takes_them(name: str, text: str, value: dict[str, Any]) -> None:
    assert fields.filled([of(name)], {name: text}) == value


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        (of("length"), None, ""), (of("length"), "2 days", ""), (of("length"), "soon", fields.WRONG_FORM),
        (of("length", needed=True), None, fields.MISSING), (of("operation"), "drop", fields.NOT_OFFERED),
        (of("operation"), "pause", ""), (of("version"), "two", fields.NO_NUMBER), (of("version"), 2, ""),
        (of("reason", least=3), "ab", fields.TOO_SHORT), (of("reason", least=3), "why", ""),
        (of("reason"), "", fields.MISSING), (of("force"), False, ""),
        (of("confirm", needed=True), "other", fields.NOT_CONFIRMED), (of("confirm", needed=True), "flight_delay", ""),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_sent_is_named(field: Field, value: Any, fault: str) -> None:
    expected = {field.name: fault} if fault else {}
    assert fields.faults([field], {} if value is None else {field.name: value}, "flight_delay") == expected


def test_the_address_fills_fields_in_and_brings_none_of_its_own() -> None:
    known = fields.with_values([of("length"), of("version")], {"length": "2 days", "stranger": "x"})
    assert [(f.name, f.value) for f in known] == [("length", "2 days"), ("version", None)]
