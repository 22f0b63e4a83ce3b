"""Tests with bad requests: each is refused, and the next good request is answered as before; what may be missing may.

They are sent over gRPC as raw KServe tensors, so no client library checks them first.
"""

import copy
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np

from include.contracts.evaluation import GateOutcome
from include.contracts.request_rules import whole_keys
from include.deployment import interface, schema
from include.deployment.requests import answered
from include.errors import ServiceError
from include.families.registry import family
from include.ports.serving import InferenceProtocol, ModelServer
from include.specification.usecase import UseCase

Payload = dict[str, Any]
NO_NUMBER = str(-(2**31))  # no whole key is likely to be it
ONE_MORE = {"BYTES": "more", "FP32": 0.0, "FP64": 0.0}


def check(
    spec: UseCase, name: str, sample: Mapping[str, Any], wire: InferenceProtocol, server: ModelServer, facts: Mapping
) -> list[GateOutcome]:
    """Send each kind of bad request to the private model, and the good ``sample`` after it.

    ``facts`` is the release's manifest: it says which fields may be missing, and whether an unknown entity is refused
    (``when_missing: reject`` of a view).
    """
    row, given = sample["request"], json.dumps(sample["given_features"])
    good = interface.with_features(interface.payload(spec, [row]), given)
    optional = facts["may_be_missing"]
    bad = ((what, interface.with_features(payload, given)) for what, payload in cases(spec, row, optional))
    outcomes = [_refused(name, what, payload, good, wire) for what, payload in bad]
    outcomes += [_may_be_missing(name, field, good, wire) for field in optional]
    return [*outcomes, *_unknown_entity(spec, name, row, server, facts)]


def cases(spec: UseCase, row: Mapping[str, Any], may_be_missing: Collection[str] = ()) -> Iterator[tuple[str, Payload]]:
    """What is wrong, and a payload of one good ``row`` that has it."""
    payload = interface.payload(spec, [row])
    names = [tensor["name"] for tensor in payload["inputs"]]
    for field in (name for name in spec.request if name not in may_be_missing):
        yield f"{field} missing", _changed(payload, field, _missing)
        yield f"{field} left out", _without(payload, field)
    yield f"{spec.event.time} in milliseconds", _changed(payload, spec.event.time, _thousandfold)
    yield f"{names[0]} of another type", _changed(payload, names[0], _other_type)
    yield f"{names[0]} of another shape", _changed(payload, names[0], _wider)
    if len(names) > 1:
        yield f"{names[0]} with a row more", _changed(payload, names[0], _longer)
    yield "an unknown input", {"inputs": [*payload["inputs"], {**payload["inputs"][0], "name": "no_such_input"}]}
    yield f"{schema.MAX_ROWS + 1} rows", interface.payload(spec, [row] * (schema.MAX_ROWS + 1))


def _changed(payload: Payload, field: str, change: Callable[[dict[str, Any]], None]) -> Payload:
    other = copy.deepcopy(payload)
    change(next(tensor for tensor in other["inputs"] if tensor["name"] == field))
    return other


def _without(payload: Payload, field: str) -> Payload:
    return {"inputs": [tensor for tensor in payload["inputs"] if tensor["name"] != field]}


def _missing(tensor: dict[str, Any]) -> None:
    tensor["data"] = [None] * len(tensor["data"])


def _thousandfold(tensor: dict[str, Any]) -> None:
    tensor["data"] = [1000 * seconds for seconds in tensor["data"]]


def _other_type(tensor: dict[str, Any]) -> None:
    tensor.update(datatype="INT64", data=[0] * len(tensor["data"]))


def _wider(tensor: dict[str, Any]) -> None:
    tensor["data"] = [*tensor["data"], ONE_MORE[tensor["datatype"]]]
    tensor["shape"] = [1, len(tensor["data"])]


def _longer(tensor: dict[str, Any]) -> None:
    tensor["shape"], tensor["data"] = [2, tensor["shape"][1]], tensor["data"] * 2


def _refused(name: str, what: str, bad: Payload, good: Payload, wire: InferenceProtocol) -> GateOutcome:
    gate = f"bad_request:{what}"
    before = wire.ask(name, good, "grpc")
    try:
        wire.ask(name, bad, "grpc")
    except ServiceError as error:
        refusal = str(error)
    else:
        return GateOutcome(gate=gate, passed=False, detail="it was answered instead of refused")
    try:
        after = wire.ask(name, good, "grpc")
    except ServiceError as error:
        return GateOutcome(gate=gate, passed=False, detail=f"the good request after it failed: {error}")
    if _content(after) != _content(before):
        return GateOutcome(gate=gate, passed=False, detail="the good request after it was answered differently")
    return GateOutcome(gate=gate, passed=True, detail=f"refused: {refusal[:300]}")


def _may_be_missing(name: str, field: str, good: Payload, wire: InferenceProtocol) -> GateOutcome:
    """Left out or null, it gets one answer."""
    gate = f"missing:{field}"
    try:
        answers = [wire.ask(name, bad, "grpc") for bad in (_without(good, field), _changed(good, field, _missing))]
    except ServiceError as error:
        return GateOutcome(gate=gate, passed=False, detail=f"it may be missing, and is refused: {str(error)[:300]}")
    same = _content(answers[0]) == _content(answers[1])
    words = "answered, left out or null alike" if same else "left out it gets another answer than null"
    return GateOutcome(gate=gate, passed=same, detail=words)


def _content(answer: Payload) -> list[Any]:
    """Everything but the request's id, which is always new."""
    return sorted((o["name"], repr(o["data"])) for o in answer["outputs"] if o["name"] != "request_id")


def _unknown_entity(
    spec: UseCase, name: str, row: Mapping[str, Any], server: ModelServer, facts: Mapping[str, Any]
) -> list[GateOutcome]:
    """An answer without its features, or a refusal where the spec says so."""
    if not spec.entities:
        return []
    refusing = any(view.get("when_missing") == "reject" for view in facts["views"].values())
    gate = "bad_request:unknown entity"
    whole = whole_keys(facts)
    unknown = {**row, **{e.key: NO_NUMBER if e.key in whole else "no-such-entity" for e in spec.entities.values()}}
    try:
        scores = answered(server.infer(name, [unknown]))
    except ServiceError as error:
        return [GateOutcome(gate=gate, passed=refusing, detail=f"refused: {str(error)[:300]}")]
    probabilities = family(spec).facts.probabilities
    sound = bool(np.isfinite(scores).all() and not (probabilities and (scores.min() < 0 or scores.max() > 1)))
    answer = f"answered with scores from {scores.min():.4g} to {scores.max():.4g}"
    if refusing:
        answer += "; a feature view says when_missing: reject"
    return [GateOutcome(gate=gate, passed=sound and not refusing, detail=answer)]
