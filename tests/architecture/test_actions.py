"""Whatever changes what serves, what is kept, or decides is an action of the registry, or named here as automatic."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from include.governance.actions import ACTIONS, done_by
from include.governance.rights import RIGHTS
from include.settings import ROOT
from tests.architecture.tree import modules, nodes, place, syntax

CHANGES = (
    "serving.switch", "rollout.write", "versioning.restore", "retention.pin", "retention.unpin", "retention.expire",
    "rewriting.rewrite", "state.erase", "state.use_key", "exports.write", "exports.unpack",
    "speed_layer.settle_dead_letters", "quarantine.decide", "GIVEN_LABELS.append", "approvals.adding",
    "lake.delete", "lake.vacuum", "lake.prune", "answers.forget",
    "serving.end", "releases.retire", "archives.delete", "tracker.forget",
    "controls.set_pause", "controls.set_silence",
)  # fmt: skip
"""Calls that change it, as they are written: the ends of their names."""

AUTOMATIC = {
    "rollout.shift_traffic": "a step of a rollout that an approval or the action `promote` began",
    "rollout.mirror_traffic": "the same",
    "rollout.judge_rollout": "gives traffic back, or again to what it was taken from by a kill",
    "rollout.look_at_ab_test": "the same",
    "rollout.promote": "the end of a rollout; refuses what is not approved",
    "rollout.keep_champion": "the end of a rollout that the read-out ended",
    "rollout.end_rollout": "takes traffic back when a task of the deployment failed",
    "rollout.end_lapsed": "writes down what routers do by then",
    "approval.record_approval": "takes what a person answered, or what the spec leaves to its policy",
    "retirement.delete_archives": "deletes archives whose retention is over",
    "approval.settle": "ends a question that nobody answered in time, or that a new champion overtook",
    "maintenance.delete_files": "deletes files that no version of a table names",
    "scrub.forget_answers": "deletes answers whose retention is over",
    "monitoring.ship_predictions": "the same, after it moved answers to the lake",
}
"""Functions of the loop that change something and that no person asks for by name, with why."""

ENTRANCES = ("dags", "include/orchestration", "include/ui", "include/commands", "include/processes", "include/platform")
"""Who calls functions of the loop from outside."""


@cache
def definitions() -> dict[str, ast.AST]:
    """``module.name`` of every function and class at the top of a module of the loop."""
    defined = (ast.FunctionDef, ast.ClassDef)
    return {
        f"{path.stem}.{node.name}": node
        for path in modules("include/loop")
        for node in syntax(path).body
        if isinstance(node, defined)
    }


@cache
def imported(module: str) -> dict[str, str]:
    """Name → what of the loop it stands for: a function, or a module with a dot at its end."""
    names = {}
    for node in nodes(ROOT / "include" / "loop" / f"{module}.py"):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("include.loop"):
            inner = (node.module or "").removeprefix("include.loop").lstrip(".")
            for alias in node.names:
                names[alias.asname or alias.name] = f"{inner}.{alias.name}" if inner else f"{alias.name}."
    return names


def references(function: str) -> Iterator[str]:
    """What of the loop a function names, called or handed on."""
    module, known = function.split(".", maxsplit=1)[0], imported(function.split(".", maxsplit=1)[0])
    for node in ast.walk(definitions()[function]):
        if isinstance(node, ast.Name):
            yield known.get(node.id, f"{module}.{node.id}")
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            of = known.get(node.value.id, "")
            yield of + node.attr if of.endswith(".") else of


@cache
def reach(function: str) -> frozenset[str]:
    """The function and every other one of the loop that it comes to."""
    seen: set[str] = set()
    waiting = [function]
    while waiting:
        if (name := waiting.pop()) not in seen and name in definitions():
            seen.add(name)
            waiting += references(name)
    return frozenset(seen)


def changes(node: ast.AST) -> set[str]:
    """The calls of ``CHANGES`` in it."""
    calls = [ast.unparse(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)]
    return {change for call in calls for change in CHANGES if re.search(rf"(^|[._]){re.escape(change)}$", call)}


def named() -> set[str]:
    """Every function of the loop that something outside of it calls, by name or by import."""
    found = set()
    for path in modules(*ENTRANCES):
        for node in nodes(path):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in definitions():
                found.add(node.value)
        found |= set(direct(path))
    return found


def direct(path: Path) -> Iterator[str]:
    """Functions of the loop that a module outside of it imports, or takes from a module of the loop."""
    rooms: dict[str, str] = {}
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("include.loop"):
            inner = (node.module or "").removeprefix("include.loop").lstrip(".")
            for alias in node.names:
                if inner:
                    yield f"{inner}.{alias.name}"
                else:
                    rooms[alias.asname or alias.name] = alias.name
    for node in nodes(path):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in rooms:
            yield f"{rooms[node.value.id]}.{node.attr}"


def changing(function: str) -> set[str]:
    return {change for name in reach(function) for change in changes(definitions()[name])}


def test_what_changes_something_is_an_action_or_automatic() -> None:
    found = {name for name in named() if name in definitions() and changing(name)}
    undeclared = {name: sorted(changing(name)) for name in found - set(AUTOMATIC) if not done_by(name)}
    assert undeclared == {}, "add it to include/governance/actions.py, or say here why no person asks for it"
    assert set(AUTOMATIC) <= found, "these change nothing any more, or nobody calls them"


def test_every_change_is_looked_for_by_the_name_that_it_has() -> None:
    rooms = ("include/loop", "include/services", "include/data")
    written = {change for path in modules(*rooms) for change in changes(syntax(path))}
    assert sorted(set(CHANGES) - written) == []


def test_an_action_is_reached_by_the_registry_alone() -> None:
    """A task names its function, and ``bound`` asks the registry; whoever imports it goes beside."""
    actions = {action.function for action in ACTIONS.values()}
    beside = {place(path): sorted(actions & set(direct(path))) for path in modules(*ENTRANCES)}
    assert {file: names for file, names in beside.items() if names} == {}


def test_nobody_outside_of_loop_and_services_changes_something() -> None:
    beside = {place(path): changes(syntax(path)) for path in modules(*ENTRANCES)}
    assert {file: found for file, found in beside.items() if found} == {}


def test_every_action_is_a_function_of_the_loop_with_a_form_and_a_right() -> None:
    for action in ACTIONS.values():
        assert action.function in definitions(), action
        assert action.family in RIGHTS, action
        assert action.roles, action
        source = (ROOT / "dags" / f"{action.family}.py").read_text()
        forms = "".join(path.read_text() for path in modules("include/orchestration"))
        assert f'"{action.function}"' in source + forms, action
        if action.asked == "trigger":
            assert ("reason_param" in source) >= bool(action.reason), action
            assert ("confirm_param" in source) >= action.confirm, action


def test_the_reference_has_every_action() -> None:
    lines = (ROOT / "docs" / "reference" / "actions.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    assert rows == [row(name) for name in ACTIONS]


def row(name: str) -> str:
    action = ACTIONS[name]
    needs = ["a reason"] * bool(action.reason) + ["the use case's name in `confirm`"] * action.confirm
    fields = ", ".join(f"`{field}: {value}`" for field, value in action.fields.items())
    form = f"`{action.family}`" + (f" with {fields}" if fields else "")
    how = "trigger" if action.asked == "trigger" else "answer"
    roles = ", ".join(sorted(action.roles))
    return f"| `{name}` | {action.does} | {how} {form} | {roles} | {' and '.join(needs)} | {action.kind} |"


if __name__ == "__main__":  # the table of docs/reference/actions.md
    print("\n".join(row(name) for name in ACTIONS))
