"""A module of a use case that cannot be used is named with its file and line, whatever it raises."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import include.usecases
from include.errors import SpecError
from include.specification import modules

TABLE = (
    "import ibis\nt = ibis.table({{'{1}': 'string'}}, name='t')\ndef process(raw): return {{'events': t, '{0}': t}}\n"
)
FAULTS = {
    "syntax": ("x = 1\ndef process(raw:\n", r"features.py:2: cannot be imported: SyntaxError: "),
    "import": ("\n\nimport pandaz\n", r":3: cannot be imported: ModuleNotFoundError: No module named 'pandaz'"),
    "name": ("from ibis import tabel\n", r":1: cannot be imported: ImportError: cannot import name 'tabel'"),
    "raises": ("\nraise ValueError('of olga@example.org')\n", r":2: cannot be imported: ValueError$"),
    "divides": ("x = 0\ny = 1 / x\n", r":2: cannot be imported: ZeroDivisionError$"),
    "exits": ("import sys\nsys.exit(1)\n", r":2: cannot be imported: SystemExit$"),
    "lacks": ("def proces(raw): return {}\n", r"features.py:1: has no process"),
    "list": ("def process(raw): return []\n", r"process returns a list; it must return a dict of tables by name"),
    "nothing": ("def process(raw): pass\n", r"process returns a NoneType"),
    "less": ("def process(raw): return {}\n", r"process does not return the tables \['events'\]; it returns \[\]"),
    "no tables": ("def process(raw): return {'events': 1}\n", r"process returns for \['events'\] what is not a table"),
    "period": (TABLE.format("events", "period"), "process returns events with the column 'period', which is reserved"),
    "case": (TABLE.format("events", "K': 'string', 'k"), "the column 'k', which differs from 'K' by case only"),
    "ours": (TABLE.format("events", "__row"), "the column '__row', which begins with two underscores"),
    "records": (TABLE.format("figures", "x"), "returns the table 'figures', which is reserved"),
    "missing": (None, r"features.py:1: cannot be imported: ModuleNotFoundError"),
}


@pytest.fixture
def usecases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(modules, "USECASES", tmp_path)
    monkeypatch.setattr(include.usecases, "__path__", [str(tmp_path)])
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("include.usecases.faulty")]:
        del sys.modules[name]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_features_module_that_cannot_be_used_is_named_with_file_and_line(fault: str, usecases: Path) -> None:
    code, said = FAULTS[fault]
    (usecases / "faulty").mkdir()
    (usecases / "faulty" / "__init__.py").write_text("")
    if code is not None:
        (usecases / "faulty" / "features.py").write_text(code)
    with pytest.raises(SpecError, match=f"include/usecases/faulty/.*{said}") as caught:
        modules.tables("faulty", "process", ["events"], {})
    assert "olga" not in str(caught.value)


@pytest.mark.parametrize(("module", "name"), [("request", "on_request"), ("source", "read"), ("model", "TRAINER")])
def test_every_module_of_a_use_case_is_read_the_same_way(module: str, name: str, usecases: Path) -> None:
    (usecases / "faulty").mkdir()
    (usecases / "faulty" / f"{module}.py").write_text("\n\nimport nothing_there\n")
    with pytest.raises(SpecError, match=rf"include/usecases/faulty/{module}\.py:3: .*nothing_there"):
        modules.function("faulty", module, name)
