"""The key of a training: a hash of all that decides its model, and of nothing else."""

import hashlib
import json
from pathlib import Path
from typing import Any

from include.development.environment import versions
from include.development.order import Order
from include.specification.usecase import UseCase


def training_key(spec: UseCase, order: Order) -> str:
    """SHA-256 of everything that the model depends on, and of ``order.run``."""
    fields = order.model_dump(mode="json", exclude={"dataset", "start", "search"})
    return _digest([order.dataset.name, _start_hash(order), fields, _code(spec), versions()])


def search_key(spec: UseCase, order: Order) -> str:
    """SHA-256 of what a trial depends on, not of the budget: a larger one goes on with the same study."""
    return _digest(
        [order.dataset.name, _start_hash(order), order.parameters, order.sampler, order.run, _code(spec), versions()]
    )


def _start_hash(order: Order) -> str:
    return order.start.artifact_hash if order.start else ""


def _digest(facts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _code(spec: UseCase) -> str:
    """SHA-256 of the sources that decide what the model is."""
    include = Path(__file__).resolve().parents[1]
    files = [
        *(include / "development").rglob("*.py"),
        include / "evaluation" / "metrics.py",
        include / "contracts" / "encoding.py",
    ]
    files += [p for p in spec.directory.iterdir() if p.suffix in (".py", ".yaml")]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
