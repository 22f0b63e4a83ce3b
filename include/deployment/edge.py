"""The edge bundle: a release as one zip file that answers rows with onnxruntime alone, tested on the release's samples.

``run.py`` (see ``edge_runner.py``), ``answers.py``, ``encoding.py``, ``request_rules.py``, ``model.onnx``,
``schema.json``, ``bundle.json`` and the use case's ``request.py``.
"""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from include.contracts import encoding, request_rules
from include.deployment import release
from include.deployment.requests import answered
from include.errors import DeploymentError
from include.families.class_names import in_order

RUNNER = Path(__file__).with_name("edge_runner.py")
ANSWERS = release.SERVING / "answers.py"  # what scores say is the same here and in the model server
FACTS = (
    "usecase", "task", "predicts", "scores", "classes", "threshold", "answers_with_probability", "scores_per_row",
    "encoding", "request", "inputs", "model_hash", "event_time", "views", "fallback_scores",
)  # fmt: skip
LATER_FACTS = ("may_be_missing", "times")  # a release that was packaged earlier lacks them
SECONDS = 120


def bundle(directory: Path, name: str, work: Path, target: Path, python: str = sys.executable) -> dict[str, Any]:
    """Write ``target`` (zip) from the release ``name`` in ``directory``; returns size, samples and largest difference.

    ``work`` is an empty directory to lay the bundle out in; ``python`` is the interpreter that proves it, with nothing
    of this project on its path. The zip is renamed into place when it is whole. Raises DeploymentError when a file of
    the release lacks or was changed, or the bundle does not answer the samples as the release does.
    """
    release.verify(directory)
    facts = release.manifest(directory)
    _lay_out(directory, name, facts, work)
    worst = _prove(release.document(directory, "samples.json"), facts, work, python)
    partial = target.with_suffix(".partial")
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as whole:
        for file in sorted(filter(Path.is_file, work.iterdir())):
            whole.write(file, f"{facts['usecase']}-{name}/{file.name}")
    partial.replace(target)
    return {"bundle": str(target), "bytes": target.stat().st_size, **worst}


def _lay_out(directory: Path, name: str, facts: dict[str, Any], work: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    for file in ("model.onnx", "schema.json", "request.py"):
        if file in facts["files"]:
            (work / file).write_bytes((directory / file).read_bytes())
    for source in (Path(encoding.__file__), Path(request_rules.__file__), ANSWERS):
        (work / source.name).write_bytes(source.read_bytes())
    (work / "run.py").write_bytes(RUNNER.read_bytes())
    kept = {key: facts[key] for key in FACTS} | {key: facts[key] for key in LATER_FACTS if key in facts}
    columns = release.document(directory, "schema.json").get("classes", [])
    (work / "bundle.json").write_text(json.dumps({"release": name, "columns": columns, **kept}, indent=1))


def _prove(samples: list[dict[str, Any]], facts: dict[str, Any], work: Path, python: str) -> dict[str, Any]:
    """Ask the bundle what the release was asked; -E and -s keep this project's paths from its Python."""
    rows = json.dumps([{**sample["given_features"], **sample["request"]} for sample in samples])
    argv = [python, "-E", "-s", "-B", str(work / "run.py")]
    ran = subprocess.run(argv, input=rows, capture_output=True, text=True, timeout=SECONDS, check=False, cwd=work)
    if ran.returncode:
        raise DeploymentError(f"the edge bundle does not run: {ran.stderr[-500:]}")
    expected, bound = np.array([sample["scores"] for sample in samples]), facts["parity_bound"]
    columns = json.loads((work / "bundle.json").read_text())["columns"]
    expected = in_order(f"release of {facts['usecase']}", expected, facts["classes"], columns or facts["classes"])
    worst = float(np.abs(answered(json.loads(ran.stdout)).reshape(expected.shape) - expected).max())
    if not worst <= bound:
        raise DeploymentError(f"the edge bundle answers differently by {worst:.2g}; the release's bound is {bound:g}")
    return {"samples": len(samples), "max_difference": worst}
