"""The page of a use case: what serves, how good it is, and what was decided."""

from collections import Counter
from functools import partial
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from include.contracts.quality import QuarantinedRow
from include.operations import history
from include.services.records import LOOKED_BACK
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.ui.access import SIGNED_IN, Reader, http_errors
from include.ui.pages.overview import line
from include.ui.view import ViewDep

RECONCILIATIONS = 60
"""Newest results that the page shows."""


def router() -> APIRouter:
    """``/loops/<usecase>``."""
    pages = APIRouter(prefix="/loops", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/{usecase}")
    def page(view: ViewDep, usecase: str) -> HTMLResponse:
        with http_errors():
            spec = load_usecase(usecase)
        return view.page("loop.html", spec, loop_=shown(spec, view.reader))

    return pages


def shown(spec: UseCase, reader: Reader) -> dict[str, Any]:
    """What the template needs."""
    adapters = reader.services.adapters
    checked = reader.records.gate_periods(spec)[-LOOKED_BACK:]
    return line(spec, reader, newest=LOOKED_BACK) | {
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
