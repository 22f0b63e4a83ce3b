"""Approvals of a use case: questions that wait for people, the stages, and the signed record."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from include.contracts.approval import ApprovalEntry
from include.governance import approval, stages
from include.specification.approving import Stage
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.ui import signed, verdict_words, verification
from include.ui.access import SIGNED_IN, Reader, http_errors
from include.ui.charts import approvals as charts
from include.ui.language import marked
from include.ui.view import View, ViewDep

ENTRIES = 60
"""Newest entries of the record that the page shows."""
EVENTS = {
    "registered": marked("registered"),
    "verdict": marked("judged"),
    "agreed": marked("agreed"),
    "disagreed": marked("disagreed"),
    "approved": marked("approved"),
    "rejected": marked("rejected"),
    "withdrawn": marked("withdrawn"),
    "expired": marked("expired"),
    "answer_refused": marked("answer refused"),
}
LEVELS = {"approved": "good", "agreed": "good", "rejected": "bad", "disagreed": "bad", "answer_refused": "act"}
"""Event → level of its mark; of all else none is judged."""
KINDS = {**{kind: EVENTS[kind] for kind in charts.KINDS if kind in EVENTS}, "other": marked("other")}


class Question(NamedTuple):
    """A verdict that waits for people."""

    entry: ApprovalEntry
    answering: list[str]
    barred: list[str]
    expires: Any
    stages: list[tuple[Stage, list[ApprovalEntry], bool]]
    """Each stage with the approvals that it has, and whether it is asked now."""


def router() -> APIRouter:
    """``/approvals/<usecase>``."""
    pages = APIRouter(prefix="/approvals", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/{usecase}")
    def page(view: ViewDep, usecase: str) -> HTMLResponse:
        with http_errors():
            spec = load_usecase(usecase)
            content = shown(spec, view.reader)
        return view.page("approvals.html", spec, **content, picture=_picture(view, content["entries"]))

    return pages


def shown(spec: UseCase, reader: Reader) -> dict[str, Any]:
    """What the template needs; the signature of each entry was verified when it was read."""
    newest = reader.records.some_approvals(spec, newest=ENTRIES)
    asked = signed.open_questions(spec, reader)
    return {
        "questions": [question(spec, reader, one.history, one.judged) for one in asked],
        "entries": newest,
        "total": newest[-1].sequence if newest else 0,
        "refusals": reader.records.some_approvals(spec, event="answer_refused", newest=ENTRIES),
        "events": EVENTS,
        "verdict_words": verdict_words.NAMES,
        "levels": LEVELS,
        "verification": verification.of_approvals(reader, spec),
    }


def question(spec: UseCase, reader: Reader, history: Sequence[ApprovalEntry], entry: ApprovalEntry) -> Question:
    """Who may answer it now, who may not, and what each stage has."""
    agreed, now = stages.agreed(history, entry), stages.wanted(spec, history, entry)
    given = [
        (stage, [one for one in agreed if one.facts["stage"] == stage.name], stage == now)
        for stage in spec.approval.stages
    ]
    answering = stages.answering(spec, reader.services.settings.roles, history, entry)
    return Question(entry, answering, approval.barred(history, entry), stages.expires_at(spec, entry), given)


def _picture(view: View, entries: Sequence[ApprovalEntry]) -> Any:
    words = [view.text(word) for word in KINDS.values()]
    rows = chart_rows(view, entries)
    return (
        view.picture(lambda width: charts.record(rows, words, width), view.text("The record over time")) if rows else ""
    )


def chart_rows(view: View, entries: Sequence[ApprovalEntry]) -> list[dict[str, Any]]:
    """A row per entry for the picture, in the reader's language."""
    text = view.text("version %(version)s, %(event)s by %(by)s, %(at)s UTC")
    return [
        {
            "at": one.at.isoformat(),
            "version": one.version,
            "kind": view.text(KINDS[charts.KIND_OF.get(one.event, "other")]),
            "said": text
            % {
                "version": one.version, "event": view.text(EVENTS[one.event]), "by": one.by or "–",
                "at": f"{one.at:%Y-%m-%d %H:%M}",
            },
        }
        for one in entries
    ]  # fmt: skip
