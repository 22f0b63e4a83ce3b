"""What a process imports before it forks, so that no fork has to: of use cases nothing, whose code may change."""

import importlib
import pkgutil
from collections.abc import Iterable

LIBRARIES = ("pandas", "pyarrow", "deltalake", "duckdb", "ibis", "feast", "great_expectations", "mlflow", "xgboost")
"""Great Expectations, Feast and MLflow take 4 to 7 s each to import."""
OF_DAGS = (
    "include.orchestration.dags",
    "include.orchestration.steps",
    "include.orchestration.assets",
    "include.orchestration.timetable",
    "include.services.checking",
)
"""What a DAG file needs while it is read."""
OF_TASKS = (*LIBRARIES, *OF_DAGS, "include.services.composition", "include.loop")
"""What a task needs while it runs; of a package every module."""


def load(names: Iterable[str]) -> None:
    """Import modules, and every module of those that are packages of ours."""
    for name in names:
        module = importlib.import_module(name)
        if name.startswith("include.") and hasattr(module, "__path__"):
            load(found.name for found in pkgutil.walk_packages(module.__path__, f"{name}."))
