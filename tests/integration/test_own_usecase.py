"""docs/guides/use_cases.md followed word by word in a copy of the project: nothing but the new files is needed."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from include.settings import ROOT

pytestmark = pytest.mark.integration
NAME = "rain_soon"
TUTORIAL = "docs/guides/use_cases.md"
COPIED = ("include", "dags", "plugins", "feature_repo", "great_expectations", "triton_models", "tests", "docs")
FILES = ("pyproject.toml", "README.md", "requirements.txt", "constraints.txt")
MAY_BE_TOUCHED = (f"include/usecases/{NAME}/", f"feature_repo/{NAME}.py", f"great_expectations/expectations/{NAME}_")
SUITES = "great_expectations/expectations/"
FILE = re.compile(r"`([\w/]+\.(?:yaml|py|json))`")


def files_of(tutorial: str) -> dict[str, str]:
    """Path → content of every fenced file, named by the heading or by the line of its own before it."""
    found, path, inside = {}, "", None
    for line in tutorial.splitlines():
        if line.startswith("```"):
            if inside is not None and path:
                found[path], path = "\n".join(inside) + "\n", ""
            inside = [] if inside is None else None
        elif inside is not None:
            inside.append(line)
        elif (named := FILE.search(line)) and (line.startswith("#") or FILE.fullmatch(line)):
            path = named[1] if "/" in named[1] else SUITES + named[1]
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the use case of the tutorial."""
    copy = tmp_path_factory.mktemp("project")
    for name in COPIED:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("*.pyc.*", "uncommitted"))
    for name in FILES:
        shutil.copy(ROOT / name, copy / name)
    added = files_of((copy / TUTORIAL).read_text())
    assert all(path.startswith(MAY_BE_TOUCHED) for path in added), sorted(added)
    assert len(added) == 7
    for path, content in added.items():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_text(content)
    (copy / "include/usecases" / NAME / "__init__.py").touch()
    return copy


def run(project: Path, *command: str, seconds: int = 1800) -> str:
    """Run a command in the copy, where nothing of this checkout is on the path; its output."""
    own = {"PYTHONPATH": str(project), "MOEBIUS_HOME": str(project / "var"), "AIRFLOW_HOME": str(project / "airflow")}
    around = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        command, cwd=project, env=around | own, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def test_its_dags_appear_and_the_structure_tests_hold(project: Path) -> None:
    run(project, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/dags")
    tests = ["tests/architecture", "-k", f"{NAME} or use_case or shadow"]
    run(project, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)


def test_its_code_is_clean(project: Path) -> None:
    tool = Path(sys.executable).with_name("ruff")
    ours = [f"include/usecases/{NAME}", f"feature_repo/{NAME}.py"]
    run(project, str(tool), "check", "--no-cache", *ours)
    run(project, str(tool), "format", "--no-cache", "--check", *ours)
    run(project, str(Path(sys.executable).with_name("lint-imports")), "--no-cache")


PLAY = f"""
import json, sys
from pathlib import Path
import include
assert Path(include.__file__).is_relative_to(Path.cwd()), include.__file__
from tests.integration.usecase_play import play
print(json.dumps(play({NAME!r}, Path("var").absolute())))
"""


def test_it_publishes_trains_and_is_judged(project: Path) -> None:
    told = json.loads(run(project, sys.executable, "-W", "ignore", "-c", PLAY).splitlines()[-1])
    assert told["published"] == ["2013-01", "2013-02", "2013-03"]
    assert told["metrics"]["test_roc_auc"] > 0.75
    assert told["test_rows"] > 2000
    assert told["decision"] in ("promote", "canary"), told["reason"]
    assert told["gaps"] == [], "or the run of its catalog is red"
    assert {document for document in told["documents"] if document.startswith("model_card")}
