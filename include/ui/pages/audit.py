"""The audit log in the Airflow UI, for auditors and admins: events by day and kind, by filter, and the verification."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from include.contracts.audit import AuditEntry
from include.governance import audit_search
from include.governance.audit_search import Reading, Search
from include.governance.rights import may
from include.services import audit_checks
from include.specification.loader import specifications
from include.ui.access import SIGNED_IN, Reader, http_errors
from include.ui.charts import audit as charts
from include.ui.language import marked
from include.ui.view import View, ViewDep

SHOWN = 200
DAYS = 14
"""Days that the page reads of the log unless a filter names a time."""
KINDS = {"use": marked("use"), "change": marked("change"), "decision": marked("decision"), "access": marked("access")}
OUTCOMES = {
    "asked": marked("asked"),
    "done": marked("done"),
    "refused": marked("refused"),
    "failed": marked("failed"),
}
LEVELS = {"done": "none", "asked": "none", "refused": "act", "failed": "bad"}
COUNTS = {
    "days": marked("days"),
    "entries": marked("entries"),
    "predictions": marked("predictions"),
    "approvals": marked("approvals"),
    "releases": marked("releases"),
    "checkpoints": marked("checkpoints"),
    "rows of predictions": marked("rows of predictions"),
}
"""What a verification counts."""


def router() -> APIRouter:
    """``/audit/``; looking at it is an event of the log, which comes from the middleware around every page."""
    pages = APIRouter(prefix="/audit", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/")
    def page(view: ViewDep) -> HTMLResponse:
        wanted = _search(view.query)
        with http_errors():
            content = shown(view.reader, wanted)
        words: dict[str, Any] = {"kinds": KINDS, "outcomes": OUTCOMES, "outcome_levels": LEVELS, "count_words": COUNTS}
        return view.page("audit.html", **content, **words, picture=_picture(view, content["counted"]))

    return pages


def shown(reader: Reader, wanted: Search) -> dict[str, Any]:
    """What the template needs; raises AccessError for a role that does not read the log."""
    services = reader.services
    reading = Reading(reader.login, reader.role, services.settings.access.get(reader.role, "none"))  # type: ignore[arg-type,call-overload]
    audit_search.require_overseer(reading)
    since = wanted.since or (wanted.until or datetime.now(UTC)) - timedelta(days=DAYS)
    entries = list(services.adapters.audit.entries(since, wanted.until))
    found = audit_search.find(entries, wanted, reading, SHOWN)
    return {
        "wanted": wanted.json_dict(),
        "since": since,
        "days": DAYS,
        "rows": [audit_search.row(entry) for entry in found.entries],
        "total": found.total,
        "shown": SHOWN,
        "counted": by_day(entries, wanted),
        "check": audit_checks.last(services.adapters.state),
        "signed": [one.checkpoint for one in services.adapters.audit.checkpoints()[-1:]],
        "verifies": next(iter(sorted(specifications().good)), "") if may(reader.role, "audit", "trigger") else "",
    }


def by_day(entries: Iterable[AuditEntry], wanted: Search) -> dict[tuple[str, str], int]:
    """(day, kind) → number of events that meet the search, in order."""
    found = Counter(
        (f"{one.event.at:%Y-%m-%d}", one.event.kind) for one in entries if one.event and wanted.meets(one.event)
    )
    return dict(sorted(found.items()))


def _picture(view: View, counted: dict[tuple[str, str], int]) -> Any:
    words = [view.text(word) for word in KINDS.values()]
    rows = [
        {
            "day": day[5:],
            "kind": view.text(KINDS[kind]),
            "count": count,
            "said": f"{day} {view.text(KINDS[kind])}: {count}",
        }
        for (day, kind), count in counted.items()
    ]
    return (
        view.picture(lambda width: charts.days(rows, words, width), view.text("Events by day and kind")) if rows else ""
    )


def _search(asked: dict[str, str]) -> Search:
    """The filters of the address; raises HTTPException 422 for what is no filter or no value of it."""
    try:
        return Search.model_validate({name: value for name, value in asked.items() if value})
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'filters'}: {e['msg']}" for e in error.errors())
        raise HTTPException(422, faults) from None
