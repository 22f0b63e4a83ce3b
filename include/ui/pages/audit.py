"""The audit log in the Airflow UI, for auditors and admins: newest events by filter, and the last verification."""

from typing import Any

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from include.governance import audit_search
from include.governance.audit_search import Reading, Search
from include.services import audit_checks
from include.ui.access import SIGNED_IN, Reader, http_errors
from include.ui.view import ViewDep

SHOWN = 200


def router() -> APIRouter:
    """``/audit/``; looking at it is an event of the log, which comes from the middleware around every page."""
    pages = APIRouter(prefix="/audit", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/")
    def page(view: ViewDep) -> HTMLResponse:
        wanted = _search(view.query)
        with http_errors():
            content = shown(view.reader, wanted)
        return view.page("audit.html", **content)

    return pages


def shown(reader: Reader, wanted: Search) -> dict[str, Any]:
    """What the template needs; raises AccessError for a role that does not read the log."""
    services = reader.services
    reading = Reading(reader.login, reader.role, services.settings.access.get(reader.role, "none"))  # type: ignore[arg-type,call-overload]
    audit_search.require_overseer(reading)
    found = audit_search.find(services.adapters.audit.entries(wanted.since, wanted.until), wanted, reading, SHOWN)
    return {
        "wanted": wanted.json_dict(),
        "rows": [audit_search.row(entry) for entry in found.entries],
        "total": found.total,
        "shown": SHOWN,
        "check": audit_checks.last(services.adapters.state),
        "signed": [one.checkpoint for one in services.adapters.audit.checkpoints()[-1:]],
    }


def _search(asked: dict[str, str]) -> Search:
    """The filters of the address; raises HTTPException 422 for what is no filter or no value of it."""
    try:
        return Search.model_validate({name: value for name, value in asked.items() if value})
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'filters'}: {e['msg']}" for e in error.errors())
        raise HTTPException(422, faults) from None
