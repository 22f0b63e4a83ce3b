"""Answers rows without a server: ``python run.py rows.json`` prints one answer per row as JSON.

Needs onnxruntime and the NumPy that it brings. A row is a JSON object of request fields and looked-up features by
name (``schema.json`` lists both). A looked-up feature that is null or left out is missing; a request field that the
model reads must be there.
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from encoding import Encoding  # type: ignore[import-not-found]  # lies beside it in the bundle

HERE = Path(__file__).resolve().parent


def answer(rows: list[dict]) -> list[dict]:
    """Prediction, release, and probability and scores where the task has them; ValueError names what is wrong."""
    facts = json.loads((HERE / "bundle.json").read_text())
    session = onnxruntime.InferenceSession(str(HERE / "model.onnx"), providers=["CPUExecutionProvider"])
    matrix = Encoding(facts["encoding"]["features"]).encode(_columns(facts, rows))
    said = np.asarray(session.run([session.get_outputs()[-1].name], {session.get_inputs()[0].name: matrix})[0])
    scores = said.reshape(len(rows), -1)[:, -facts["scores_per_row"] :]
    return [{**_says(facts, row), "release": facts["release"]} for row in scores.tolist()]


def _columns(facts: dict, rows: list[dict]) -> dict:
    columns: dict = {}
    for field, names in facts["inputs"].items():
        given = [row.get(field) for row in rows]
        if facts["request"][field] == "string":
            columns[field] = np.array(given, dtype=object)
        else:
            known = [np.full(len(names), np.nan) if one is None else np.ravel(one) for one in given]
            if wrong := [i for i, one in enumerate(known) if len(one) != len(names)]:
                raise ValueError(f"row {wrong[0]}: {field} must be {len(names)} numbers, it is {len(known[wrong[0]])}")
            columns |= zip(names, np.array(known, dtype=np.float64).T, strict=True)
    for feature in (one for one in facts["encoding"]["features"] if one["origin"] == "request"):
        for i, value in enumerate(columns[feature["name"]]):
            if not (isinstance(value, str) or (value is not None and np.isfinite(value))):
                raise ValueError(f"row {i}: {feature['name']} must be given; it is {value!r}")
    found = {one["name"]: [row.get(one["name"]) for row in rows] for one in facts["encoding"]["features"]}
    computed = _on_request()(columns) if (HERE / "request.py").is_file() else {}
    return {**found, **columns, **computed}


def _on_request():  # type: ignore[no-untyped-def]
    place = importlib.util.spec_from_file_location("request", HERE / "request.py")
    module = importlib.util.module_from_spec(place)  # type: ignore[arg-type]
    place.loader.exec_module(module)  # type: ignore[union-attr]
    return module.on_request


def _says(facts: dict, scores: list[float]) -> dict:
    best = int(np.argmax(scores))
    if facts["task"] == "binary":
        return {"prediction": int(scores[0] >= facts["threshold"]), "probability": scores[0]}
    if facts["task"] == "multiclass":
        return {"prediction": facts["classes"][best], "probability": scores[best], "scores": scores}
    return {"prediction": best, "scores": scores} if facts["task"] == "clustering" else {"prediction": scores[0]}


if __name__ == "__main__":
    source = Path(sys.argv[1]).read_text() if len(sys.argv) > 1 else sys.stdin.read()
    print(json.dumps(answer(json.loads(source))))
