"""What depends on the kind of learning task is in its family: no other room spells a task or compares ``task``."""

import ast
from collections.abc import Iterable, Iterator

import pytest

from include.families.registry import family_named
from include.specification.task import TASKS
from tests.architecture.tree import ROOT, modules, nodes, place

ROOMS = ("include", "dags", "plugins", "triton_models", "feature_repo")
FAMILIES = ROOT / "include" / "families"
FACTS = ROOT / "include" / "specification" / "task.py"
MODULES = [path for path in modules(*ROOMS) if path != FACTS and FAMILIES not in path.parents]
Nodes = Iterable[ast.AST]


def docstrings(code: Nodes) -> set[ast.Constant]:
    alone = (node.value for node in code if isinstance(node, ast.Expr))
    return {value for value in alone if isinstance(value, ast.Constant)}


def spelled(code: Nodes) -> list[str]:
    """Names of tasks that stand in the code as text."""
    told = docstrings(code)
    texts = (node for node in code if isinstance(node, ast.Constant) and node not in told)
    return [node.value for node in texts if isinstance(node.value, str) and node.value in TASKS]


def is_task(node: ast.AST) -> bool:
    """``….task`` or ``…["task"]``."""
    key = node.slice if isinstance(node, ast.Subscript) else None
    return (isinstance(node, ast.Attribute) and node.attr == "task") or (
        isinstance(key, ast.Constant) and key.value == "task"
    )


def compared(code: Nodes) -> list[str]:
    """Places where the task is compared with something written there, or chooses from a table written there."""
    return [ast.unparse(node) for node in code if _chooses(node)]


def _chooses(node: ast.AST) -> bool:
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        return any(map(is_task, sides)) and any(map(_written, sides))
    if isinstance(node, ast.Match):
        return is_task(node.subject)
    if isinstance(node, ast.Subscript):
        return is_task(node.slice) and isinstance(node.value, ast.Dict)
    getter = node.func if isinstance(node, ast.Call) else None
    chosen = isinstance(getter, ast.Attribute) and isinstance(getter.value, ast.Dict)
    return chosen and any(map(is_task, node.args))


def _written(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Constant) for part in _parts(node))


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    yield from node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]


def test_no_other_room_knows_the_kinds_of_task() -> None:
    found = {place(path): names for path in MODULES if (names := spelled(nodes(path)))}
    assert not found, "ask include.families, or declare a fact in include/specification/task.py"
    assert not {place(path): where for path in MODULES if (where := compared(nodes(path)))}, "ask include.families"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("if spec.task == 'binary': pass", True),
        ("if facts['task'] in ('other', 'more'): pass", True),
        ("what = {'a': 1}.get(spec.task, 2)", True),
        ("what = {'a': 1}[model.task]", True),
        ("match spec.task:\n    case _: pass", True),
        ("TABLE = {'forecasting': 1}", True),
        ("if first.task != second.task: pass", False),
        ("'binary'", False),
        ("def of():\n    'clustering'", False),
        ("words = f'{spec.task} has none'", False),
    ],
)
def test_the_check_sees_what_it_is_for(source: str, found: bool) -> None:
    code = [*ast.walk(ast.parse(source))]
    assert bool(spelled(code) or compared(code)) == found


def test_every_task_has_a_family_of_its_name_and_every_family_is_of_a_task() -> None:
    made = {path.stem for path in FAMILIES.glob("*.py") if "FAMILY = " in path.read_text()}
    assert made == set(TASKS)
    assert {family_named(task).name for task in TASKS} == set(TASKS)


def test_serving_code_is_told_by_flags() -> None:
    serving = [*modules("triton_models"), ROOT / "include" / "deployment" / "edge_runner.py"]
    assert not [path.name for path in serving if any(map(is_task, nodes(path)))]
