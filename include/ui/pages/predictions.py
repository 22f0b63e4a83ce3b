"""Answers about one entity, event or request: the form of a look, and what was found. Every look is audited."""

import json
import subprocess
import sys
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from include.contracts.found_answers import Explanation, FoundAnswers
from include.errors import MoebiusError, ServiceError
from include.settings import ROOT
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.ui import verification
from include.ui.access import SIGNED_IN, Reader, http_errors
from include.ui.charts import predictions as charts
from include.ui.forgery import Purpose
from include.ui.language import marked
from include.ui.sending import SIGNATURE, Seal, SealDep
from include.ui.view import View, ViewDep

MOST = 20
"""Newest answers that are shown."""
EFFECTS = 10
"""Features that the picture of an explanation shows, those with the largest effects."""
PROGRAM = [sys.executable, "-m", "include.processes.found_answers"]
SECONDS = 120.0
TRUTHS = {
    "known": marked("known"),
    "not_due": marked("not due yet"),
    "never_came": marked("never came"),
    "no_label": marked("the use case has no label"),
    "hidden": marked("not shown to this role"),
}
FILED = {
    "served": marked("the month of the event in UTC: served answers are filed by it"),
    "batch": marked("the period of the use case whose events were scored, by the calendar of %(zone)s"),
}
"""Source of an answer → what its column ``period`` is."""
NOTES = {
    "missing": marked("feature views without any usable value; single features may have none beside"),
    "unavailable": marked("feature views that could not be looked up"),
}
"""Column of an answer → what it counts."""
SOURCES = {"served": marked("served"), "batch": marked("batch")}


class Looking(BaseModel):
    """The form of a look. It is sent in the body, since an address stands in logs."""

    key: str = ""
    value: str = ""
    explain: bool = False
    signature: str = ""


def router() -> APIRouter:
    """``/predictions/<usecase>``."""
    pages = APIRouter(prefix="/predictions", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/{usecase}")
    def page(view: ViewDep, seal: SealDep, usecase: str) -> HTMLResponse:
        with http_errors():
            spec = load_usecase(usecase)
        return _page(view, seal, spec, Looking())

    @pages.post("/{usecase}")
    def look(view: ViewDep, seal: SealDep, usecase: str, form: Annotated[Looking, Form()]) -> HTMLResponse:
        with http_errors():
            spec = load_usecase(usecase)
        seal.require(_purpose(view, spec), form.signature)
        try:
            return _page(view, seal, spec, form, looked(spec, view.reader, form))
        except MoebiusError as error:
            return _page(view, seal, spec, form, refused=str(error))

    return pages


def _page(
    view: View, seal: Seal, spec: UseCase, form: Looking, found: FoundAnswers | None = None, refused: str = ""
) -> HTMLResponse:
    reader = view.reader
    return view.page(
        "predictions.html", spec, form=form, found=found, refused=refused, truths=TRUTHS, sources=SOURCES, most=MOST,
        signature=seal.signature(_purpose(view, spec)), signature_field=SIGNATURE,
        explained=lambda one: _picture(view, one), reads=reader.reads(spec, "predictions"),
        verification=verification.of_predictions(reader, spec), examples=reader.records.answer_examples(spec),
        notes=NOTES, filed=FILED,
    )  # fmt: skip


def _purpose(view: View, spec: UseCase) -> Purpose:
    """What the form of a look is signed for."""
    return Purpose(view.reader.login, spec.name, "look")


def looked(spec: UseCase, reader: Reader, form: Looking) -> FoundAnswers:
    """The newest answers, with what the role reads of them; the look is in the audit log before they are shown.

    Raises as ``services.found_answers.find``.
    """
    asked = {form.key: form.value.strip()}
    if form.explain:
        return _explained(spec, reader, asked)
    from include.services.found_answers import Looker, find

    return find(spec, reader.services, Looker(reader.login, [reader.role], "page"), asked, most=MOST)


def _explained(spec: UseCase, reader: Reader, asked: dict[str, str]) -> FoundAnswers:
    """The same with explanations, by a process of its own. Raises ServiceError for whatever stopped it."""
    about = {"usecase": spec.name, "login": reader.login, "role": reader.role, "asked": asked, "most": MOST}
    try:
        ran = subprocess.run(
            PROGRAM, cwd=ROOT, input=json.dumps(about).encode(), capture_output=True, check=True, timeout=SECONDS
        )
        answer = json.loads(ran.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise ServiceError(f"the answers could not be explained: {error}; look again without explanation") from error
    if refused := answer.get("refused"):
        raise ServiceError(str(refused))
    return FoundAnswers.model_validate(answer)


def _picture(view: View, one: Explanation) -> Any:
    rows = effect_rows(view, one)
    return view.picture(lambda width: charts.effects(rows, width), view.text("What moved the answer")) if rows else ""


def effect_rows(view: View, one: Explanation) -> list[dict[str, Any]]:
    """The largest effects, and the sum of what the role does not read."""
    largest = sorted(one.effects.items(), key=lambda pair: -abs(pair[1]))[:EFFECTS]
    hidden = [(view.text("features that are not shown"), one.hidden)] if one.hidden else []
    return [{"feature": name, "effect": effect, "said": f"{name}: {effect:+.4f}"} for name, effect in largest + hidden]
