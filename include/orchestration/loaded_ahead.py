"""What a process imports and reads before it forks, so that no fork has to.

Of use cases these are the specs: a fork reads one again whose file has changed. Their code is imported by each fork.
"""

import importlib
import pkgutil
from collections.abc import Iterable

from include.specification import loader

LIBRARIES = (
    "pandas", "pyarrow", "deltalake", "duckdb", "ibis.backends.duckdb",
    "feast", "great_expectations", "mlflow", "xgboost",
)  # fmt: skip
"""Great Expectations, Feast and MLflow take 4 to 7 s each to import."""
OF_DAGS = (
    "include.orchestration.dags",
    "include.orchestration.steps",
    "include.orchestration.assets",
    "include.orchestration.timetable",
    "include.services.checking",
)
"""What a DAG file needs while it is read."""
ADAPTERS = (
    "include.adapters.experiment_tracker",
    "include.adapters.feature_store",
    "include.adapters.file_locks",
    "include.adapters.file_state",
    "include.adapters.lake",
    "include.adapters.redis_online_store",
    "include.adapters.sqlite_online_store",
    "include.governance.record_events",
    "mlflow.tracking.request_header.registry",
)
"""What most tasks speak with; MLflow's client asks Feast for its part of each request."""
OF_TASKS = (*LIBRARIES, *OF_DAGS, *ADAPTERS, "include.services.composition", "include.loop")
"""What a task needs while it runs; of a package every module."""


def load(names: Iterable[str]) -> None:
    """Import modules, and every module of those that are packages of ours; read the specs of all use cases."""
    _import(names)
    loader.specifications()


def _import(names: Iterable[str]) -> None:
    for name in names:
        module = importlib.import_module(name)
        if name.startswith("include.") and hasattr(module, "__path__"):
            _import(found.name for found in pkgutil.walk_packages(module.__path__, f"{name}."))
