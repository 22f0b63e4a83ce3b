"""The very modules that run in the model server; they import each other by bare names, as the server does."""

import importlib
import sys
from types import ModuleType

from include.settings import ROOT


def served(name: str) -> ModuleType:
    """One module of ``triton_models/pipeline/1``."""
    directory = str(ROOT / "triton_models" / "pipeline" / "1")
    sys.path.insert(0, directory)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(directory)
