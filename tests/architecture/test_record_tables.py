"""Who writes into the lake: records through their registry, data through publication, rewrites through erasure."""

import ast
from pathlib import Path

import pytest

from include.records.registry import RECORD_TABLES
from include.specification.loader import load_usecase, usecase_names
from tests.architecture.tree import modules, nodes, place

WRITERS = {
    "include/records/table.py": {"append", "publish"},
    "include/data/versioning.py": {"publish"},
    "include/governance/erasure.py": {"publish_all"},
}
"""Modules that write into the lake, and how: tables of records, tables of the spec and views, whatever is stored."""


WRITE = {"append", "publish", "publish_all"}


def lake_writes(module: Path) -> set[str]:
    """Methods that write, called on something whose name ends in ``lake``."""
    calls = [node.func for node in nodes(module) if isinstance(node, ast.Call)]
    methods = [func for func in calls if isinstance(func, ast.Attribute) and func.attr in WRITE]
    return {func.attr for func in methods if ast.unparse(func.value).endswith("lake")}


def test_only_the_registry_publication_and_erasure_write_into_the_lake() -> None:
    found = {place(path): lake_writes(path) for path in modules("include", "dags")}
    assert {name: writes for name, writes in found.items() if writes} == WRITERS


@pytest.mark.parametrize("usecase", usecase_names())
def test_no_table_of_a_use_case_has_the_name_of_a_table_of_records(usecase: str) -> None:
    spec = load_usecase(usecase)
    assert not set(RECORD_TABLES) & {*spec.sources, *spec.tables, *spec.feature_views}
