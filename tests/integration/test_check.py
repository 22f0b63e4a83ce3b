"""``moebius check`` in a copy of the project: what is wrong beside the specs, each fault of its own use case only."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from include.settings import ROOT

pytestmark = pytest.mark.integration
UNFINISHED = shutil.ignore_patterns("*.pyc.*")  # what another process compiles now; the rest is compiled
VERB = "import sys; sys.argv[0] = 'moebius'; from include.commands.main import run; run()"
KNOWN = """
from include.services import checking
from include.settings import load_settings
print(*(line for lines in checking.known(load_settings()).values() for line in lines), sep="\\n")
"""


class Project:
    """A copy of what a use case is made of, with a state of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("include", "feature_repo", "great_expectations", "docker"):
            shutil.copytree(ROOT / folder, root / folder, ignore=UNFINISHED)

    def change(self, file: str, old: str, new: str) -> None:
        text = (self.root / file).read_text()
        assert old in text
        (self.root / file).write_text(text.replace(old, new, 1))

    def run(self, code: str, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(self.root), "MOEBIUS_HOME": str(self.root / "var")}
        command = [sys.executable, "-W", "ignore", "-c", code, *words]
        return subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made, usecases = Project(tmp_path_factory.mktemp("project")), "include/usecases"
    made.change("feature_repo/digit_image.py", "digit_image_v1 =", "import nothing_there\ndigit_image_v1 =")
    suite = "great_expectations/expectations/digit_image_raw_scans.json"
    made.change(suite, "expect_column_values_to_be_unique", "expect_column_values_to_be_uniqe")
    made.change(f"{usecases}/aircraft_segment/features.py", "def build(", "def biuld(")
    made.change(f"{usecases}/flight_delay/usecase.yaml", "> 100\n", "> > 100\n")
    made.change(f"{usecases}/flight_delay/request.py", '"scheduled_speed"', '"scheduled_sped"')
    made.change(
        f"{usecases}/flight_arrivals/features.py",
        'scheduled.strftime("%Y-%m-%dT%H:%M")',
        'scheduled.hour().cast("string")',
    )
    features = made.root / usecases / "weather_forecast/features.py"
    features.write_text(features.read_text() + "\nraise KeyError('of olga@example.org')\n")
    return made


def test_every_kind_of_faulty_file_is_named_with_its_line_and_kept_for_the_pages(project: Project) -> None:
    checked = project.run(VERB, "check")
    lines = checked.stderr.splitlines()
    assert checked.returncode == 1
    for said in (
        "include/usecases/aircraft_segment/features.py:1: 'build' is not defined here; did you mean biuld?",
        "feature_repo/digit_image.py:8: cannot be imported: ModuleNotFoundError: No module named 'nothing_there'",
        "digit_image_raw_scans.json:14: 'expect_column_values_to_be_uniqe' is not an expectation; did you mean expect_",
        "flight_delay/request.py:1: on_request: 'scheduled_speed' is not a feature that it returns; did you mean",
        "include/usecases/flight_delay/usecase.yaml:206: rollout.abort.queries.0.query: is not PromQL: unexpected",
        "include/usecases/flight_arrivals/features.py:1: events cannot be computed by DuckDB: ",
        "include/usecases/weather_forecast/features.py:79: cannot be imported: KeyError",
    ):
        assert [line for line in lines if said in line], said
    assert len(lines) == 7
    assert "olga" not in checked.stderr
    assert project.run(KNOWN).stdout.splitlines() == lines, "pages and import errors show what the check found"
    project.change("include/usecases/weather_forecast/features.py", "\nraise KeyError", "\n# raise KeyError")
    assert len(project.run(KNOWN).stdout.splitlines()) == 6, "until the files change"


def test_a_use_case_that_is_not_there_is_named_with_the_nearest(project: Project) -> None:
    asked = project.run(VERB, "check", "flight_dely")
    assert asked.returncode == 1
    assert "'flight_dely' is not a use case; did you mean flight_delay?" in asked.stderr
