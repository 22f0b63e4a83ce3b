"""The audit log in the Airflow UI, for auditors and admins: events by day and kind, by filter, and the verification."""

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from include.governance import audit_search
from include.governance.audit_search import Reading, Search
from include.specification.loader import specifications
from include.ui import verification
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


def router() -> APIRouter:
    """``/audit/``; looking at it is an event of the log, which comes from the middleware around every page."""
    pages = APIRouter(prefix="/audit", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/")
    def page(view: ViewDep) -> HTMLResponse:
        wanted = _search(view.query)
        with http_errors():
            content = shown(view.reader, wanted)
        words: dict[str, Any] = {"kinds": KINDS, "outcomes": OUTCOMES, "outcome_levels": LEVELS}
        return view.page("audit.html", **content, **words, picture=_picture(view, content["counted"]))

    return pages


def shown(reader: Reader, wanted: Search) -> dict[str, Any]:
    """What the template needs; raises AccessError for a role that does not read the log."""
    services = reader.services
    reading = Reading(reader.login, reader.role, services.settings.access.get(reader.role, "none"))  # type: ignore[arg-type,call-overload]
    audit_search.require_overseer(reading)
    log, since = services.adapters.audit, wanted.since or _midnight(wanted.until or datetime.now(UTC))
    if wanted.asked:
        within = wanted.model_copy(update={"since": since})
        found = audit_search.find(log.entries(since, wanted.until, wanted.exact), within, reading, SHOWN)
    else:
        found = audit_search.latest(log, since.date(), reading, SHOWN)
    return {
        "wanted": wanted.json_dict(),
        "since": since,
        "rows": [audit_search.row(entry) for entry in found.entries],
        "total": found.total,
        "shown": SHOWN,
        "counted": found.by_day,
        "forgotten": log.forgotten(since.date()),
        "log_answers": audit_search.LOG_ANSWERS,
        "verification": verification.of_log(reader, wanted.usecase if wanted.usecase in specifications().good else ""),
        "signed": [one.checkpoint for one in log.checkpoints()[-1:]],
    }


def _midnight(until: datetime) -> datetime:
    """Where the days begin that the page reads."""
    first = until.astimezone(UTC) - timedelta(days=DAYS - 1)
    return first.replace(hour=0, minute=0, second=0, microsecond=0)


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
