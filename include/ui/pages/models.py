"""Model cards in the Airflow UI: as stored with the version, with verdicts and approvals from the signed record."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from include.development.card.page import STYLE, page_with_verdict
from include.governance import approval
from include.services.approvals import verdict_of
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.ui.access import SIGNED_IN, Reader, ReaderDep, http_errors
from include.ui.documents import document

CARD = "model_card.html"


def router() -> APIRouter:
    """``/models/<usecase>/<version>``; asks who is looking."""
    pages = APIRouter(prefix="/models", dependencies=SIGNED_IN)

    @pages.get("/{usecase}/{version}", response_class=HTMLResponse)
    def card(usecase: str, version: int, reader: ReaderDep) -> HTMLResponse:
        """The card holds figures, slices and what decided: for roles that read these tables."""
        with http_errors():
            spec = load_usecase(usecase)
            reader.require(spec, "verdicts", "approvals", "figures", "slice_figures")
            page = shown(spec, reader, version)
        return document(page, STYLE)

    return pages


def shown(spec: UseCase, reader: Reader, version: int) -> str:
    """The card; whoever may write in MLflow changes neither its verdict nor the history of its approvals."""
    page = reader.services.adapters.experiment_reader.document(spec.name, version, CARD)
    history = reader.records.approvals(spec)
    proof = approval.proof_version(history, version)
    judged = approval.newest_verdict(history, version=proof)
    mine = [entry for entry in history if entry.version in (version, proof)]
    return page_with_verdict(page, verdict_of(judged), mine) if judged else page
