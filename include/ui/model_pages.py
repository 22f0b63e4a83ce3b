"""Model cards in the Airflow UI, as they were stored with the registered version."""

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import HTMLResponse

from include.errors import MoebiusError, ServiceError
from include.services.composition import Services
from include.settings import load_settings
from include.specification.loader import load_usecase

CARD = "model_card.html"
NO_SCRIPTS = {"Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'"}


def router() -> APIRouter:
    """``/models/<usecase>/<version>``; asks who is looking."""
    signed_in = [Depends(requires_access_view(AccessView.PLUGINS))]
    pages = APIRouter(prefix="/models", dependencies=signed_in)

    @pages.get("/{usecase}/{version}", response_class=HTMLResponse)
    def card(usecase: str, version: int) -> HTMLResponse:
        try:
            spec, tracker = load_usecase(usecase), Services(load_settings()).adapters.tracker
            page = tracker.document(tracker.model(spec.name, version), CARD)
        except MoebiusError as error:
            status = 503 if isinstance(error, ServiceError) else 404
            raise HTTPException(status_code=status, detail=str(error)) from error
        return HTMLResponse(page, headers=NO_SCRIPTS)

    return pages
