"""Assessments as a file: what leaves as JSON or a sheet, and what comes back, checked whole before it counts."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from pydantic import ValidationError

from include.contracts.checklist import Assessed, Assessment, ItemState
from include.errors import DataError
from include.governance.checklist.items import groups, items

FIELDS = ("number", "state", "note", "plan", "due")
"""Fields of an assessment in a file; other ones of a row are left out of the reading."""
FORM = "moebius checklist 1"
LARGEST = 500_000
"""Bytes of a file that is taken in."""
Row = Mapping[str, Any]


def content(
    states: Mapping[int, ItemState], standing: Mapping[int, Assessed], at: datetime, language: str
) -> dict[str, Any]:
    """Everything of the checklist, for JSON."""
    return {
        "form": FORM,
        "at": at.isoformat(),
        "items": [
            {
                "number": item.number,
                "group": group.title.in_language(language),
                "title": item.title.in_language(language),
                "derived": states[item.number].state,
                "points": [_point(item.points[p.key].in_language(language), p) for p in states[item.number].points],
                **_assessed(standing.get(item.number)),
            }
            for group in groups()
            for item in group.items
        ],
    }


def _point(title: str, point: Any) -> dict[str, Any]:
    return {"key": point.key, "title": title, "evidence": [one.json_dict() for one in point.evidence]}


def _assessed(one: Assessed | None) -> dict[str, Any]:
    if one is None:
        return dict.fromkeys(("state", "note", "plan", "due", "by", "assessed_at"), "")
    said = {name: value or "" for name, value in one.assessment.json_dict().items()}
    return {**said, "by": one.by, "assessed_at": one.at.isoformat()}


def read_json(text: bytes) -> dict[int, Assessment]:
    """The assessments of a file that ``content`` made, or of a list of rows. Raises DataError, naming every fault."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"the file is no JSON: {error}") from None
    rows = given.get("items") if isinstance(given, dict) else given
    if not isinstance(rows, list):
        raise DataError("the file has no list of items: export the checklist as JSON, and change that file")
    return assessments(enumerate(rows, 1))


def assessments(rows: Iterable[tuple[int, Any]]) -> dict[int, Assessment]:
    """Item → assessment, of numbered rows; a row without a state assesses nothing.

    Raises DataError with a line for each fault, which names row and field; then nothing of the file counts.
    """
    found: dict[int, Assessment] = {}
    faults: list[str] = []
    for place, row in rows:
        number, wrong = _number(row, found)
        if not wrong and number is not None:
            try:
                found[number] = Assessment.model_validate(_fields(row))
            except ValidationError as error:
                wrong = [f"{'.'.join(map(str, e['loc'])) or 'row'}: {e['msg']}" for e in error.errors()]
        faults += [f"row {place}, {fault}" for fault in wrong]
    if faults:
        raise DataError("nothing was taken in:\n" + "\n".join(faults))
    return found


def _number(row: Any, found: Mapping[int, Assessment]) -> tuple[int | None, list[str]]:
    """The item that the row assesses, None for none, and what is wrong with it."""
    if not isinstance(row, Mapping):
        return None, ["row: is no object with the fields " + ", ".join(FIELDS)]
    number = row.get("number")
    if isinstance(number, bool) or not isinstance(number, int) or number not in items():
        return None, [f"number: {number!r} is no item; there are {min(items())} to {max(items())}"]
    if row.get("state") in (None, ""):
        written = [name for name in ("note", "plan", "due") if row.get(name) not in (None, "")]
        return None, [f"state: is empty, but {', '.join(written)} is not"] if written else []
    return number, [f"number: {number} is there twice"] if number in found else []


def _fields(row: Row) -> dict[str, Any]:
    """The fields of an assessment; a sheet holds a due date as a time."""
    given = {name: row.get(name) for name in FIELDS if name != "number" and row.get(name) not in (None, "")}
    due = given.get("due")
    return given | ({"due": due.date()} if isinstance(due, datetime) else {})


def rows_of(sheet: Sequence[Sequence[Any]]) -> list[tuple[int, Row]]:
    """The rows of a sheet below its head, numbered as in the sheet. Raises DataError without a head that is known."""
    for place, cells in enumerate(sheet, 1):
        head = [str(cell).strip() if cell is not None else "" for cell in cells]
        if "number" in head and "state" in head:
            below = ((n, dict(zip(head, row, strict=False))) for n, row in enumerate(sheet[place:], place + 1))
            return [(n, {name: _whole(value) for name, value in row.items()}) for n, row in below if any(row.values())]
    raise DataError("the sheet has no row with the heads `number` and `state`: export the checklist as Excel first")


def _whole(value: Any) -> Any:
    """A number as a sheet holds it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def is_late(assessed: Assessed, today: date) -> bool:
    """Whether what was planned is over its date."""
    due, state = assessed.assessment.due, assessed.assessment.state
    return due is not None and due < today and state not in ("done", "not applicable")
