"""No module reaches itself through what it imports, imports inside functions included."""

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest


def test_no_import_goes_round_in_a_circle() -> None:
    graph = grimp.build_graph("include", cache_dir=None)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        TopologicalSorter(imported).prepare()
    except CycleError as error:
        pytest.fail(f"move what both need into a module of its own: {' <- '.join(error.args[1])}")
