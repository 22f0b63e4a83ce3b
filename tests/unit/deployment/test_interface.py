"""The contract with client systems, and the bad requests that are made of it."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from include.deployment import bad_requests, interface
from include.gateway import tensors
from include.specification.loader import load_usecase, usecase_names
from include.specification.usecase import UseCase


def row(spec: UseCase) -> dict[str, Any]:
    values = {"string": "a", "float": 1.5, "timestamp": 1.38e9}
    return {
        name: [values[kind]] * len(spec.inputs[name]) if spec.inputs[name] != [name] else values[kind]
        for name, kind in spec.request.items()
    }


@pytest.fixture(params=usecase_names())
def spec(request: pytest.FixtureRequest) -> UseCase:
    return load_usecase(request.param)


def test_the_document_holds_together(spec: UseCase) -> None:
    document = json.loads(json.dumps(interface.document(spec, [row(spec)] * 3)))
    schemas = document["components"]["schemas"]
    for one in schemas.values():
        Draft202012Validator.check_schema(one)
    named = json.dumps(document["paths"]).split('"$ref": "#/components/schemas/')[1:]
    assert {reference.split('"')[0] for reference in named} == set(schemas)
    post = document["paths"][f"/v2/models/{spec.name}/infer"]["post"]
    examples = post["requestBody"]["content"]["application/json"]["examples"]
    assert len(examples) == 3
    assert [interface.violations(document, "Request", one["value"]) for one in examples.values()] == [[]] * 3
    for one in examples.values():  # the way in from outside reads them as they are meant
        read = tensors.request(one["value"]).inputs
        assert [(t.name, t.datatype, list(t.shape)) for t in read] == [
            (t["name"], t["datatype"], t["shape"]) for t in one["value"]["inputs"]
        ]


def test_the_schema_refuses_what_the_server_refuses() -> None:
    spec = load_usecase("flight_delay")
    document = interface.document(spec, [row(spec)])
    told = {what: interface.violations(document, "Request", bad) for what, bad in bad_requests.cases(spec, row(spec))}
    beyond = {what for what in told if "milliseconds" in what or "row more" in what}  # no JSON schema can tell
    assert {what for what, faults in told.items() if not faults} == beyond
    assert {"65 rows", "an unknown input", "distance missing", "distance left out", "flight_id of another type"} <= set(
        told
    )


def test_a_bad_request_differs_from_the_good_one_in_one_thing(spec: UseCase) -> None:
    good = interface.payload(spec, [row(spec)])
    for what, bad in bad_requests.cases(spec, row(spec)):
        differing = [t for t in bad["inputs"] if t not in good["inputs"]] or [
            t for t in good["inputs"] if t not in bad["inputs"]
        ]
        assert len(differing) == (len(spec.request) if "rows" in what else 1), what
