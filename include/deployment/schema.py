"""Inputs and outputs of a release, for people and programs: ``schema.json``."""

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from include.deployment import pipeline
from include.specification.usecase import UseCase

MAX_ROWS = 64  # of one request: max_batch_size of the pipeline's configuration
PROTOCOL = {
    "TYPE_STRING": "BYTES",
    "TYPE_FP32": "FP32",
    "TYPE_FP64": "FP64",
    "TYPE_INT64": "INT64",
    "TYPE_BOOL": "BOOL",
}


def schema(
    spec: UseCase, encoding: Mapping[str, Any], rows: pd.DataFrame, may_be_missing: Collection[str] = ()
) -> dict[str, Any]:
    """Inputs, looked-up and computed features, outputs: names, types, shapes, categories, ranges.

    ``classes`` are the columns of the output ``scores``, in their order, where classes have names. Ranges are those of
    ``rows``: what was seen, no limit. A personal column has none.
    """
    learned = {entry["name"]: entry for entry in encoding["features"]}
    return {
        "usecase": spec.name,
        "task": spec.task,
        "max_rows": MAX_ROWS,
        "inputs": [
            {**_input(spec, learned, rows, name), "may_be_missing": name in may_be_missing} for name in spec.request
        ],
        "features": [
            {"name": f.name, "origin": f.origin, "kind": f.kind, **_values(spec, learned, rows, [f.name])}
            for f in spec.features
            if f.origin != "request"
        ],
        "outputs": outputs(spec),
        **({"classes": spec.event.classes} if spec.event.classes else {}),
    }


def inputs(spec: UseCase) -> list[dict[str, Any]]:
    """The request's tensors as KServe v2 names them; the first dimension is the number of rows."""
    return [
        {"name": name, "datatype": PROTOCOL[pipeline.TYPES[kind]], "shape": [-1, len(spec.inputs[name])]}
        for name, kind in spec.request.items()
    ]


def outputs(spec: UseCase) -> list[dict[str, Any]]:
    """The answer's tensors."""
    return [
        {"name": name, "datatype": PROTOCOL[kind], "shape": [-1, width]} for name, kind, width in pipeline.outputs(spec)
    ]


def _input(spec: UseCase, learned: Mapping[str, Any], rows: pd.DataFrame, name: str) -> dict[str, Any]:
    tensor = next(one for one in inputs(spec) if one["name"] == name)
    return {**tensor, "role": _role(spec, name), **_values(spec, learned, rows, spec.inputs[name])}


def _role(spec: UseCase, name: str) -> str:
    event = {spec.event.id: "event id", spec.event.time: "event time, seconds since 1970-01-01 UTC"}
    return (event | {entity.key: "entity key" for entity in spec.entities.values()}).get(name, "feature")


def _values(spec: UseCase, learned: Mapping[str, Any], rows: pd.DataFrame, columns: list[str]) -> dict[str, Any]:
    """Known categories of a text, or the range that was seen of numbers."""
    personal = {name for name, rule in spec.privacy.columns.items() if rule.level == "personal"}
    if personal & set(columns) or not learned.keys() >= set(columns):
        return {}
    if learned[columns[0]]["kind"] != "numeric":
        return {key: value for key, value in learned[columns[0]].items() if key == "categories"}
    seen = rows[columns].astype(float)
    if seen.isna().all(axis=None):
        return {"missing_share": 1.0}
    return {
        "minimum": float(seen.min(axis=None)),
        "maximum": float(seen.max(axis=None)),
        "missing_share": float(seen.isna().mean(axis=None)),
    }
