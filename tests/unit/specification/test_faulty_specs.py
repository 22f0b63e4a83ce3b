"""A faulty spec takes its own use case away, says why, and leaves every other one."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.specification import loader

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


@pytest.fixture(scope="module")
def usecases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all use cases; each spec is parsed once."""
    place = tmp_path_factory.mktemp("project") / "usecases"
    return shutil.copytree(loader.USECASES, place, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture
def copied(usecases: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The spec of one use case more, in a copy of the use cases that is read in place of them."""
    file = usecases / "copied" / "usecase.yaml"
    shutil.copytree(usecases / "flight_delay", file.parent)
    file.write_text(file.read_text().replace("name: flight_delay\n", "name: copied\n"))
    monkeypatch.setattr(loader, "USECASES", usecases)
    yield file
    shutil.rmtree(file.parent)


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
