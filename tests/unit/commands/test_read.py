"""``moebius read``: what is stored is shown as it is, at every width, on a terminal and on a pipe."""

import csv
import io
import json
import os
import pty
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pyarrow as pa
import pytest

from include.commands import rows_shown
from include.errors import AccessError, DataError
from include.loop.export import read_as
from include.services.composition import Services
from include.specification.loader import load_usecase
from tests.unit.fakes.adapters import services_in

SPEC = load_usecase("flight_delay")
STORED = ["[/red]", "[x]", "\x1b[31mred", "\u202eabc", "a|b", "한국어", None]
KEYS = "k01:a-secret-of-sixteen-and-more"


def stored(width: int = 2) -> pa.Table:
    return pa.table({"value": STORED, **{f"column_{i}": [f"{i} of a row"] * len(STORED) for i in range(width)}})


def printed(capsys: pytest.CaptureFixture[str], rows: pa.Table, form: str) -> str:
    rows_shown.show(rows, form, "title")
    return capsys.readouterr().out


@pytest.mark.parametrize("form", ["table", "records"])
@pytest.mark.parametrize("columns", ["80", "200", "24"])
def test_a_stored_value_is_never_markup_and_never_steers_the_terminal(
    form: str, columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    shown = printed(capsys, stored(0 if form == "table" else 2), form)
    for value in ("[/red]", "[x]", "\\x1b[31mred", "\\u202eabc", "a|b", "한국어"):
        assert value in shown
    assert not set("\x1b\u202e") & set(shown)


def test_a_pipe_gets_every_value_as_it_is_stored(capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(capsys, stored(), "auto")
    head, *lines = csv.reader(io.StringIO(shown))
    assert head == ["value", "column_0", "column_1"]
    assert [line[0] for line in lines] == [value or "" for value in STORED]
    assert [row["value"] for row in json.loads(printed(capsys, stored(), "json"))] == STORED


def test_a_missing_value_and_an_empty_text_of_a_csv_export_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    rows = pa.table({"a": ["", None, 'say "no"'], "b": [True, None, False], "c": [1.5, None, 2.0]})
    assert printed(capsys, rows, "csv").splitlines() == ["a,b,c", '"",true,1.5', ",,", '"say ""no""",false,2.0']


def on_terminal(patch: pytest.MonkeyPatch, width: int, columns: int) -> str:
    """What a terminal of this width gets to see of so many columns."""
    ours, theirs = pty.openpty()
    shown: list[bytes] = []
    reader = Thread(target=lambda: shown.extend(_parts(ours)))
    reader.start()
    with open(theirs, "w", encoding="utf-8") as terminal, patch.context() as here:  # noqa: PTH123 - a descriptor
        here.setenv("COLUMNS", str(width))
        here.setenv("TERM", "xterm")
        here.setattr(sys, "stdout", terminal)
        rows_shown.show(stored(columns), "auto", "title")
    reader.join()
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m", "", b"".join(shown).decode())


def _parts(terminal: int) -> Iterator[bytes]:
    with suppress(OSError):  # how Linux says that the other end was closed
        while part := os.read(terminal, 65536):
            yield part


def test_a_table_that_is_too_wide_for_the_terminal_is_shown_row_by_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = on_terminal(monkeypatch, 80, 30)
    assert "row 1" in shown
    assert re.search(r"column_29 +29 of a row", shown)
    assert "\\x1b[31mred" in shown
    narrow = on_terminal(monkeypatch, 80, 1)
    assert "row 1" not in narrow
    assert re.search(r"\[/red\] +│ 0 of a row", narrow)


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = services_in(tmp_path, pseudonym_keys=KEYS)
    keys = made.privacy.active_keys(SPEC)
    assert keys is not None
    rows = {
        "tailnum": [keys.token("N1"), keys.token("N2"), keys.token("N1")],
        "origin": ["JFK", "JFK", "EWR"],
        "distance": [100.0, 200.0, 100.0],
        "period": ["2013-01"] * 3,
    }
    made.adapters.lake.append(SPEC.name, "events", pa.table(rows))
    return made


def test_rows_of_an_entity_are_found_by_its_value_its_token_and_several_columns(services: Services) -> None:
    keys = services.privacy.active_keys(SPEC)
    assert keys is not None

    def count(role: str = "admin", **equal: str) -> int:
        return read_as(SPEC, services, role, "events", None, equal).num_rows

    assert count() == 3
    assert count(tailnum="N1") == count(tailnum=keys.token("N1")) == 2
    assert count(tailnum="N1", origin="EWR") == 1
    assert count(origin="JFK") == count("viewer", origin="JFK") == 2
    assert count(distance="100") == 2
    assert count(tailnum="N3") == 0


def test_who_may_not_see_a_column_may_not_ask_for_its_values(services: Services) -> None:
    for role, column in (("operator", "tailnum"), ("viewer", "tailnum"), ("admin", "no_such_column")):
        with pytest.raises(AccessError, match=f"{column}.*it reads"):
            read_as(SPEC, services, role, "events", None, {column: "N1"})
    with pytest.raises(DataError, match=r"distance = 'far': the column holds values of type double"):
        read_as(SPEC, services, "admin", "events", None, {"distance": "far"})
