"""The libraries that a release was made with, with versions and licences, as the installed packages say."""

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from packaging.requirements import Requirement

ROOTS = ("numpy", "pandas", "onnx", "onnxruntime", "scikit-learn", "optuna", "shap")
OF_TRAINERS = {"xgboost": "xgboost", "torch": "torch", "own": "torch"}
LONGEST = 120
"""Letters of a licence's name; whole texts stand in that field of some packages."""


def components(trainer: str) -> list[dict[str, Any]]:
    """One CycloneDX component per library, sorted by name: those that train and answer, and all that they need."""
    roots = [*ROOTS, OF_TRAINERS.get(trainer, "scikit-learn")]
    return [_component(name, found) for name, found in sorted(_closure(roots))]


def _closure(roots: list[str]) -> Iterator[tuple[str, Distribution]]:
    seen, waiting = set[str](), list(roots)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        yield name, found
        needs = [Requirement(text) for text in found.requires or ()]
        waiting += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]


def _component(name: str, found: Distribution) -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{found.version}"
    about = {"type": "library", "bom-ref": purl, "name": name, "version": found.version, "purl": purl}
    if licences := _licences(found):
        return about | {"licenses": licences}
    return about | {"properties": [{"name": "moebius:missing:licenses", "value": "the package names no licence"}]}


def _licences(found: Distribution) -> list[dict[str, Any]]:
    said = found.metadata
    if "License-Expression" in said:
        return [{"expression": said["License-Expression"]}]
    classifiers = [c for c in said.get_all("Classifier") or () if c.startswith("License ::")]
    names = [name for c in classifiers if (name := c.rpartition(" :: ")[2]) != "OSI Approved"]
    text = said["License"].strip().partition("\n")[0][:LONGEST] if "License" in said else ""
    return [{"license": {"name": name}} for name in names or ([text] if text and text != "UNKNOWN" else [])]
