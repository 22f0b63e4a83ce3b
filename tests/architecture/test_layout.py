"""The shape of the tree: what import-linter cannot see."""

import ast
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, modules, nodes, place, syntax

BANNED_NAMES = {"utils", "helpers", "common", "base", "misc", "manager"}
HEAVY = {
    "duckdb", "deltalake", "feast", "great_expectations", "ibis", "mlflow", "numpy", "onnx", "onnxruntime", "optuna",
    "pandas", "pyarrow", "scipy", "sklearn", "torch", "tritonclient", "xgboost",
}  # fmt: skip
OURS = {path.name for path in (ROOT / "include").iterdir()}


def imports(tree: ast.AST) -> set[str]:
    """Dotted names that the tree imports."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def top_level_imports(path: Path) -> set[str]:
    body = [n for n in syntax(path).body if isinstance(n, ast.Import | ast.ImportFrom)]
    return imports(ast.Module(body=body, type_ignores=[]))


def test_no_module_has_a_name_that_says_nothing() -> None:
    everywhere = modules("include", "dags", "plugins", "feature_repo", "triton_models")
    assert not [place(path) for path in everywhere if path.stem in BANNED_NAMES]


ONE_FILE = {"include/adapters/audit_log/verify_audit.py"}
"""An auditor copies this one away and runs it without the rest."""


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    sources = modules("include", "dags", "plugins", "feature_repo", "triton_models")
    long = {place(path) for path in sources if len(path.read_text().splitlines()) > 400}
    assert long == ONE_FILE, "it has two subjects: move one into a module of its own"


def test_contracts_of_imports_name_every_room() -> None:
    """Only the contract of layers is exhaustive by itself."""
    rooms = {f"include.{path.stem}" for path in (ROOT / "include").iterdir() if not path.name.startswith("__")}
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    sources = {each["name"]: set(each.get("source_modules", ())) for each in contracts}
    assert rooms - sources["vendor SDKs are imported by adapters only"] == {"include.adapters"}
    exempt = {"include.orchestration", "include.ui"}
    assert rooms - sources["Airflow is imported by orchestration and pages only"] == exempt


def test_no_name_is_taken_for_a_test() -> None:
    """By pytest, or by an assistant that looks for the tests of a module."""
    sources = modules("include", "dags", "plugins", "triton_models")
    assert not [place(path) for path in sources if re.match(r"test_|.*_test$|test$", path.stem)]
    defined = [(path, n) for path in sources for n in nodes(path) if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    assert not [(place(path), node.name) for path, node in defined if re.match(r"test(_|$)|Test", node.name)]


NO_FAMILY = {"specifications"}
"""DAG files that make no DAG: this one shows the faulty specs among the import errors."""


@pytest.mark.parametrize("path", modules("dags"), ids=lambda p: p.name)
def test_a_dag_file_only_wires(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= 120, "a DAG file has at most 120 lines; logic belongs into include/loop"
    heavy = {name for name in top_level_imports(path) if name.split(".")[0] in HEAVY}
    assert not heavy, f"imported at DAG parse time: {heavy}"
    assert ast.get_docstring(syntax(path)), "the module docstring is the runbook"
    if path.stem not in NO_FAMILY:
        assert "dag_family(" in source, "it makes the docstring the runbook"


def test_the_loop_has_a_module_per_dag_family() -> None:
    parts = {"rollout", "refit", "approval", "recalibration"}  # of deployment, evaluation and training
    families = {path.stem for path in modules("dags")} - NO_FAMILY | parts
    assert {path.stem for path in modules("include/loop")} - {"__init__"} == families


@pytest.mark.parametrize("path", modules("plugins"), ids=lambda p: p.name)
def test_a_plugin_file_only_registers(path: Path) -> None:
    assert path.parent == ROOT / "plugins", "Airflow registers every module below plugins/ under its bare name"
    assert importlib.util.find_spec(path.stem) is None or path.stem not in {"mlflow", "feast", "docker"}
    allowed = ("airflow", "include.orchestration", "include.ui")
    assert all(name.startswith(allowed) for name in imports(syntax(path)))


def test_one_module_reads_the_environment() -> None:
    readers = [place(path) for path in modules("include") if re.search(r"os\.environ|getenv", path.read_text())]
    assert readers == ["include/process_environment.py"], "ask include.settings, or that module"


def test_only_adapters_and_the_supervisor_lock_files() -> None:
    """Steps take locks as an argument (``include/ports/state.py``), so that several machines can share them.

    The local executor's workers are processes of its own machine.
    """
    others = [path for path in modules("include", "dags", "plugins") if ROOT / "include/adapters" not in path.parents]
    lockers = [place(path) for path in others if {"fcntl", "filelock"} & imports(syntax(path))]
    supervision = ["include/platform/holder.py", "include/platform/supervisor.py"]
    assert lockers == ["include/orchestration/claims.py", *supervision]


@pytest.mark.parametrize("path", modules("feature_repo"), ids=lambda p: p.name)
def test_feature_definitions_import_feast_only(path: Path) -> None:
    foreign = {n for n in imports(syntax(path)) if n.split(".")[0] not in {"feast", "datetime", "os", "pathlib"}}
    assert not foreign


@pytest.mark.parametrize("path", modules("triton_models"), ids=lambda p: str(p.relative_to(ROOT)))
def test_serving_code_knows_nothing_of_the_rest(path: Path) -> None:
    assert not {n for n in imports(syntax(path)) if n.split(".")[0] in {"include", "airflow", "feast", "mlflow"}}


@pytest.mark.parametrize("path", modules("include/usecases"), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_use_case_knows_records_and_errors_only(path: Path) -> None:
    inside = {n for n in imports(syntax(path)) if n.startswith("include.")}
    known = ("include.contracts", "include.errors", "include.specification", "include.usecases")
    assert all(n.startswith(known) for n in inside), inside


@pytest.mark.parametrize("name", ["great_expectations", "docker", "mlflow", "feast"])
def test_folders_do_not_shadow_packages(name: str) -> None:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    assert "site-packages" in spec.origin
    assert not (ROOT / name / "__init__.py").exists()


def test_constraints_lock_every_requirement() -> None:
    locked = {line.split("==")[0].lower().replace("_", "-") for line in _lines("constraints.txt")}
    for line in _lines("requirements.txt"):
        name, version = line.split("==")
        bare = name.split("[")[0].lower().replace("_", "-")
        assert bare in locked, f"{bare} is not in constraints.txt"
        assert f"{bare}=={version}" in {x.lower().replace("_", "-") for x in _lines("constraints.txt")}


def _lines(name: str) -> list[str]:
    lines = (line.strip() for line in (ROOT / name).read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("room", ["integration", "e2e"])
def test_a_test_carries_the_mark_of_its_room(room: str) -> None:
    """``make integration`` and ``make e2e`` choose by it."""
    unmarked = [p.name for p in (ROOT / "tests" / room).glob("test_*.py") if f"pytest.mark.{room}" not in p.read_text()]
    assert not unmarked


def test_every_ignored_warning_has_a_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    filters = tomllib.loads(text)["tool"]["pytest"]["ini_options"]["filterwarnings"]
    block = text.split("filterwarnings = [", 1)[1].split("\n]", 1)[0].splitlines()
    ignored = [i for i, line in enumerate(block) if '"ignore' in line]
    assert filters[0] == "error"
    assert all("#" in block[i] or block[i - 1].strip().startswith("#") for i in ignored)


USECASES = sorted(path.parent.name for path in (ROOT / "include/usecases").glob("*/usecase.yaml"))


def test_no_code_names_a_use_case() -> None:
    """Adding one must need no change outside its own places, so nothing else may know one by name."""
    sources = modules("include", "dags", "plugins", "triton_models")
    assert not {place(path): named for path in sources if (named := _use_cases_named(path))}


def _use_cases_named(path: Path) -> list[str]:
    parts = path.relative_to(ROOT).parts
    own = parts[2] if parts[:2] == ("include", "usecases") and len(parts) > 3 else None
    names = [name for name in USECASES if name != own and parts[1] != "demo"]
    return [name for name in names for text in _literals(path) if name in text]


def _literals(path: Path) -> set[str]:
    """Texts in the code; a text that stands by itself is a docstring, which may give examples."""
    texts = {n.value for n in nodes(path) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    alone = [n.value for n in nodes(path) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)]
    return texts - {constant.value for constant in alone}


def test_no_copy_takes_over_the_mode_of_its_source() -> None:
    """State is readable by its owner only; a copied mode would undo that, the umask does not."""
    keeps_mode = re.compile(r"shutil\.(?:copy2?|copytree|copymode|copystat)\(")
    sources = modules("include", "dags", "plugins", "triton_models")
    assert not [place(path) for path in sources if keeps_mode.search(path.read_text())], "use shutil.copyfile"


def test_a_client_of_http_says_whether_it_needs_certificates() -> None:
    """Without a word every client loads them, 30 to 140 ms of CPU, as the keeper did several times a second.

    A collection makes one client, whose pages may be elsewhere.
    """
    makes = {f"httpx.{name}" for name in ("get", "post", "put", "delete", "request", "stream", "Client", "AsyncClient")}
    silent = [
        place(path)
        for path in modules("include", "plugins")
        for call in nodes(path)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) in makes
        and "verify" not in {k.arg for k in call.keywords}
    ]
    assert silent == ["include/adapters/http_source.py"]
