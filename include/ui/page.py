"""The Moebius pages: one line per loop, and one page per loop, behind Airflow's login."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse
from jinja2 import Environment, FileSystemLoader, select_autoescape

from include.contracts.period import counted, periods_text
from include.contracts.quality import QuarantinedRow
from include.evaluation import report
from include.operations import history
from include.services import checking
from include.services.records import LOOKED_BACK
from include.specification.loader import load_usecase, specifications
from include.specification.usecase import UseCase
from include.ui import audit_pages, catalog_pages, model_pages, rollout_pages
from include.ui.access import SIGNED_IN, Reader, ReaderDep, absent, http_errors
from include.ui.links import Links

FRAME = Path(__file__).parent / "static" / "frame.js"
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape(["html"])
)
TEMPLATES.filters |= {
    "periods": periods_text, "counted": counted, "figures_in_words": report.figures_in_words, "result": report.result,
}  # fmt: skip
TEMPLATES.globals["absent"] = absent

RECONCILIATIONS = 60
"""Newest results that the page shows."""


def create_app() -> FastAPI:
    """The FastAPI app that ``plugins/moebius_pages.py`` mounts; every route checks the login."""
    app = FastAPI(title="Moebius", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/", response_class=HTMLResponse, dependencies=SIGNED_IN)
    def overview(request: Request, reader: ReaderDep) -> str:
        good, faults = specifications().good, checking.known(reader.services.settings)
        page = {"loops": [_line(spec, reader) for spec in good.values()], "faults": faults, "reader": reader}
        return TEMPLATES.get_template("overview.html").render(page | {"links": Links.of(request)})

    @app.get("/loops/{usecase}", response_class=HTMLResponse, dependencies=SIGNED_IN)
    def loop(request: Request, usecase: str, reader: ReaderDep) -> str:
        with http_errors():
            spec = load_usecase(usecase)
        page = {"loop_": _loop(spec, reader), "reader": reader, "links": Links.of(request)}
        return TEMPLATES.get_template("loop.html").render(page)

    @app.get("/frame.js", dependencies=SIGNED_IN)
    def frame() -> FileResponse:
        return FileResponse(FRAME, media_type="text/javascript")

    app.include_router(catalog_pages.router(TEMPLATES))
    app.include_router(audit_pages.router(TEMPLATES))
    app.include_router(model_pages.router())
    app.include_router(rollout_pages.router(TEMPLATES))
    return app


def _line(spec: UseCase, reader: Reader, newest: int | None = 1) -> dict[str, Any]:
    """What the overview shows of a loop; of verdicts and decisions the newest."""
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


def _loop(spec: UseCase, reader: Reader) -> dict[str, Any]:
    adapters = reader.services.adapters
    checked = reader.records.gate_periods(spec)[-LOOKED_BACK:]
    return _line(spec, reader, newest=LOOKED_BACK) | {
        "looked_back": LOOKED_BACK,
        "slices": history.slice_rows(spec, reader.records.newest_slices(spec)),
        "gates": reader.records.gate_results(spec, periods=checked) if checked else [],
        "standing": reader.records.standing_warnings(spec),
        "quarantine": _held(reader.records.quarantined_rows(spec)),
        "reconciliations": reader.records.reconciliations(spec, newest=RECONCILIATIONS),
        "releases": adapters.releases.all(spec.name),
        "in_mlflow": partial(adapters.experiment_reader.page, spec.name),
    }


def _held(rows: list[QuarantinedRow]) -> list[tuple[tuple[str, ...], int]]:
    """Rows in quarantine: (period, gate, table, status, decided by, note) → how many."""
    fields = ("period", "gate", "table", "status", "decided_by", "note")
    return sorted(Counter(tuple(getattr(row, f) or "" for f in fields) for row in rows).items(), reverse=True)
