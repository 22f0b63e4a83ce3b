"""Answers rows without a server: ``python run.py rows.json`` prints one answer per row as JSON.

Needs onnxruntime and the NumPy that it brings. A row is a JSON object of request fields and looked-up features by
name (``schema.json`` lists both). What is null, NaN, '' or left out is missing; a request field may be missing where
``schema.json`` says so. All looked-up features of a view missing is what an unknown entity is to a server.
"""

import importlib.util
import json
import math
import sys
from pathlib import Path
from typing import Any

import answers  # lies in the bundle, as encoding and request_rules do
import numpy as np
import onnxruntime
from encoding import Encoding
from request_rules import numbers, rules_of

HERE = Path(__file__).resolve().parent


def answer(rows: list[dict]) -> list[dict]:
    """Prediction, release, and probability and scores where the task has them; ValueError names what is wrong."""
    facts = json.loads((HERE / "bundle.json").read_text())
    _require_rows(rows)
    if not rows:
        return []
    fields = _fields(facts, rows)
    rules = rules_of(facts, bounded="times" in facts, needs_keys=False)
    rules.refuse_unusable(fields)
    rules.refuse_missing(fields, rules.required)
    scores, fell_back = _with_policy(facts, rows, _scores(facts, _columns(facts, rows, fields)))
    tensors = {name: _plain(name, values) for name, values in answers.tensors(facts, scores, facts["columns"]).items()}
    if fell_back is not None:
        tensors["fallback"] = fell_back.tolist()
    rows_of = (dict(zip(tensors, row, strict=True)) for row in zip(*tensors.values(), strict=True))
    return [{**row, "release": facts["release"]} for row in rows_of]


def _require_rows(rows: Any) -> None:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("the rows must be a list of JSON objects, one per row; [] for none")


def _fields(facts: dict, rows: list[dict]) -> dict:
    """What the request holds, as ``request_rules`` takes it."""
    fields: dict = {}
    for name, kind in facts["request"].items():
        given = [row.get(name) for row in rows]
        if kind == "string":
            fields[name] = _texts(name, given)
        else:
            columns = facts["inputs"][name]
            values = numbers(given, 0 if columns == [name] else len(columns), name)
            fields[name] = _as_sent(values) if kind == "float" else values
    return fields


def _as_sent(values: np.ndarray) -> np.ndarray:
    """As a server gets it: float32, in which a number beyond it is infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32).astype(np.float64)


def _texts(name: str, given: list) -> np.ndarray:
    texts = np.empty(len(given), dtype=object)
    for row, value in enumerate(given):
        if not (_is_missing(value) or isinstance(value, str)):
            raise ValueError(f"row {row}: {name} must be a text; it is something else")
        texts[row] = None if _is_missing(value) else value
    return texts


def _columns(facts: dict, rows: list[dict], fields: dict) -> dict:
    """The features of the model, and the columns of the request."""
    flat: dict = {}
    for name, columns in facts["inputs"].items():
        flat |= {name: fields[name]} if columns == [name] else dict(zip(columns, fields[name].T, strict=True))
    entries = [one for one in facts["encoding"]["features"] if one["origin"] in facts["views"]]
    values = {one["name"]: _looked_up(one["name"], one["kind"], rows) for one in entries}
    computed = _on_request()(flat) if (HERE / "request.py").is_file() else {}
    return {**values, **flat, **computed}


def _looked_up(name: str, kind: str, rows: list[dict]) -> Any:
    """What the rows give of a feature that a server looks up; missing is None or NaN."""
    given = [None if _is_missing(row.get(name)) else row[name] for row in rows]
    if kind == "numeric":
        return numbers([float(one) if isinstance(one, bool) else one for one in given], 0, name)
    for row, value in enumerate(given):
        if not (value is None or isinstance(value, str | int | float)):
            raise ValueError(f"row {row}: {name} must be one text, number or truth value; it is something else")
    return given


def _on_request():  # type: ignore[no-untyped-def]
    place = importlib.util.spec_from_file_location("request", HERE / "request.py")
    module = importlib.util.module_from_spec(place)  # type: ignore[arg-type]
    place.loader.exec_module(module)  # type: ignore[union-attr]
    return module.on_request


def _scores(facts: dict, columns: dict) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(HERE / "model.onnx"), providers=["CPUExecutionProvider"])
    matrix = Encoding(facts["encoding"]["features"]).encode(columns)
    output = np.asarray(session.run([session.get_outputs()[-1].name], {session.get_inputs()[0].name: matrix})[0])
    scores = output.reshape(len(matrix), -1)[:, -facts["scores_per_row"] :]
    if not np.isfinite(scores).all():
        raise ValueError("the model gave scores that are not finite numbers")
    return scores


def _with_policy(facts: dict, rows: list[dict], scores: np.ndarray) -> tuple:
    """Scores as the views' ``when_missing`` says, and which rows got the constant; None where no view falls back."""
    policies = {view: declared.get("when_missing", "default") for view, declared in facts["views"].items()}
    lacking = {view: _lacking(facts, rows, view) for view in policies}
    for view, policy in policies.items():
        if policy == "reject" and lacking[view].any():
            raise ValueError(f"row {int(lacking[view].argmax())}: feature view {view} has no fresh values")
    falling = [lacking[view] for view, policy in policies.items() if policy == "fall_back"]
    if not falling:
        return scores, None
    fell_back = np.any(falling, axis=0)
    return np.where(fell_back[:, None], np.array(facts["fallback_scores"], dtype=scores.dtype), scores), fell_back


def _lacking(facts: dict, rows: list[dict], view: str) -> np.ndarray:
    names = [entry["name"] for entry in facts["encoding"]["features"] if entry["origin"] == view]
    return np.array([all(_is_missing(row.get(name)) for name in names) for row in rows])


def _is_missing(value: Any) -> bool:
    return value is None or value == "" or _is_nan(value)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _plain(name: str, values: np.ndarray) -> list:
    """A value per row; of scores a list."""
    rows = values if name == "scores" else values[:, 0]
    return [one.decode() if isinstance(one, bytes) else one for one in rows.tolist()]


if __name__ == "__main__":
    source = Path(sys.argv[1]).read_text() if len(sys.argv) > 1 else sys.stdin.read()
    print(json.dumps(answer(json.loads(source) if source.strip() else [])))
