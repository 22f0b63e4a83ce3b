"""Rollouts in the Airflow UI: the rollout in progress, figures of both arms, all releases and events."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from include.errors import ServiceError
from include.loop import rollback, rollout
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.ui.access import SIGNED_IN, Reader, http_errors
from include.ui.view import ViewDep

REFRESH_SECONDS = 5
EVENTS = 50
OF_RELEASES = ("figures", "rollout_events", "approvals")
"""Tables whose records stand in the list of releases."""


def router() -> APIRouter:
    """``/rollouts/<usecase>``."""
    pages = APIRouter(prefix="/rollouts", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/{usecase}")
    def page(view: ViewDep, usecase: str) -> HTMLResponse:
        with http_errors():
            spec = load_usecase(usecase)
        return view.page("rollout.html", spec, **shown(spec, view.reader))

    return pages


def shown(spec: UseCase, reader: Reader) -> dict[str, Any]:
    """What the template needs; without Prometheus it says so in ``unwatched``."""
    services = reader.services
    state, watched, unwatched = services.serving.rollout_state(spec), {}, ""
    try:
        watched = rollout.watch(spec, services) if reader.reads(spec, "rollout_events") else {}
    except ServiceError as error:
        unwatched = str(error)
    return {
        "state": state,
        "watch": watched,
        "unwatched": unwatched,
        "releases": rollback.choices(spec, services) if state and reader.reads(spec, *OF_RELEASES) else [],
        "events": reader.records.rollout_events(spec, newest=EVENTS),
        "approvals": reader.records.approvals(spec),
        "refresh": REFRESH_SECONDS if state and state.challenger else None,
    }
