"""The command line: what it offers, what it says when something is wrong, and that help costs no heavy import."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from typer.main import get_command

from include.commands.main import app, run
from include.settings import ROOT
from tests.architecture.test_layout import HEAVY

VERBS = {
    "up", "down", "status", "setup", "demo", "doctor", "read", "export", "reproduce", "gateway", "subject", "catalog",
    "bench", "check", "release", "audit", "access", "compliance", "predictions",
}  # fmt: skip


def commands() -> Iterator[tuple[str, ...]]:
    """The words of every command and group."""
    for verb, command in get_command(app).commands.items():
        yield (verb,)
        yield from ((verb, name) for name in getattr(command, "commands", {}))


def moebius(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Call the console script; the exit code."""
    monkeypatch.setattr(sys, "argv", ["moebius", *words])
    with pytest.raises(SystemExit) as ended:
        run()
    return int(ended.value.code or 0)


def test_the_verbs_are_the_agreed_ones() -> None:
    assert {words[0] for words in commands()} == VERBS


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_command_explains_itself(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert moebius(monkeypatch, *words, "--help") == 0
    usage, sentence, *_ = (line.strip() for line in capsys.readouterr().out.splitlines() if line.strip())
    assert usage.startswith(f"Usage: moebius {' '.join(words)}")
    assert re.match(r"[A-Z]\w+ ", sentence)


def test_an_error_is_one_line_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert moebius(monkeypatch, "read", "no_such_case.events", "viewer") == 1
    shown = capsys.readouterr()
    assert shown.err.startswith("SpecError: no use case 'no_such_case'; there are: ")
    assert shown.err.count("\n") == 1
    assert shown.out == ""


def test_what_cannot_be_reproduced_is_neither_the_same_nor_another(monkeypatch: pytest.MonkeyPatch) -> None:
    assert moebius(monkeypatch, "reproduce", "no_such_case/1") == 2


@pytest.mark.parametrize("words", [("read", "events", "viewer"), ("reproduce", "my_case"), ("gateway", "open")])
def test_a_wrong_word_is_refused_with_the_usage(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert moebius(monkeypatch, *words) == 2
    assert f"Usage: moebius {words[0]}" in capsys.readouterr().err


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, include.commands.main; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not (HEAVY | {"airflow", "pydantic"}) & set(loaded.split())


def test_the_console_script_of_the_project_is_this_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, _, name = project["scripts"]["moebius"].partition(":")
    assert getattr(import_module(module), name) is run


@pytest.mark.parametrize("words", [("status",), ("audit", "search"), ("read", "flight_delay.events", "viewer")])
@pytest.mark.parametrize("setting", ["HOME", "AUDIT_CHECKPOINTS"])
def test_a_state_root_that_cannot_be_used_is_one_line(words: tuple[str, ...], setting: str, tmp_path: Path) -> None:
    """Read by a process of its own: the settings are those of a process."""
    (tmp_path / "file").write_text("")
    places = {"MOEBIUS_HOME": str(tmp_path / "home"), f"MOEBIUS_{setting}": str(tmp_path / "file")}
    code = "import sys; from include.commands.main import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, env={**os.environ, **places},
        check=False,
    )  # fmt: skip
    if done.returncode:
        assert done.stderr.count("\n") == 1, done.stderr
        assert "Traceback" not in done.stderr
    if setting == "HOME" and words[0] == "status":
        assert f"SettingsError: MOEBIUS_HOME='{tmp_path / 'file'}' cannot be used: " in done.stderr


def test_a_table_is_named_by_its_last_word(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert moebius(monkeypatch, "read", "../../etc.events", "viewer") == 1
    assert "no use case '../../etc'" in capsys.readouterr().err


def test_no_column_of_the_status_vanishes_in_a_narrow_terminal(tmp_path: Path) -> None:
    place = {"MOEBIUS_HOME": str(tmp_path / "home"), "COLUMNS": "40"}
    code = "import sys; from include.commands.main import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", code, "status"], cwd=ROOT, capture_output=True, text=True, env={**os.environ, **place},
        check=True,
    )  # fmt: skip
    rows = [line for line in done.stdout.splitlines() if line.startswith("│")]
    assert [line for line in rows if "redis" in line and "not" in line]
    assert all(len(line) <= 40 for line in rows)
