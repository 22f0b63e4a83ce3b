"""Which keys the model server hides personal fields with, also when the state that names them is damaged."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include.contracts.pseudonyms import KeyRing
from include.formats import state_file
from include.formats.sealed_text import copy_of
from tests.unit.deployment.serving_code import served
from tests.unit.fakes.damage import KINDS, damage

DOOR = served("door")
KEYS = f"k01:{'a' * 20},k02:{'b' * 20}"
FIRST = KeyRing.parse(KEYS).until("k01")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first of two keys is in use."""
    monkeypatch.setenv("MOEBIUS_PSEUDONYM_KEYS", KEYS)
    state_file.write(tmp_path / "active_key", FIRST.note())
    return tmp_path


def hidden(door: Any) -> str:
    return door.hide({"tail": np.array(["N1"], dtype=object)})["tail"][0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_state_is_followed_from_its_copy(state: Path, kind: str) -> None:
    before = DOOR.Door(["tail"], str(state))
    damage(state / "active_key", kind)
    before.refresh()
    assert hidden(before) == hidden(DOOR.Door(["tail"], str(state))) == FIRST.token("N1")


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_good_one_the_key_before_stays_and_a_new_process_refuses(
    state: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(DOOR, "tell", told.append)
    door = DOOR.Door(["tail"], str(state))
    copy_of(state / "active_key").write_bytes(b"")
    damage(state / "active_key", kind)
    for _ in range(3):
        door.refresh()
    assert hidden(door) == FIRST.token("N1")
    assert len(told) <= 1, "told once, not five times a second"
    with pytest.raises(ValueError, match="active_key is damaged"):
        DOOR.Door(["tail"], str(state))


def test_a_key_that_is_another_one_by_now_is_refused(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOEBIUS_PSEUDONYM_KEYS", f"k01:{'a' * 19}")
    with pytest.raises(ValueError, match="is not the one that stored tokens were made with"):
        DOOR.Door(["tail"], str(state))


def test_a_note_of_an_earlier_release_is_followed(state: Path) -> None:
    state_file.write(state / "active_key", "k02")
    assert hidden(DOOR.Door(["tail"], str(state))).startswith("k02:")
