"""Model cards in the Airflow UI, as they were stored with the registered version."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from include.services.composition import Services
from include.settings import load_settings
from include.specification.loader import load_usecase
from include.ui.access import SIGNED_IN, http_errors

CARD = "model_card.html"
NO_SCRIPTS = {"Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'"}


def router() -> APIRouter:
    """``/models/<usecase>/<version>``; asks who is looking."""
    pages = APIRouter(prefix="/models", dependencies=SIGNED_IN)

    @pages.get("/{usecase}/{version}", response_class=HTMLResponse)
    def card(usecase: str, version: int) -> HTMLResponse:
        with http_errors():
            reader = Services(load_settings()).adapters.experiment_reader
            page = reader.document(load_usecase(usecase).name, version, CARD)
        return HTMLResponse(page, headers=NO_SCRIPTS)

    return pages
