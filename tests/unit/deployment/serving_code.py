"""The very modules that run in the model server; they import each other by bare names, as the server does."""

import importlib
import sys
from types import ModuleType

from include.contracts import encoding, pseudonyms, request_rules
from include.formats import sealed_text, signed_files
from include.settings import ROOT

for shared in (
    encoding,
    pseudonyms,
    request_rules,
    sealed_text,
    signed_files,
):  # the server has copies of them beside its own
    sys.modules.setdefault(shared.__name__.rpartition(".")[2], shared)


def served(name: str) -> ModuleType:
    """One module of ``triton_models/pipeline/1``."""
    directory = str(ROOT / "triton_models" / "pipeline" / "1")
    sys.path.insert(0, directory)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(directory)
