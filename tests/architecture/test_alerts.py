"""Each alert is raised by a real fault in a test: one that nobody saw firing would be a promise."""

import ast

from include.operations.alerts.alerts import groups
from include.specification.loader import load_usecase, usecase_names
from tests.architecture.tree import ROOT, nodes

TESTS = ROOT / "tests" / "integration"


def raised() -> set[str]:
    """The alerts that tests are marked with: ``@pytest.mark.fires("MoebiusX")``."""
    marked = [file for file in TESTS.glob("test_*.py") if "pytest.mark.fires" in file.read_text()]
    calls = [node for file in marked for node in nodes(file) if isinstance(node, ast.Call)]
    marks = [call for call in calls if ast.unparse(call.func) == "pytest.mark.fires"]
    return {argument.value for mark in marks for argument in mark.args if isinstance(argument, ast.Constant)}


def test_every_alert_is_raised_by_a_real_fault_in_a_test() -> None:
    specs = [load_usecase(name) for name in usecase_names()]
    assert raised() == {rule.name for rules in groups(specs).values() for rule in rules}
