"""What is loaded before the forks is not loaded by them, and what changed is."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from include.orchestration import loaded_ahead
from include.settings import ROOT
from include.specification import loader
from include.specification.usecase import USECASES


def test_specs_are_read_before_the_forks_and_a_changed_one_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read, parse = list[str](), loader.parse_usecase
    for name in ("digit_image", "flight_delay"):
        shutil.copytree(USECASES / name, tmp_path / name)
    monkeypatch.setattr(loader, "USECASES", tmp_path)
    monkeypatch.setattr(loader, "parse_usecase", lambda path: (read.append(path.parent.name), parse(path))[1])
    loaded_ahead.load(())
    assert read == ["digit_image", "flight_delay"]
    assert [spec.name for spec in loader.usecases()] == read
    assert len(read) == 2, "a fork reads nothing that is as it was"
    spec = tmp_path / "digit_image" / "usecase.yaml"
    spec.write_text("name: [")
    assert [each.name for each in loader.usecases()] == ["flight_delay"]
    assert read[2:] == ["digit_image"]


SCRIPT = """
import sys
from pathlib import Path
from include.orchestration import loaded_ahead
loaded_ahead.load(loaded_ahead.OF_TASKS)
before = set(sys.modules)
from include.services.composition import Services
from include.settings import Settings
adapters = Services(Settings(home=Path(sys.argv[1]))).adapters
_ = adapters.tracker._client, adapters.feature_store, adapters.lake
print(sorted(set(sys.modules) - before))
"""


@pytest.mark.slow
def test_what_most_tasks_speak_with_is_loaded_before_the_forks(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
