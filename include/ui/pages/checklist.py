"""The implementation checklist of ISO/IEC 23053: what the evidence proves, what people assess, gaps, progress."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ValidationError

from include.contracts.checklist import Assessed, Assessment, ItemState
from include.errors import DataError
from include.governance.checklist import transfer
from include.governance.checklist.facts import Facts
from include.governance.checklist.items import groups, items
from include.governance.checklist.rules import states
from include.governance.routes import ROUTES, served
from include.services import assessments, checklist
from include.specification.loader import specifications
from include.ui.access import SIGNED_IN, Reader, http_errors
from include.ui.charts import checklist as charts
from include.ui.forgery import Purpose
from include.ui.language import marked
from include.ui.printing import printed
from include.ui.sending import SIGNATURE, Seal, SealDep
from include.ui.view import View, ViewDep

DERIVED = {"proved": marked("proved"), "partly": marked("partly"), "no evidence": marked("no evidence")}
LEVELS = {"proved": "good", "partly": "watch", "no evidence": "none"}
JUDGED = {
    "done": marked("done"),
    "in progress": marked("in progress"),
    "planned": marked("planned"),
    "not done": marked("not done"),
    "not applicable": marked("not applicable"),
}
JUDGED_LEVELS = {
    "done": "good",
    "in progress": "watch",
    "planned": "watch",
    "not done": "act",
    "not applicable": "none",
}
KINDS = {"run": marked("run"), "test": marked("test"), "figure": marked("figure"), "document": marked("document")}
DAYS = 60
"""Recorded days that the picture of the progress shows."""
TYPES = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}
HOME = "standard/checklist"
IN_EXPORTS = (
    marked("Implementation checklist"), marked("Assessment"), marked("Plan"), marked("number"), marked("title"),
    marked("point"), marked("kind"), marked("what"), marked("at"),
)  # fmt: skip
"""Texts of the exported files."""


class Assessing(BaseModel):
    """The form of an assessment."""

    state: str = ""
    note: str = ""
    plan: str = ""
    due: str = ""
    signature: str = ""


def router() -> APIRouter:
    """``/standard/checklist``, a page per item, exports, and what saves assessments."""
    pages = APIRouter(prefix=f"/{HOME}", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("")
    def page(view: ViewDep, seal: SealDep) -> HTMLResponse:
        return _overview(view, seal)

    @pages.get("/export/{kind}")
    def export(view: ViewDep, kind: str) -> Response:
        if kind not in TYPES:
            raise HTTPException(404, f"there is no export {kind!r}; there are {sorted(TYPES)}")
        with http_errors():
            made = exported(view, kind)
        name = f"checklist-{datetime.now(UTC):%Y-%m-%d}.{kind}"
        return Response(made, media_type=TYPES[kind], headers={"Content-Disposition": f'attachment; filename="{name}"'})

    @pages.post("/import")
    def take_in(view: ViewDep, seal: SealDep, file: UploadFile, signature: Annotated[str, Form()] = "") -> Response:
        seal.require(_purpose(view), signature)
        try:
            given = _read(file.filename or "", file.file.read(transfer.LARGEST + 1))
            assessments.save(view.reader.services, given, view.reader.login, "import")
        except DataError as error:
            refused = _overview(view, seal, refused=str(error).splitlines())
            refused.status_code = 422
            return refused
        return _home(view)

    @pages.get("/{number}")
    def item(view: ViewDep, seal: SealDep, number: int) -> HTMLResponse:
        return view.page("checklist_item.html", **item_shown(view.reader, _known(number)), **_words(view, seal))

    @pages.post("/{number}")
    def assess(view: ViewDep, seal: SealDep, number: int, form: Annotated[Assessing, Form()]) -> Response:
        item = _known(number)
        seal.require(_purpose(view), form.signature)
        given = {item: _assessment(form)}
        with http_errors():
            assessments.save(view.reader.services, given, view.reader.login, "page")
        return _home(view, f"/{number}")

    return pages


def _overview(view: View, seal: Seal, refused: list[str] | None = None) -> HTMLResponse:
    with http_errors():
        content = shown(view.reader)
    return view.page(
        "checklist.html", **content, **_words(view, seal), **_pictures(view, content), refused=refused or []
    )


def _words(view: View, seal: Seal) -> dict[str, Any]:
    """What every page of the checklist shows states with."""
    rule = ROUTES["POST /moebius/standard/checklist/{number}"]
    return {
        "derived_words": DERIVED, "derived_levels": LEVELS, "judged_words": JUDGED, "judged_levels": JUDGED_LEVELS,
        "kinds": KINDS, "assesses": served(view.reader.role, rule),
        "signature": seal.signature(_purpose(view)), "signature_field": SIGNATURE,
    }  # fmt: skip


def _purpose(view: View) -> Purpose:
    """What a form of the checklist is signed for."""
    return Purpose(view.reader.login, "", "assess")


# -- what is shown
def shown(reader: Reader) -> dict[str, Any]:
    """What the list needs: every item with both states, gaps, counts and the recorded days."""
    facts, derived, standing = _now(reader)
    today = datetime.now(UTC).date()
    return {
        "facts": facts,
        "groups": groups(),
        "states": derived,
        "standing": standing,
        "late": {number for number, one in standing.items() if transfer.is_late(one, today)},
        "counted": counted(derived),
        "judged": Counter(one.assessment.state for one in standing.values()),
        "days": assessments.days(reader.services.adapters.state, DAYS),
        "usecase": _busiest(facts),
    }


def item_shown(reader: Reader, number: int) -> dict[str, Any]:
    """What the page of an item needs."""
    facts, derived, standing = _now(reader)
    return {
        "facts": facts,
        "item": items()[number],
        "state": derived[number],
        "assessed": standing.get(number),
        "history": assessments.history(reader.services.adapters.state, number),
        "before": number - 1 if number - 1 in items() else None,
        "after": number + 1 if number + 1 in items() else None,
        "usecase": _busiest(facts),
        "all_items": items(),
    }


def _now(reader: Reader) -> tuple[Facts, dict[int, ItemState], Mapping[int, Assessed]]:
    facts = checklist.gather(reader.services, specifications().good.values())
    last = assessments.newest(reader.services.adapters.state)
    return facts, states(facts), last.standing if last else {}


def _busiest(facts: Facts) -> str:
    """The use case whose DAGs are linked where any would do; '' without one."""
    return max(facts.usecases, key=lambda name: len(facts.usecases[name].tables), default="")


def counted(derived: Mapping[int, ItemState]) -> dict[str, int]:
    """Items by state, each state of them."""
    found = Counter(one.state for one in derived.values())
    return {state: found[state] for state in DERIVED}  # type: ignore[index]


def _pictures(view: View, content: Mapping[str, Any]) -> dict[str, Any]:
    words = [view.text(word) for word in DERIVED.values()]
    drawn = tile_rows(view, content["states"])
    days = day_rows(view, content["days"])
    tiles = view.picture(lambda width: charts.tiles(drawn, words, width), view.text("The items by state"))
    over_time = view.picture(lambda width: charts.progress(days, words, width), view.text("Items by state over time"))
    return {"tiles": tiles, "progress": over_time if days else None}


def tile_rows(view: View, derived: Mapping[int, ItemState]) -> list[dict[str, Any]]:
    """A row per item for the picture, in the reader's language."""
    text = view.text("%(number)s %(title)s: %(state)s, %(proved)s of %(points)s points have evidence")
    rows = []
    for group in groups():
        for place, item in enumerate(group.items, 1):
            one = derived[item.number]
            word = view.text(DERIVED[one.state])
            said = {"number": item.number, "title": item.title.in_language(view.language), "state": word}
            said |= {"proved": one.proved, "points": len(one.points)}
            about = {"group": group.title.in_language(view.language), "place": place, "number": item.number}
            about["title"] = item.title.in_language(view.language)
            rows.append({**about, "state": word, "said": text % said})
    return rows


def day_rows(view: View, days: list[Any]) -> list[dict[str, Any]]:
    """A row per recorded day and state."""
    rows = []
    for one in days:
        found = Counter(one.derived.values())
        for state, word in DERIVED.items():
            translated = view.text(word)
            said = f"{one.day}: {translated} {found[state]}"
            rows.append({"day": str(one.day), "state": translated, "count": found[state], "said": said})
    return rows


# -- what is saved, and what leaves
def _known(number: int) -> int:
    if number not in items():
        raise HTTPException(404, f"the checklist has no item {number}; there are {min(items())} to {max(items())}")
    return number


def _assessment(form: Assessing) -> Assessment:
    try:
        fields = {name: value.strip() or None for name, value in form.model_dump(exclude={SIGNATURE}).items()}
        return Assessment.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise HTTPException(422, faults) from None


def _home(view: View, below: str = "") -> RedirectResponse:
    return RedirectResponse(f"{view.links.moebius}/{HOME}{below}", 303)


def _read(name: str, content: bytes) -> dict[int, Assessment]:
    """The assessments of a file that was exported and changed; raises DataError."""
    if len(content) > transfer.LARGEST:
        raise DataError(f"the file is larger than {transfer.LARGEST:,} bytes: nothing was taken in")
    if name.lower().endswith(".json"):
        return transfer.read_json(content)
    from include.governance.checklist import workbook

    return workbook.read(content)


def exported(view: View, kind: str) -> bytes:
    """The checklist as a file, in the language of the page; what makes it is imported now."""
    facts, derived, standing = _now(view.reader)
    content = transfer.content(derived, standing, facts.at, view.language)
    if kind == "json":
        return json.dumps(content, ensure_ascii=False, indent=1).encode()
    if kind == "xlsx":
        from include.governance.checklist import workbook

        return workbook.workbook(content, view.text)
    words = [*IN_EXPORTS, *DERIVED.values(), *JUDGED.values(), "As of"]
    return printed(content, counted(derived), {word: view.text(word) for word in words}, view.language)
