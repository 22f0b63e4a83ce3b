"""The first page: every use case, and what needs a person."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from include.operations import history
from include.services import checking
from include.specification.loader import specifications
from include.specification.usecase import UseCase
from include.ui.access import SIGNED_IN, Reader
from include.ui.view import ViewDep


def router() -> APIRouter:
    """``/``."""
    pages = APIRouter(dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/")
    def page(view: ViewDep) -> HTMLResponse:
        good, faults = specifications().good, checking.known(view.reader.services.settings)
        return view.page("overview.html", loops=[line(spec, view.reader) for spec in good.values()], faults=faults)

    return pages


def line(spec: UseCase, reader: Reader, newest: int | None = 1) -> dict[str, Any]:
    """What is shown of a use case; of verdicts and decisions the newest."""
    figures = reader.records.history(spec, *history.names(spec))
    return {
        "spec": spec,
        "state": reader.services.serving.rollout_state(spec),
        "published": reader.records.published(spec),
        "figures": history.rows(spec, figures),
        "unmeasured": history.unmeasured(spec, figures),
        "verdicts": reader.records.verdicts(spec, newest=newest),
        "decisions": reader.records.decisions(spec, newest=newest),
    }
