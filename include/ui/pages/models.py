"""Model cards in the Airflow UI: as stored with the version, with verdicts and approvals from the signed record."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from include.development.card.page import STYLE, page_with_verdict
from include.governance import approval
from include.services.approvals import verdict_of
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.ui import signed
from include.ui.access import SIGNED_IN, Named, Reader, http_errors
from include.ui.documents import Lead, document, framed
from include.ui.language import marked
from include.ui.view import View, ViewDep

CARD = "model_card.html"


def router() -> APIRouter:
    """``/models/<usecase>/<version>``; asks who is looking."""
    pages = APIRouter(prefix="/models", dependencies=SIGNED_IN)

    @pages.get("/{usecase}/{version}", response_class=HTMLResponse)
    def card(view: ViewDep, usecase: str, version: Named, alone: bool = False) -> HTMLResponse:
        """The card holds figures, slices and what decided: for roles that read these tables."""
        with http_errors():
            spec = load_usecase(usecase)
            view.reader.require(spec, "verdicts", "approvals", "figures", "slice_figures")
            page = shown(spec, view.reader, version)
        if alone:
            return document(page, STYLE)
        title = view.text(marked("Model card: model %(version)s")) % {"version": version}
        return framed(view, spec, title, _leads(view, spec, version))

    return pages


def _leads(view: View, spec: UseCase, version: int) -> list[Lead]:
    home, tracker = view.links.moebius, view.reader.services.adapters.experiment_reader
    return [
        (f"{home}/verdicts/{spec.name}/{version}", view.text(marked("Verdict on this model")), False),
        (f"{home}/versions/{spec.name}?b={version}", view.text(marked("Compare with another version")), False),
        (f"{home}/rollouts/{spec.name}", view.text(marked("Releases of this use case")), False),
        (tracker.page(spec.name, version), view.text(marked("This version in MLflow")), True),
    ]


def shown(spec: UseCase, reader: Reader, version: int) -> str:
    """The card; whoever may write in MLflow changes neither its verdict nor the history of its approvals."""
    page = reader.services.adapters.experiment_reader.document(spec.name, version, CARD)
    mine = signed.about(spec, reader, version)
    judged = approval.newest_verdict(mine, version=approval.proof_version(mine, version))
    return page_with_verdict(page, verdict_of(judged), mine) if judged else page
