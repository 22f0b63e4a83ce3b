"""Whose a state root is, and which version it has."""

from pathlib import Path

import pytest

from include.errors import SettingsError
from include.platform import state
from include.settings import Settings


def test_a_new_state_root_is_marked_and_accepted_again(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "var")
    state.claim(settings)
    state.claim(settings)
    assert (settings.home / "version").read_text() == state.VERSION


def test_what_is_there_before_the_first_start_is_no_state(tmp_path: Path) -> None:
    (tmp_path / "gateway").mkdir()
    state.claim(Settings(home=tmp_path))


@pytest.mark.parametrize("older", ["environment", "lake"])
def test_state_without_a_version_is_refused_and_left_alone(tmp_path: Path, older: str) -> None:
    settings = Settings(home=tmp_path)
    if older == "lake":
        settings.lake.mkdir()
    else:
        (tmp_path / older).write_text("prod")
    before = sorted(tmp_path.iterdir())
    words = rf"{tmp_path} holds state of version before 1, .* needs version {state.VERSION}: .*`make clean`, or"
    with pytest.raises(SettingsError, match=words):
        state.claim(settings)
    assert sorted(tmp_path.iterdir()) == before


def test_state_of_another_version_is_refused(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    state.claim(settings)
    (tmp_path / "version").write_text("0.9\n")
    with pytest.raises(SettingsError, match=r"holds state of version 0\.9, and this release of Moebius needs"):
        state.claim(settings)


def test_the_state_of_another_environment_is_refused(tmp_path: Path) -> None:
    state.claim(Settings(home=tmp_path, environment="prod"))
    with pytest.raises(SettingsError, match="is the state of prod, and this is dev"):
        state.claim(Settings(home=tmp_path, environment="dev"))
