"""Assessments leave as a file and come back as they were; a file with a fault is not taken in at all."""

import json
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from include.contracts.checklist import Assessed, Assessment
from include.errors import DataError
from include.governance.checklist import transfer, workbook
from include.governance.checklist.facts import Facts
from include.governance.checklist.rules import states

AT = datetime(2026, 1, 2, tzinfo=UTC)
GIVEN = {
    1: Assessment(state="done", note="every day at six"),
    17: Assessment(state="planned", plan="=HYPERLINK(1)", due=date(2026, 6, 30)),
}


def content_of(given: dict[int, Assessment]) -> dict[str, Any]:
    standing = {number: Assessed(by="ada", at=AT, entry=1, assessment=one) for number, one in given.items()}
    return transfer.content(states(Facts(at=AT)), standing, AT, "ko")


CONTENT = content_of(GIVEN)


def test_a_json_file_comes_back_as_it_was() -> None:
    assert transfer.read_json(json.dumps(CONTENT).encode()) == GIVEN


def test_a_workbook_comes_back_as_it_was() -> None:
    assert workbook.read(workbook.workbook(CONTENT, str.upper)) == GIVEN


def test_a_text_of_a_person_is_no_formula_of_the_workbook() -> None:
    from openpyxl import load_workbook

    sheet = load_workbook(BytesIO(workbook.workbook(CONTENT, str)))[workbook.SHEET]
    kinds = {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value == "=HYPERLINK(1)"}
    assert kinds == {"s"}


def test_the_file_has_the_reader_s_language_and_what_the_evidence_says() -> None:
    first = CONTENT["items"][0]
    assert (first["group"], first["title"]) == ("데이터 계층", "데이터 수집 파이프라인")
    assert first["derived"] == "no evidence"
    assert first["points"][0]["key"] == "batch"


def row(**changed: object) -> dict[str, object]:
    return {"number": 3, "state": "done", "note": "", "plan": "", "due": ""} | changed


@pytest.mark.parametrize(("rows", "fault"), [
    ([row(number=29)], r"row 1, number: 29 is no item; there are 1 to 28"),
    ([row(number=True)], r"row 1, number: True is no item"),
    ([row(), row()], r"row 2, number: 3 is there twice"),
    ([row(), row(number=4, state="finished")], r"row 2, state: Input should be 'done', 'in progress'"),
    ([row(due="soon")], r"row 1, due: "),
    ([row(note="x" * 2001)], r"row 1, note: String should have at most 2000 characters"),
    ([row(state="", plan="later")], r"row 1, state: is empty, but plan is not"),
    ([["3", "done"]], r"row 1, row: is no object with the fields number, state"),
    ({"number": 3}, r"the file has no list of items"),
])  # fmt: skip
def test_a_fault_is_named_by_row_and_field(rows: object, fault: str) -> None:
    with pytest.raises(DataError, match=fault):
        transfer.read_json(json.dumps(rows).encode())


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(DataError) as refused:
        transfer.read_json(json.dumps([row(number=0), row(), row(number=5, due="x")]).encode())
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == [
        "nothing was taken in", "row 1, number", "row 3, due",
    ]  # fmt: skip


def test_a_row_without_a_state_assesses_nothing() -> None:
    assert transfer.read_json(json.dumps([row(state="")]).encode()) == {}


@pytest.mark.parametrize("content", [b"", b"{", b"PK\x03\x04", b"\x00" * 100])
def test_what_is_no_file_of_that_kind_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match="no JSON"):
        transfer.read_json(content)
    with pytest.raises(DataError, match="no Excel workbook"):
        workbook.read(content)


def test_a_sheet_without_its_head_is_refused_and_one_with_a_title_above_is_not() -> None:
    with pytest.raises(DataError, match="no row with the heads"):
        transfer.rows_of([["a", "b"], [1, 2]])
    sheet: list[list[Any]] = [["Our plan", None], ["number", "state"], [3.0, "done"], [None, None]]
    assert transfer.assessments(transfer.rows_of(sheet)) == {3: Assessment(state="done")}


def test_what_is_planned_is_late_after_its_day() -> None:
    late = Assessed(by="ada", at=AT, entry=1, assessment=GIVEN[17])
    assert [transfer.is_late(late, date(2026, month, 30)) for month in (6, 7)] == [False, True]
    done = GIVEN[17].model_copy(update={"state": "done"})
    assert not transfer.is_late(late.model_copy(update={"assessment": done}), date(2026, 7, 30))


@pytest.mark.parametrize("note", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "#N/A", "a\x07b", "<b>&amp;", "𝔸\u202e한"])
def test_any_note_leaves_as_the_text_that_it_is(note: str) -> None:
    from openpyxl import load_workbook

    given = content_of({1: Assessment(state="done", note=note)})
    made = workbook.workbook(given, str)
    cells = [cell for row in load_workbook(BytesIO(made))[workbook.SHEET] for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert workbook.read(made)[1].note == note.replace("\x07", workbook.UNKNOWN)


KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
SHARED = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{KIND}"/></Types>'.encode()


def packed(**parts: bytes) -> bytes:
    """A workbook with these parts in place of its own; Excel keeps texts in shared strings."""
    made, whole = BytesIO(), workbook.workbook(content_of({}), str)
    with ZipFile(BytesIO(whole)) as before, ZipFile(made, "w", ZIP_DEFLATED) as after:
        for name in before.namelist():
            content = before.read(name).replace(b"</Types>", SHARED if "sharedStrings" in parts else b"</Types>")
            after.writestr(name, parts.get(Path(name).stem, content))
        if "sharedStrings" in parts:
            after.writestr("xl/sharedStrings.xml", parts["sharedStrings"])
    return made.getvalue()


ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 10}">' for n in range(9))
LAUGHS = f'<?xml version="1.0"?><!DOCTYPE w [{ENTITIES}]><sst><si><t>&e8;</t></si></sst>'.encode()
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE w [<!ENTITY e SYSTEM "file:///etc/passwd">]><sst><si><t>&e;</t></si></sst>'


@pytest.mark.parametrize("part", ["workbook", "sharedStrings", "sheet1", "styles"])
@pytest.mark.parametrize("hostile", [LAUGHS, OUTSIDE, b"<", b" " * (workbook.LARGEST + 1)], ids=len)
def test_a_workbook_that_was_made_to_hurt_is_refused(part: str, hostile: bytes) -> None:
    with pytest.raises(DataError):
        workbook.read(packed(**{part: hostile}))


@pytest.mark.parametrize(
    "text", [b"[" * 400_000, b'{"items":' * 60_000, b"[1" + b"0" * 9_000 + b"]", b"\xff\xfe"], ids=len
)
def test_a_json_file_that_was_made_to_hurt_is_refused(text: bytes) -> None:
    with pytest.raises(DataError):
        transfer.read_json(text)
