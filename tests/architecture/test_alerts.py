"""Each alert is raised by a real fault in a test: one that nobody saw firing would be a promise."""

import ast
from pathlib import Path

from include.operations.alerts import groups
from include.specification.loader import load_usecase, usecase_names

TESTS = Path(__file__).resolve().parents[1] / "integration"


def raised() -> set[str]:
    """The alerts that tests are marked with: ``@pytest.mark.fires("MoebiusX")``."""
    calls = [node for file in TESTS.glob("test_*.py") for node in ast.walk(ast.parse(file.read_text()))]
    marks = [c for c in calls if isinstance(c, ast.Call) and ast.unparse(c.func) == "pytest.mark.fires"]
    return {argument.value for mark in marks for argument in mark.args if isinstance(argument, ast.Constant)}


def test_every_alert_is_raised_by_a_real_fault_in_a_test() -> None:
    specs = [load_usecase(name) for name in usecase_names()]
    assert raised() == {rule.name for rules in groups(specs).values() for rule in rules}
