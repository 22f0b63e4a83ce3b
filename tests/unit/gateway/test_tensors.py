"""KServe v2 JSON to tensors: what goes in comes out, and what lies about itself is refused by its place."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.gateway.strict_json import BadRequestError
from include.gateway.tensors import KINDS, NUMBERS, request, response, without_rows

SECRET = "the client's own value"


def values(kind: str) -> st.SearchStrategy:
    if kind == "BYTES":
        return st.text(st.characters(codec="utf-8"), max_size=20)
    if kind == "BOOL":
        return st.booleans()
    if kind in ("FP32", "FP64"):
        return st.floats(width=int(kind[2:]), allow_nan=False, allow_infinity=False)
    limits = np.iinfo(NUMBERS[kind])
    return st.integers(limits.min, limits.max)


@st.composite
def inputs(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(KINDS))
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    data = draw(st.lists(values(kind), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
    nested = draw(st.booleans())
    laid = np.array(data, dtype=object).reshape(shape).tolist() if nested else data
    return {"name": "x", "shape": shape, "datatype": kind, "data": laid}


@given(inputs())
def test_a_tensor_comes_out_as_it_went_in(tensor: dict[str, Any]) -> None:
    found = request({"inputs": [tensor]})
    answer = json.loads(json.dumps(response("m", found.inputs, "7")))
    flat = np.array(tensor["data"], dtype=object).reshape(-1).tolist()
    assert answer["outputs"] == [{**tensor, "data": flat}]
    assert (answer["model_name"], answer["id"]) == ("m", "7")


def test_null_is_missing_in_a_number_that_can_be_nan_and_in_a_text() -> None:
    numbers, texts = request(
        {"inputs": [tensor(data=[1.0, None]), tensor(name="t", datatype="BYTES", data=["a", None])]}
    ).inputs
    np.testing.assert_array_equal(np.frombuffer(numbers.content, np.float32), [1.0, np.nan])
    assert texts.content == b"\x01\x00\x00\x00a\x00\x00\x00\x00"


def test_no_rows_are_a_request_and_its_answer_has_every_output_without_rows() -> None:
    (none,) = request({"inputs": [tensor(shape=[0, 1], data=[])]}).inputs
    assert (none.shape, none.content) == ((0, 1), b"")
    outputs = [
        {"name": "prediction", "datatype": "INT64", "shape": [-1, 1]},
        {"name": "scores", "datatype": "FP32", "shape": [-1, 3]},
    ]
    answer = response("m", without_rows(outputs, []))
    assert [(o["name"], o["shape"], o["data"]) for o in answer["outputs"]] == [
        ("prediction", [0, 1], []),
        ("scores", [0, 3], []),
    ]
    assert [one.name for one in without_rows(outputs, ["scores"])] == ["scores"]


def tensor(**changed: Any) -> dict[str, Any]:
    return {"name": "x", "shape": [2, 1], "datatype": "FP32", "data": [1.0, 2], **changed}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"shape": [2**31, 2**31]}, "numbers from 1 to"),
        ({"shape": [65_536, 65_536]}, "more than 65536 elements"),
        ({"shape": [2, -1]}, "numbers from 1 to"),
        ({"shape": [2, 0]}, "numbers from 1 to"),
        ({"shape": [2, True]}, "numbers from 1 to"),
        ({"shape": [2.0, 1]}, "numbers from 1 to"),
        ({"shape": [1] * 5}, "shape must be 1 to 4"),
        ({"shape": 2}, "shape must be"),
        ({"shape": [3, 1]}, "shape asks for 3 elements, data has 2"),
        ({"data": [[[1.0]], [[2.0]]]}, "nested deeper than its shape"),
        ({"data": {"0": 1}}, "data must be a list"),
        ({"data": None}, "data must be a list"),
        ({"data": [1, None], "datatype": "INT64"}, "INT64 numbers"),
        ({"data": [True, None], "datatype": "BOOL"}, "true or false"),
        ({"data": [1.0, SECRET]}, "FP32 numbers"),
        ({"data": [1.0, True]}, "FP32 numbers"),
        ({"data": [1.0, 1e39]}, "in its range"),
        ({"data": [1.0, float("inf")]}, "in its range"),
        ({"data": [1, 10**400], "datatype": "FP64"}, "in its range"),
        ({"data": [1, 2**53 + 1], "datatype": "FP64"}, "no whole number that a 64-bit float cannot hold"),
        ({"data": [1, 2**63], "datatype": "INT64"}, "in its range"),
        ({"data": [1, -1], "datatype": "UINT8"}, "in its range"),
        ({"data": [1, 2.0], "datatype": "INT64"}, "INT64 numbers"),
        ({"data": [SECRET, 1], "datatype": "BYTES"}, "must be texts"),
        ({"data": [SECRET, "\ud800"], "datatype": "BYTES"}, "not Unicode"),
        ({"data": [True, 1], "datatype": "BOOL"}, "true or false"),
        ({"datatype": "FP16"}, "datatype must be one of"),
        ({"datatype": ["FP32"]}, "datatype must be one of"),
        ({"name": ""}, "name must be given"),
        ({"name": "a\nb"}, "printable"),
        ({"name": 7}, "must be a text"),
        ({"name": "x" * 1000}, "at most 128 characters"),
        ({"parameters": {"shared_memory_region": SECRET}}, "parameters are not accepted"),
        ({SECRET: 1}, "1 unknown keys"),
    ],
)
def test_a_tensor_that_lies_about_itself_is_refused_without_an_echo(changed: dict, words: str) -> None:
    with pytest.raises(BadRequestError, match=words) as raised:
        request({"inputs": [tensor(**changed)]})
    assert SECRET not in str(raised.value)
    assert "input 0" in str(raised.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "inputs must be a list"),
        ({"inputs": []}, "inputs must be a list"),
        ({"inputs": [tensor()] * 65}, "inputs must be a list of 1 to 64"),
        ({"inputs": ["x"]}, "input 0 must be an object"),
        ({"inputs": [tensor(), tensor()]}, "two inputs have the same name"),
        ({"inputs": [tensor()], "id": 7}, "id must be a text"),
        ({"inputs": [tensor()], "model_name": "x"}, "1 unknown keys"),
        ({"inputs": [tensor()], "parameters": {"priority": 1}}, "parameters are not accepted"),
        ({"inputs": [tensor()], "outputs": {"name": "x"}}, "outputs must be a list"),
        ({"inputs": [tensor()], "outputs": [{"name": None}]}, "output 0: name"),
    ],
)
def test_a_request_that_is_none_is_refused(body: dict, words: str) -> None:
    with pytest.raises(BadRequestError, match=words):
        request(body)


def test_an_answer_that_is_not_finite_is_null_in_json() -> None:
    found = request({"inputs": [tensor()]}).inputs[0]
    odd = found._replace(content=np.array([np.nan, 1], dtype=np.float32).tobytes())
    assert response("m", [odd])["outputs"][0]["data"] == [None, 1.0]
