"""The Moebius pages as one FastAPI app, behind Airflow's login; ``mounted`` makes it in the API server."""

from fastapi import FastAPI

from include.ui import static
from include.ui.headers import SafePages
from include.ui.pages import (
    access_review,
    actions,
    alerts,
    approvals,
    audit,
    catalog,
    checklist,
    compliance,
    cost,
    data,
    loop,
    models,
    monitoring,
    overview,
    pipelines,
    predictions,
    rollout,
    standard,
    verdicts,
    versions,
)

PAGES = (
    overview, standard, pipelines, loop, verdicts, versions, rollout, monitoring, alerts, approvals, predictions,
    models, data, cost, catalog, checklist, compliance, access_review, audit, actions, static,
)  # fmt: skip
"""Each has a ``router``; every route of it checks the login."""


def create_app() -> FastAPI:
    """The app; nothing is read or started here."""
    app = FastAPI(title="Moebius", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(SafePages)
    for page in PAGES:
        app.include_router(page.router())
    return app
