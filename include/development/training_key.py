"""The key of a training: a hash of everything that decides its model, and of nothing else.

The modules are named below; ``tests/unit/development/test_training_key.py`` runs fits and compares. What decides the
data of a fit (``features.py``, ``request.py``, the window, the snapshots) is in the name of its dataset.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from include.development.environment import versions
from include.development.order import Order
from include.families.registry import family
from include.specification.usecase import UseCase

INCLUDE = Path(__file__).resolve().parents[1]
SHARED = (
    "contracts.encoding", "contracts.spelling", "development.datasets.encoded", "development.datasets.encoder",
    "development.datasets.imbalance", "development.datasets.parts", "development.trainers.archive",
    "development.trainers.label_units", "development.trainers.protocol", "development.trainers.registry",
    "development.trainers.trained_model", "development.training", "evaluation.calibration", "evaluation.calibrator",
    "evaluation.metrics", "families.class_names", "families.labels", "families.registry", "specification.data",
    "specification.declaration", "specification.learning", "specification.part", "specification.task",
    "specification.trainers", "specification.usecase",
)  # fmt: skip
"""Modules below ``include`` that every fit runs."""
SEARCH = (
    "development.search.study", "development.search.tuning", "evaluation.bootstrap", "evaluation.weighted",
)  # fmt: skip
"""What a search runs besides."""
TORCH = ("checkpoint", "parameters", "torch_fit", "torch_inputs", "torch_model", "torch_start", "torch_trainer")
TRAINERS = {
    "xgboost": ("checkpoint", "parameters", "xgboost", "xgboost_rounds"),
    "sklearn": ("parameters", "sklearn", "sklearn_clusters", "sklearn_estimators"),
    "torch_tabular": (*TORCH, "torch_tabular"),
    "torch_image": (*TORCH, "torch_image"),
    "torch_sequence": (*TORCH, "torch_sequence"),
    "torch_text": (*TORCH, "torch_text"),
    "own": (),
}
"""Modules of ``development.trainers`` by the trainer that the spec names; ``own`` is the code of the use case."""


def training_key(spec: UseCase, order: Order) -> str:
    """SHA-256 of everything that the model depends on, and of ``order.run``."""
    fields = order.model_dump(mode="json", exclude={"dataset", "start", "search"})
    return _digest(spec, order, fields, modules(spec, bool(order.trials)))


def search_key(spec: UseCase, order: Order) -> str:
    """SHA-256 of what a trial depends on, not of the budget: a larger one goes on with the same study."""
    fields = order.model_dump(mode="json", include={"parameters", "sampler", "run"})
    return _digest(spec, order, fields, modules(spec, searches=True))


def modules(spec: UseCase, searches: bool) -> list[str]:
    """The modules below ``include`` that decide the model of a fit, sorted.

    With a trainer of its own all modules of the use case count: what its ``model.py`` imports is not known.
    """
    trainers = [f"development.trainers.{name}" for name in TRAINERS[spec.trainer.name]]
    kinds = [kind.__module__ for kind in type(family(spec)).__mro__]
    families = [name.removeprefix("include.") for name in kinds if name.startswith("include.families.")]
    own = [f"usecases.{spec.name}.{file.stem}" for file in spec.directory.glob("[!.]*.py")]
    return sorted(
        [*SHARED, *families, *trainers, *(SEARCH if searches else ()), *(own if spec.trainer.name == "own" else ())]
    )


def settled(spec: UseCase) -> dict[str, Any]:
    """What the spec says about a fit, and the behaviour tests that a model must pass to be registered."""
    in_order: dict[str, Any] = {
        "tuning": {"trials", "minutes", "sampler", "workers"},
        "start_from": True,
        "ensemble": True,
    }
    return {
        **spec.model_dump(mode="json", include={"name", "task", "split", "metrics", "behaviour"}),
        "event": spec.event.model_dump(mode="json", include={"label", "classes", "time"}),
        "features": [[f.name, f.kind, f.origin, f.tensor, f.shape, f.length] for f in spec.features],
        "request": sorted(spec.float32_features),  # they have no centre
        "trainer": spec.trainer.model_dump(mode="json", exclude=in_order),
    }


def _digest(spec: UseCase, order: Order, fields: dict[str, Any], names: list[str]) -> str:
    start = order.start.artifact_hash if order.start else ""
    code = [[name, _content_hash(name)] for name in names]
    facts = [order.dataset.name, start, fields, settled(spec), code, versions()]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _content_hash(name: str) -> str:
    file = INCLUDE / f"{name.replace('.', '/')}.py"
    return hashlib.sha256(file.read_bytes()).hexdigest()
