"""What is loaded before the forks is not loaded by them, and what changed is."""

import shutil
from pathlib import Path

import pytest

from include.orchestration import loaded_ahead
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
