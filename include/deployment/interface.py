"""The contract with client systems: an OpenAPI document of the KServe v2 inference protocol for one use case.

``interface.json`` in a release has the schemas of request and answer and example payloads. Before traffic, a
test compares the metadata of the real server with it, and each example with the schema of the answer.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from include.contracts.evaluation import GateOutcome
from include.deployment import schema
from include.errors import ServiceError
from include.ports.serving import InferenceProtocol
from include.specification.usecase import UseCase

DOCUMENT = "interface.json"
EXAMPLES = 2
PROTOCOLS = ("grpc", "rest")
GIVEN = "given_features"
MISSING = "may be missing: null for a row that lacks it, or the whole input left out"
JSON_TYPES = {"BYTES": "string", "FP32": "number", "FP64": "number", "INT64": "integer", "BOOL": "boolean"}


def document(
    spec: UseCase, samples: Sequence[Mapping[str, Any]], may_be_missing: Collection[str] = ()
) -> dict[str, Any]:
    """OpenAPI 3.1 of the stable name; ``samples`` are rows as a client sends them.

    A field that ``may_be_missing`` is left out, or null where it is missing in some rows.
    """
    examples = {f"example {i + 1}": {"value": payload(spec, [sample])} for i, sample in enumerate(samples[:EXAMPLES])}
    if len(samples) > 1:
        examples["two rows"] = {"value": payload(spec, samples[:2])}
    return {
        "openapi": "3.1.0",
        "info": {"title": spec.title, "version": spec.feature_service, "description": spec.description},
        "paths": {
            f"/v2/models/{spec.name}/infer": {"post": _infer(examples)},
            f"/v2/models/{spec.name}": {"get": _get("metadata", "Metadata", "#/components/schemas/Metadata")},
            f"/v2/models/{spec.name}/ready": {"get": _get("ready", "It answers requests", "")},
        },
        "security": [{"key": []}, {"token": []}, {}],  # the last: on the server's own machine nobody is asked
        "components": {
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
            "schemas": {
                "Request": _message("inputs", schema.inputs(spec), may_be_missing),
                "Answer": _message("outputs", schema.outputs(spec)),
                "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}},
                "Metadata": _metadata(spec),
            },
        },
    }


def payload(spec: UseCase, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows as a KServe v2 request: one tensor per field, its numbers row by row."""
    tensors = []
    for tensor in schema.inputs(spec):
        width = tensor["shape"][1]
        values = [row[tensor["name"]] for row in rows]
        flat = [n for value in values for n in (value if isinstance(value, list) else [value] * width)]
        tensors.append({**tensor, "shape": [len(rows), width], "data": flat})
    return {"inputs": tensors}


def _infer(examples: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": "infer",
        "summary": "Predictions for up to 64 rows",
        "requestBody": {"required": True, "content": _json("#/components/schemas/Request", examples)},
        "responses": {
            "200": {"description": "One prediction per row", "content": _json("#/components/schemas/Answer")},
            "default": {"description": "What is wrong", "content": _json("#/components/schemas/Error")},
        },
    }


def _get(operation: str, summary: str, answer: str) -> dict[str, Any]:
    content = {"content": _json(answer)} if answer else {}
    return {"operationId": operation, "summary": summary, "responses": {"200": {"description": summary, **content}}}


def _json(reference: str, examples: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": reference}, **({"examples": examples} if examples else {})}}


def _message(key: str, tensors: list[dict[str, Any]], optional: Collection[str] = ()) -> dict[str, Any]:
    """A request or an answer: each of these tensors once, in any order; an optional one may be left out."""
    each = [
        {"contains": {"properties": {"name": {"const": name}}}, "minContains": int(name not in optional)}
        for name in (tensor["name"] for tensor in tensors)
    ]
    items = [_tensor(tensor, tensor["name"] in optional) for tensor in tensors]
    listed = {"type": "array", "items": {"oneOf": items}, "allOf": each}
    return {
        "type": "object",
        "required": [key],
        "properties": {
            "id": {"type": "string"},
            key: {**listed, "minItems": len(tensors) - len(optional), "maxItems": len(tensors)},
        },
    }


def _tensor(tensor: Mapping[str, Any], may_be_missing: bool) -> dict[str, Any]:
    width = tensor["shape"][1]
    numbers = {"const": width} if width > 0 else {"type": "integer", "minimum": 1}
    rows = {"type": "integer", "minimum": 1, "maximum": schema.MAX_ROWS}
    kind: Any = JSON_TYPES[tensor["datatype"]]
    return {
        "type": "object",
        "description": MISSING if may_be_missing else "must be given for every row",
        "required": ["name", "datatype", "shape", "data"],
        "properties": {
            "name": {"const": tensor["name"]},
            "datatype": {"const": tensor["datatype"]},
            "shape": {"type": "array", "prefixItems": [rows, numbers], "minItems": 2, "maxItems": 2},
            "data": {"type": "array", "items": {"type": [kind, "null"] if may_be_missing else kind}, "minItems": 1},
        },
    }


def _metadata(spec: UseCase) -> dict[str, Any]:
    tensors = {"inputs": schema.inputs(spec), "outputs": schema.outputs(spec)}
    return {
        "type": "object",
        "required": ["name", *tensors],
        "properties": {"name": {"const": spec.name}, **{key: {"const": value} for key, value in tensors.items()}},
    }


def with_features(message: Mapping[str, Any], given: str) -> dict[str, Any]:
    """The request with looked-up features (JSON, the same for each row) that only a private model takes."""
    rows = message["inputs"][0]["shape"][0]
    return {
        "inputs": [*message["inputs"], {"name": GIVEN, "datatype": "BYTES", "shape": [rows, 1], "data": [given] * rows}]
    }


def check(contract: Mapping[str, Any], name: str, server: InferenceProtocol, given: str) -> list[GateOutcome]:
    """Hold the server's private model ``name`` to the contract, over gRPC and REST.

    ``given`` are looked-up features for the examples, JSON: a private model's entities need not be known.
    """
    outcomes = []
    for protocol in PROTOCOLS:
        outcomes.append(_same_tensors(contract, name, server, protocol))
        outcomes.append(_examples(contract, name, server, protocol, given))
    return outcomes


def _same_tensors(contract: Mapping[str, Any], name: str, server: InferenceProtocol, protocol: str) -> GateOutcome:
    wanted = contract["components"]["schemas"]["Metadata"]["properties"]
    try:
        metadata = server.metadata(name, protocol)
    except ServiceError as error:
        return GateOutcome(gate=f"interface:metadata:{protocol}", passed=False, detail=str(error))
    differ = [
        f"{key}: {tensor} in the contract, the server has {metadata[key]}"
        for key in ("inputs", "outputs")
        for tensor in wanted[key]["const"]
        if tensor not in metadata[key]
    ]
    extra = [t["name"] for t in metadata["outputs"] if t not in wanted["outputs"]["const"]]
    faults = [*differ, *(f"output {one} is not in the contract" for one in extra)]
    words = "; ".join(faults) or "as in the contract"
    return GateOutcome(gate=f"interface:metadata:{protocol}", passed=not faults, detail=words)


def _examples(
    contract: Mapping[str, Any], name: str, server: InferenceProtocol, protocol: str, given: str
) -> GateOutcome:
    (path,) = (path for path in contract["paths"] if path.endswith("/infer"))
    content = contract["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    faults = []
    for title, example in content["examples"].items():
        try:
            answer = server.ask(name, with_features(example["value"], given), protocol)
        except ServiceError as error:
            faults.append(f"{title}: {error}")
            continue
        faults += [f"{title}: {fault}" for fault in violations(contract, "Answer", answer)]
    summary = f"{len(content['examples'])} examples answered by the schema"
    return GateOutcome(gate=f"interface:examples:{protocol}", passed=not faults, detail="; ".join(faults) or summary)


def violations(contract: Mapping[str, Any], name: str, message: Any) -> list[str]:
    """How a message breaks the contract's schema ``name``; [] when it does not."""
    from jsonschema import Draft202012Validator

    errors = Draft202012Validator(contract["components"]["schemas"][name]).iter_errors(message)
    return [f"{'.'.join(map(str, one.path)) or name}: {one.message[:200]}" for one in errors]
