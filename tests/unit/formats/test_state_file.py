"""Small state that was damaged: the answer is the one that was written, or an error that names the file."""

import errno
import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import DamagedStateError
from include.formats import sealed_text, state_file
from tests.unit.fakes.damage import KINDS, MISSING, damage

TEXTS = {
    "object.json": json.dumps({"generation": 3, "weights": {"r0001": 1.0}, "why": "größer"}, indent=1),
    "list.json": '["a", "b", "c"]',
    "log.jsonl": '{"name": "one"}\n{"name": "two"}\n',
    "active_key": "k01 0123456789abcdef",
}
NAMES = st.sampled_from(sorted(TEXTS))


@pytest.fixture(params=TEXTS)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    state_file.write(path, TEXTS[path.name])
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_from_its_copy_and_said(file: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    damage(file, kind)
    with caplog.at_level(logging.ERROR):
        assert state_file.read(file) == state_file.read(file) == TEXTS[file.name]
    assert [record.message.count(str(file)) for record in caplog.records] == [1]
    state_file.restore(file)
    assert state_file.look(file) == sealed_text.Kept(TEXTS[file.name], True, "")


@pytest.mark.parametrize("kind", KINDS)
def test_without_its_copy_it_is_an_error_that_names_the_file_and_the_way_out(file: Path, kind: str) -> None:
    sealed_text.copy_of(file).write_bytes(b"")
    damage(file, kind)
    if kind == MISSING:
        sealed_text.copy_of(file).unlink()
        with pytest.raises(FileNotFoundError):
            state_file.read(file)
    else:
        with pytest.raises(DamagedStateError, match=rf"{file} is damaged: .*restore the file from a backup") as raised:
            state_file.read(file)
        assert f"`moebius doctor --accept {file}`" in str(raised.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_copy_changes_nothing(file: Path, kind: str) -> None:
    damage(sealed_text.copy_of(file), kind)
    assert state_file.read(file) == TEXTS[file.name]


@given(NAMES, st.data())
def test_no_changed_bit_and_no_cut_goes_unnoticed(name: str, data: st.DataObject) -> None:
    sealed = sealed_text.seal(TEXTS[name]).encode()
    at, bit = data.draw(st.integers(0, len(sealed) - 1)), data.draw(st.integers(0, 7))
    flipped = sealed[:at] + bytes([sealed[at] ^ 1 << bit]) + sealed[at + 1 :]
    assert _read(flipped) in (None, TEXTS[name])
    assert _read(sealed[:at]) != TEXTS[name]


def _read(content: bytes) -> str | None:
    """What the bytes say with their checksum; None when they are refused."""
    try:
        return sealed_text.unseal(content.decode())
    except (UnicodeDecodeError, sealed_text.DamagedError):
        return None


@pytest.mark.slow
@given(st.one_of(st.text(), st.recursive(st.dictionaries(st.text(), st.integers()), st.lists).map(json.dumps)))
def test_every_text_comes_back_as_it_was(text: str) -> None:
    text = text.encode(errors="replace").decode()
    assert sealed_text.unseal(sealed_text.seal(text)) == text


@pytest.mark.parametrize("indent", [None, 1, 2])
def test_an_object_stays_an_object_for_other_programs(tmp_path: Path, indent: int | None) -> None:
    content = {"a": 1, "b": {"c": []}}
    state_file.write(tmp_path / "x.json", json.dumps(content, indent=indent))
    kept = json.loads((tmp_path / "x.json").read_text())
    assert kept.pop("checksum").startswith("1:")
    assert kept == content


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_of_an_earlier_release_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(TEXTS[name])
    assert state_file.look(tmp_path / name) == sealed_text.Kept(TEXTS[name], False, "")


@pytest.mark.parametrize(
    ("name", "content"), [("x.json", '{"a": 1'), ("x.jsonl", '{"a": 1}\n{"b"'), ("x", ""), ("x", "\0")]
)
def test_a_damaged_one_of_an_earlier_release_is_an_error(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DamagedStateError, match="there is no copy of it"):
        state_file.read(tmp_path / name)


def test_an_object_that_another_program_wrote_counts(tmp_path: Path) -> None:
    state_file.write(tmp_path / "x.json", '{"a": 1}')
    (tmp_path / "x.json").write_text('{"a": 2}')
    assert state_file.read(tmp_path / "x.json") == '{"a": 2}'


def test_what_a_newer_release_wrote_is_not_guessed_at(tmp_path: Path) -> None:
    newer = sealed_text.seal('{"a": 1}').replace('"1:', '"2:')
    (tmp_path / "x.json").write_text(newer)
    with pytest.raises(DamagedStateError, match="a newer release of Moebius wrote it"):
        state_file.read(tmp_path / "x.json")


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_file_is_what_its_copy_says(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "keys"
    state_file.write(path, "k01:secret\n", plain=True, private=True)
    assert (path.read_text(), oct(path.stat().st_mode)[-3:]) == ("k01:secret\n", "600")
    assert oct(sealed_text.copy_of(path).stat().st_mode)[-3:] == "600"
    damage(path, kind)
    assert state_file.read_plain(path) == "k01:secret\n"
    state_file.restore(path, plain=True, private=True)
    assert path.read_text() == "k01:secret\n"


@pytest.mark.parametrize("stop", range(2))
def test_a_kill_while_writing_leaves_the_old_text_or_the_new_one(
    tmp_path: Path, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, done = tmp_path / "x.json", []
    state_file.write(path, '{"a": 1}')
    replace: Callable[..., Path] = Path.replace

    def killed(aside: Path, target: Path) -> None:
        if len(done) == stop:
            raise KeyboardInterrupt
        done.append(replace(aside, target))

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        state_file.write(path, '{"a": 2}')
    assert state_file.look(path) == sealed_text.Kept('{"a": 1}', True, "")


@pytest.mark.parametrize("taken", range(2))
def test_a_disk_that_does_not_take_both_keeps_file_and_copy(
    tmp_path: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, done = tmp_path / "x.json", []
    state_file.write(path, '{"a": 1}')
    before = {file.name: file.read_text() for file in tmp_path.iterdir()}
    write_text: Callable[..., int] = Path.write_text

    def full(file: Path, text: str) -> int:
        if len(done) == taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        done.append(file)
        return write_text(file, text)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        state_file.write(path, '{"a": 2}')
    monkeypatch.undo()
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == before


def test_deleted_is_deleted(tmp_path: Path) -> None:
    state_file.write(tmp_path / "x.json", "{}")
    state_file.delete(tmp_path / "x.json")
    assert list(tmp_path.iterdir()) == []
