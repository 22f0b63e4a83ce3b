"""The other files of a use case, read without running them: modules, expectation suites, Feast definitions."""

import ast
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from include.contracts.quality import suite_file, suite_files
from include.specification.compliance import FOLDER, SUFFIX, TEXTS
from include.specification.connectors import OWN
from include.specification.loader import ROOT, place
from include.specification.usecase import UseCase
from include.specification.wording import not_among

Needed = Mapping[str, int | None]
"""What a module must have: name → positional arguments that it is called with (None: it is no function)."""
SUITES, DEFINITIONS = "great_expectations/expectations", "feature_repo"


def companion_faults(spec: UseCase, root: Path = ROOT) -> list[str]:
    """One line per fault: file, line, what is wrong, what is allowed."""
    looks = (_module_faults, _suite_faults, _definition_faults, _text_faults)
    return [fault for look in looks for fault in look(spec, root)]


def _needed(spec: UseCase) -> Mapping[str, Needed]:
    """The modules that the use case needs."""
    needed: dict[str, dict[str, int | None]] = {"features": {"process": 1, "build": 3}}
    if any(stream.computed for stream in spec.streams.values()):
        needed["features"] |= {"computed": 2}
    if any(feature.origin == "on_request" for feature in spec.features):
        needed["request"] = {"on_request": 1}
    if any(source.connector == OWN for source in spec.sources.values()):
        needed["source"] = {"read": 2}
    if spec.trainer.name == OWN:
        needed["model"] = {"TRAINER": None}
    return needed


def _module_faults(spec: UseCase, root: Path) -> Iterator[str]:
    if (root / "include" / "usecases" / f"{spec.name}.py").is_file():
        yield f"include/usecases/{spec.name}.py:1: has the name of a use case, and Python finds one of both; rename one"
    for module, names in _needed(spec).items():
        shown = f"include/usecases/{spec.name}/{module}.py"
        tree = _parsed(root / shown, shown)
        if isinstance(tree, str):
            yield tree
            continue
        yield from (f"{shown}:{line}: {fault}" for line, fault in _import_faults(tree, root))
        yield from (f"{shown}:{line}: {fault}" for line, fault in _name_faults(tree, names))


def _parsed(file: Path, shown: str) -> ast.Module | str:
    """The module, or why it is none."""
    try:
        return ast.parse(file.read_bytes(), shown)
    except SyntaxError as error:
        return f"{shown}:{error.lineno or 1}: is not Python: {error.msg}"
    except ValueError as error:
        return f"{shown}:1: is not Python: {error}"
    except (RecursionError, MemoryError):
        return f"{shown}:1: is nested too deep for Python"
    except OSError as error:
        return f"{shown}:1: cannot be read, and the use case needs it: {error.strerror}"


def _import_faults(tree: ast.Module, root: Path) -> Iterator[tuple[int, str]]:
    """Packages and modules of ours that do not exist; what a ``try`` imports may lack."""
    for node in tree.body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for name in names:
            ours = root / name.replace(".", "/")
            if name.startswith("include.") and not (ours.is_dir() or ours.with_suffix(".py").is_file()):
                yield node.lineno, f"imports {name}, which does not exist"
            elif find_spec(name.partition(".")[0]) is None:
                yield node.lineno, f"imports {name}, which is not installed"


def _name_faults(tree: ast.Module, names: Needed) -> Iterator[tuple[int, str]]:
    defined = {name: node for node in ast.walk(tree) for name in _defines(node)}
    if "*" in defined:
        return
    for name, arguments in names.items():
        if name not in defined:
            known = [n for n, node in defined.items() if isinstance(node, ast.FunctionDef) and not n.startswith("_")]
            near = not_among(name, known, "defined here").replace("allowed: ", "it defines: ")
            yield 1, near
        elif isinstance(node := defined[name], ast.FunctionDef) and arguments and not _takes(node.args, arguments):
            yield node.lineno, f"{name} is called with {arguments} arguments, which it cannot take"


def _defines(node: ast.AST) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _takes(arguments: ast.arguments, count: int) -> bool:
    positional = len(arguments.posonlyargs) + len(arguments.args)
    return positional - len(arguments.defaults) <= count and (count <= positional or arguments.vararg is not None)


def _suite_faults(spec: UseCase, root: Path) -> Iterator[str]:
    """Every table that passes a gate has a suite, and each suite is one."""
    needed = {suite_file(spec.name, "raw", table) for table in spec.sources}
    needed |= {suite_file(spec.name, "features", table) for table in ("events", *spec.feature_views)}
    there = {file.name for file in suite_files(root / SUITES, spec.name)}
    for name in sorted(needed | there):
        shown = f"{SUITES}/{name}"
        if name not in there:
            yield f"{shown}:1: is missing; every table that passes a gate needs an expectation suite"
        elif fault := _suite_fault(root / shown):
            yield f"{shown}:{fault}"


def _suite_fault(file: Path) -> str:
    """Line and words, or ''."""
    try:
        suite = json.loads(file.read_bytes())
    except json.JSONDecodeError as error:
        return f"{error.lineno}: is not JSON: {error.msg}"
    except (OSError, ValueError, RecursionError) as error:
        return f"1: cannot be read as JSON ({type(error).__name__})"
    expectations = suite.get("expectations") if isinstance(suite, dict) else None
    if not isinstance(expectations, list):
        return "1: has no list of expectations"
    for number, expectation in enumerate(expectations):
        keys = expectation if isinstance(expectation, dict) else {}
        if lacking := [key for key in ("id", "type", "kwargs", "meta") if key not in keys]:
            return f"1: expectations.{number}: lacks {', '.join(lacking)}"
    return ""


def _definition_faults(spec: UseCase, root: Path) -> Iterator[str]:
    """The spec's feature service and views are defined in ``feature_repo``, by a name that can be read there."""
    file = f"{DEFINITIONS}/{spec.name}.py"
    if (root / file).is_file() and isinstance(fault := _parsed(root / file, file), str):
        yield fault
        return
    there = (path for path in sorted((root / DEFINITIONS).glob("*.py")) if path.is_file())  # no editor's dead link
    files = [(path, path.stat().st_mtime_ns) for path in there]
    services, views = _together(files, "FeatureService"), _together(files, "FeatureView")
    if services is not None and spec.feature_service not in services:
        text = not_among(spec.feature_service, sorted(services), f"a feature service of {DEFINITIONS}")
        yield f"{place(spec, 'feature_service')}: {text}"
    for view in spec.feature_views if views is not None else ():
        if view not in (views or ()):
            text = not_among(view, sorted(views or ()), f"a feature view of {DEFINITIONS}")
            yield f"{place(spec, f'feature_views.{view}')}: {text}"


def _text_faults(spec: UseCase, root: Path) -> Iterator[str]:
    """What is beside the spec for its evidence bundle: one text for each key, which the spec does not say too."""
    folder = root / "include" / "usecases" / spec.name / FOLDER
    allowed = [f"{key}{SUFFIX}" for key in TEXTS]
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        shown = f"include/usecases/{spec.name}/{FOLDER}/{file.name}"
        if file.name not in allowed or not file.is_file():
            yield f"{shown}:1: {not_among(file.name, allowed, 'a text of compliance')}"
        elif not file.read_bytes().decode(errors="ignore").strip():
            yield f"{shown}:1: has no text in UTF-8; write the text, or delete the file"
        elif spec.compliance and getattr(spec.compliance, file.stem) is not None:
            yield f"{shown}:1: compliance.{file.stem} in usecase.yaml says it too; keep one of both"


def _together(files: list[tuple[Path, int]], kind: str) -> set[str] | None:
    names = [_named(path, version, kind) for path, version in files]
    return None if None in names else {name for found in names if found for name in found}


@lru_cache(maxsize=4096)
def _named(path: Path, _version: int, kind: str) -> frozenset[str] | None:
    """The names of the objects of a kind in a file; None when one is not written as a plain text."""
    tree, names = _parsed(path, path.name), set()
    for node in ast.walk(tree) if isinstance(tree, ast.Module) else ():
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == kind:
            given = [k.value for k in node.keywords if k.arg == "name"] or node.args[:1]
            if not given or not isinstance(given[0], ast.Constant):
                return None
            names.add(str(given[0].value))
    return frozenset(names)
