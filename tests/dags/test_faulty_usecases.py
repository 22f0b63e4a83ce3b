"""A faulty spec takes its own DAGs away, says why among the import errors, and leaves every other DAG."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from include.settings import ROOT
from include.specification import loader

LISTING = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag("dags")
print(json.dumps({"dags": sorted(bag.dags), "errors": bag.import_errors}))
"""
FAULTS: dict[str, Callable[[Path], object]] = {
    "YAML syntax": lambda file: file.write_text(file.read_text().replace("task: binary", "task: [binary")),
    "unknown key": lambda file: file.write_text(file.read_text().replace("owner:", "ownr:")),
    "wrong type": lambda file: file.write_text(file.read_text().replace("resamples: 1000", "resamples: many")),
    "impossible value": lambda file: file.write_text(file.read_text().replace("confidence: 0.95", "confidence: 95")),
    "not a number": lambda file: file.write_text(file.read_text().replace("min_gain: 0.01", "min_gain: .nan")),
    "key twice": lambda file: file.write_text(file.read_text() + "\nowner: somebody\n"),
    "wrong encoding": lambda file: file.write_bytes(file.read_text().encode("utf-16")),
    "empty file": lambda file: file.write_text(""),
    "no spec": lambda file: file.unlink(),
    "a directory for a spec": lambda file: (file.unlink(), file.mkdir()),
    "another name": lambda file: file.write_text(file.read_text().replace("name: copied\n", "name: other\n")),
    "the name of another": lambda file: file.write_text(file.read_text().replace("name: copied", "name: flight_delay")),
    "a cron that no calendar has": lambda file: file.write_text(file.read_text().replace("0 6 1 * *", "0 6 31 2 *")),
}


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The spec of one use case more, in a copy of the use cases that is read in place of them."""
    usecases = tmp_path / "usecases"
    shutil.copytree(loader.USECASES, usecases, ignore=shutil.ignore_patterns("__pycache__"))
    file = usecases / "copied" / "usecase.yaml"
    shutil.copytree(usecases / "flight_delay", file.parent)
    file.write_text(file.read_text().replace("name: flight_delay\n", "name: copied\n"))
    monkeypatch.setattr(loader, "USECASES", usecases)
    return file


@pytest.mark.parametrize("fault", FAULTS)
def test_every_kind_of_fault_stops_its_own_use_case_only(fault: str, copied: Path) -> None:
    others = set(loader.specifications().good) - {"copied"}
    assert "copied" in loader.specifications().good
    FAULTS[fault](copied)
    good, faulty = loader.specifications()
    assert set(good) == others
    assert set(faulty) == {"copied"}
    assert all(f"{copied}:" in line for line in faulty["copied"].splitlines())
    assert {spec.name for spec in loader.usecases()} == others


def test_a_corrected_spec_is_used_again_by_the_same_process(copied: Path) -> None:
    text = copied.read_text()
    copied.write_text(text.replace("owner:", "ownr:"))
    assert "copied" not in loader.specifications().good
    copied.write_text(text)
    assert "copied" in loader.specifications().good


def test_what_an_interpreter_leaves_behind_is_no_use_case(copied: Path) -> None:
    shutil.rmtree(copied.parent)
    (copied.parent / "__pycache__").mkdir(parents=True)
    assert "copied" not in loader.specifications().faulty


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What Airflow makes of a copy of the project in which one spec has a fault in two lines."""
    import json

    root = tmp_path_factory.mktemp("project")
    for folder in ("dags", "include", "feature_repo", "great_expectations"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    file = root / "include/usecases/weather_forecast/usecase.yaml"
    file.write_text(file.read_text().replace("{hidden: 16", "{hiden: 16").replace("owner:", "ownr:"))
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LISTING], cwd=root, capture_output=True, text=True, check=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(root), "AIRFLOW_HOME": str(root / "airflow"), "TZ": "UTC"},
    )  # fmt: skip
    return json.loads(ran.stdout.splitlines()[-1])


def test_the_dags_of_the_others_stay_and_the_import_error_names_file_line_key_and_what_is_allowed(
    listing: dict,
) -> None:
    specs = loader.usecases()
    there = {dag.split(".")[0] for dag in listing["dags"]}
    assert there == {spec.name for spec in specs} - {"weather_forecast"}
    assert len([dag for dag in listing["dags"] if dag.startswith("flight_delay.")]) >= 20
    ((file, error),) = listing["errors"].items()
    assert file.endswith("specifications.py")
    assert "include/usecases/weather_forecast/usecase.yaml:" in error
    assert "'hiden' is not a parameter of torch_sequence; did you mean hidden? allowed: " in error
    assert "'ownr' is not a key of the spec; did you mean owner? allowed: " in error
