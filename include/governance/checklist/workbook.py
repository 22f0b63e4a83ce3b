"""The checklist as an Excel workbook, and back; openpyxl is imported when one is made or read."""

import zlib
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile

from include.contracts.checklist import Assessment
from include.errors import DataError
from include.governance.checklist import transfer

SHEET, EVIDENCE = "checklist", "evidence"
COLUMNS = ("number", "group", "title", "derived", "state", "note", "plan", "due", "by", "assessed_at")
WIDTHS = (9, 22, 34, 14, 16, 40, 40, 12, 14, 26)
UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""In place of a control character, which no sheet can hold."""
MOST_ROWS, MOST_COLUMNS = 500, 40
LARGEST = 20_000_000
"""Bytes that a workbook may unpack to: one that a person made has a hundredth of it."""
UNREADABLE = (
    BadZipFile, ParseError, LookupError, ValueError, TypeError, AttributeError, OSError, NotImplementedError, zlib.error
)  # fmt: skip
"""What openpyxl raises of a file that is none, or that was made to hurt."""
Words = Callable[[str], str]


def workbook(content: Mapping[str, Any], text: Words) -> bytes:
    """A sheet with the items and their assessments, which may be changed and read back, and one with the evidence.

    The first row of the former has the names by which it is read back.
    """
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font

    book = Workbook()
    sheet = book.active
    sheet.title = SHEET
    rows = [[row[name] for name in COLUMNS] for row in content["items"]]
    _write(sheet, [list(COLUMNS), *rows], WIDTHS, Font(bold=True), Alignment(wrap_text=True, vertical="top"))
    proofs = book.create_sheet(EVIDENCE)
    head = ["number", "title", "point", "kind", "what", "at", "SHA-256"]
    _write(
        proofs, [[text(one) for one in head], *_evidence(content)], (9, 34, 26, 12, 50, 26, 66), Font(bold=True),
        Alignment(wrap_text=True, vertical="top"),
    )  # fmt: skip
    made = BytesIO()
    book.save(made)
    return made.getvalue()


def _write(sheet: Any, rows: list[list[Any]], widths: tuple[int, ...], bold: Any, wrapped: Any) -> None:
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    for number, row in enumerate(rows, 1):
        for place, value in enumerate(row, 1):
            text = ILLEGAL_CHARACTERS_RE.sub(UNKNOWN, value) if isinstance(value, str) else value
            cell = sheet.cell(number, place, text)
            cell.alignment = wrapped
            if isinstance(text, str):
                cell.data_type = "s"  # also what a spreadsheet takes for a formula or an error
            if number == 1:
                cell.font = bold
    for place, width in enumerate(widths):
        sheet.column_dimensions["ABCDEFGHIJ"[place]].width = width
    sheet.freeze_panes = "A2"


def _evidence(content: Mapping[str, Any]) -> list[list[Any]]:
    return [
        [item["number"], item["title"], point["title"], one["kind"], one["where"], one["at"], one["sha256"]]
        for item in content["items"]
        for point in item["points"]
        for one in point["evidence"] or [{"kind": "", "where": "", "at": "", "sha256": ""}]
    ]


def read(content: bytes) -> dict[int, Assessment]:
    """The assessments of a workbook. Raises DataError, which names row and field of every fault."""
    from openpyxl import load_workbook

    try:
        _require_small(content)
        book = load_workbook(BytesIO(content), read_only=True, data_only=True)
        sheet = book[SHEET] if SHEET in book.sheetnames else book.worksheets[0]
        bounds = {"max_row": MOST_ROWS, "max_col": MOST_COLUMNS, "values_only": True}
        rows = [list(row) for row in sheet.iter_rows(**bounds)]
    except UNREADABLE as error:
        raise DataError(f"the file is no Excel workbook (.xlsx): {error}") from None
    return transfer.assessments(transfer.rows_of(rows))


def _require_small(content: bytes) -> None:
    """Raises ValueError for a workbook that unpacks to more than anybody assesses."""
    with ZipFile(BytesIO(content)) as packed:
        if (size := sum(part.file_size for part in packed.infolist())) > LARGEST:
            raise ValueError(f"it unpacks to {size:,} bytes; {LARGEST:,} are the most")
