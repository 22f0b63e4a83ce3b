"""Assessments leave as a file and come back as they were; a file with a fault is not taken in at all."""

import json
from datetime import UTC, date, datetime

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
STANDING = {number: Assessed(by="ada", at=AT, entry=1, assessment=one) for number, one in GIVEN.items()}
CONTENT = transfer.content(states(Facts(at=AT)), STANDING, AT, "ko")


def test_a_json_file_comes_back_as_it_was() -> None:
    assert transfer.read_json(json.dumps(CONTENT).encode()) == GIVEN


def test_a_workbook_comes_back_as_it_was() -> None:
    assert workbook.read(workbook.workbook(CONTENT, str.upper)) == GIVEN


def test_a_text_of_a_person_is_no_formula_of_the_workbook() -> None:
    from io import BytesIO

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
    sheet = [["Our plan", None], ["number", "state"], [3.0, "done"], [None, None]]
    assert transfer.assessments(transfer.rows_of(sheet)) == {3: Assessment(state="done")}


def test_what_is_planned_is_late_after_its_day() -> None:
    late = Assessed(by="ada", at=AT, entry=1, assessment=GIVEN[17])
    assert [transfer.is_late(late, date(2026, month, 30)) for month in (6, 7)] == [False, True]
    done = GIVEN[17].model_copy(update={"state": "done"})
    assert not transfer.is_late(late.model_copy(update={"assessment": done}), date(2026, 7, 30))
