"""Answers rows without a server: ``python run.py rows.json`` prints one answer per row as JSON.

Needs onnxruntime and the NumPy that it brings. A row is a JSON object of request fields and looked-up features by
name (``schema.json`` lists both). A looked-up feature that is null or left out is missing; a request field that the
model reads must be there.
"""

import importlib.util
import json
import sys
from pathlib import Path

import answers  # lies in the bundle, as encoding does
import numpy as np
import onnxruntime
from encoding import Encoding

HERE = Path(__file__).resolve().parent


def answer(rows: list[dict]) -> list[dict]:
    """Prediction, release, and probability and scores where the task has them; ValueError names what is wrong."""
    facts = json.loads((HERE / "bundle.json").read_text())
    session = onnxruntime.InferenceSession(str(HERE / "model.onnx"), providers=["CPUExecutionProvider"])
    matrix = Encoding(facts["encoding"]["features"]).encode(_columns(facts, rows))
    output = np.asarray(session.run([session.get_outputs()[-1].name], {session.get_inputs()[0].name: matrix})[0])
    scores = output.reshape(len(rows), -1)[:, -facts["scores_per_row"] :]
    tensors = {name: _plain(name, values) for name, values in answers.tensors(facts, scores).items()}
    rows_of = (dict(zip(tensors, row, strict=True)) for row in zip(*tensors.values(), strict=True))
    return [{**row, "release": facts["release"]} for row in rows_of]


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
    values = {one["name"]: [row.get(one["name"]) for row in rows] for one in facts["encoding"]["features"]}
    computed = _on_request()(columns) if (HERE / "request.py").is_file() else {}
    return {**values, **columns, **computed}


def _on_request():  # type: ignore[no-untyped-def]
    place = importlib.util.spec_from_file_location("request", HERE / "request.py")
    module = importlib.util.module_from_spec(place)  # type: ignore[arg-type]
    place.loader.exec_module(module)  # type: ignore[union-attr]
    return module.on_request


def _plain(name: str, values: np.ndarray) -> list:
    """A value per row; of scores a list."""
    rows = values if name == "scores" else values[:, 0]
    return [one.decode() if isinstance(one, bytes) else one for one in rows.tolist()]


if __name__ == "__main__":
    source = Path(sys.argv[1]).read_text() if len(sys.argv) > 1 else sys.stdin.read()
    print(json.dumps(answer(json.loads(source))))
